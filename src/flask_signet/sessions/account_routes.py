"""The account routes that need sessions: list and end sessions, change the password, change or delete the account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any, Final, TypedDict

from flask import Response, current_app, request

from flask_signet.accounts.routes import AccountAnswer
from flask_signet.exceptions import Conflict, CSRFError, InvalidCredentials, NotFound, WeakPassword
from flask_signet.sessions import cookie_mode
from flask_signet.sessions.login_answer import TokenAnswer, token_answer
from flask_signet.sessions.login_step import Transport
from flask_signet.sessions.looking import SessionInfo
from flask_signet.sessions.password_change import change_password_of
from flask_signet.sessions.route_services import (
    LONGEST_PASSWORD,
    Services,
    current_session_id,
    user_id_of,
    user_of,
)
from flask_signet.web.answers import empty_answer, json_answer
from flask_signet.web.bodies import Body
from flask_signet.web.fields import Note
from flask_signet.web.routes import FRESH_TOKEN, TOKEN, Call, Route
from flask_signet.web.surroundings import address_to_limit


class SessionAnswer(TypedDict):
    """A session of the user, on this or another device."""

    id: Annotated[str, Note(example="0195f0c2-7a31-7d50-9f6e-0d8c1c2b3a4f")]
    device: Annotated[str | None, Note(about="The User-Agent that logged in.", example="Mozilla/5.0 …")]
    ip: Annotated[str | None, Note(example="192.0.2.7")]
    created: Annotated[str, Note(format="date-time", example="2026-01-31T12:00:00Z")]
    last_seen: Annotated[str, Note(format="date-time", example="2026-01-31T12:14:10Z")]
    current: Annotated[bool, Note(about="Whether this is the session of the request.", example=True)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AccountChange:
    """The fields to change; an absent field is not changed."""

    username: Annotated[str | None, Note(example="maria")] = None
    email: Annotated[
        str | None, Note(about="null removes it.", max_length=320, null="", example="maria@example.com")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PasswordChange:
    """The current password and the new one."""

    current_password: Annotated[str, Note(max_length=LONGEST_PASSWORD)]
    password: Annotated[str, Note(max_length=LONGEST_PASSWORD)]
    transport: Annotated[
        Transport, Note(about="How the new refresh token comes: in the body of the answer, or as an HttpOnly cookie.")
    ] = "body"


def list_sessions(call: Call[Services, None]) -> Response:
    """List the active sessions of the user, the most recently used first."""
    current = current_session_id()
    return json_answer([_as_json(info, current) for info in call.services.sessions.listing(user_id_of(call.services))])


def end_session(call: Call[Services, None]) -> Response:
    """End one session of the user.

    A session of another user does not exist for this route.
    """
    services = call.services
    if services.sessions.end(call.path["session_id"], user_id=user_id_of(services), reason="revoked") is None:
        raise NotFound("There is no such session")
    return empty_answer()


def end_other_sessions(call: Call[Services, None]) -> Response:
    """End all sessions of the user except the current one."""
    call.services.sessions.end_others(user_id_of(call.services), current_session_id() or "")
    return empty_answer()


def change_password(call: Call[Services, PasswordChange]) -> Response:
    """Change the password.

    The current session continues with new tokens; all others end.
    """
    services, body = call.services, call.body()
    if body.transport == "cookie":
        cookie_mode.check_origin(current_app, request, services.sessions.settings)
    user = user_of(services)
    address = address_to_limit(request)
    with services.throttle.attempt("password", name=str(services.users.id_of(user)), network=address):
        granted = change_password_of(
            services, user, body.current_password, body.password, transport=body.transport, address=address
        )
    return token_answer(services, granted, body.transport)


def change_account(call: Call[Services, AccountChange]) -> Response:
    """Change the user name or the e-mail address."""
    services, body = call.services, call.body()
    user = user_of(services)
    if not services.users.editable:
        raise NotFound("This application has its own users and changes them in its own views")
    user_id = services.users.id_of(user)
    with services.throttle.attempt("account", name=str(user_id), network=address_to_limit(request)):
        changed = services.users.update(user_id, username=body.username, email=body.email)
    return json_answer(services.users.profile(changed).as_json())


def delete_account(call: Call[Services, None]) -> Response:
    """Delete the account and end all its sessions."""
    services = call.services
    user = user_of(services)
    if not services.users.editable:
        raise NotFound("This application has its own users and deletes them in its own views")
    user_id = services.users.id_of(user)
    with services.throttle.attempt("account", name=str(user_id), network=address_to_limit(request)):
        services.users.delete(user_id)
    return empty_answer()


ROUTES: Final[tuple[Route[Services, Any], ...]] = (
    Route(
        method="PATCH",
        path="/account",
        view=change_account,
        guard=FRESH_TOKEN,
        body=Body(type=AccountChange, unknown=("A field cannot be changed", "cannot be changed here")),
        answers={200: AccountAnswer},
        errors=(NotFound, Conflict),
        action="account",
    ),
    Route(
        method="DELETE",
        path="/account",
        view=delete_account,
        guard=FRESH_TOKEN,
        answers={204: None},
        errors=(NotFound,),
        action="account",
    ),
    Route(
        method="POST",
        path="/account/password",
        view=change_password,
        guard=TOKEN,
        body=Body(type=PasswordChange),
        answers={200: TokenAnswer},
        errors=(InvalidCredentials, WeakPassword, CSRFError),
        action="password",
    ),
    Route(
        method="GET",
        path="/account/sessions",
        view=list_sessions,
        guard=TOKEN,
        answers={200: list[SessionAnswer]},
    ),
    Route(
        method="DELETE",
        path="/account/sessions",
        view=end_other_sessions,
        guard=TOKEN,
        answers={204: None},
    ),
    Route(
        method="DELETE",
        path="/account/sessions/<session_id>",
        view=end_session,
        guard=TOKEN,
        answers={204: None},
        errors=(NotFound,),
    ),
)


def _as_json(info: SessionInfo, current: str | None) -> SessionAnswer:
    return {
        "id": info.id,
        "device": info.device,
        "ip": info.address,
        "created": _iso(info.created_at),
        "last_seen": _iso(info.used_at),
        "current": info.id == current,
    }


def _iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
