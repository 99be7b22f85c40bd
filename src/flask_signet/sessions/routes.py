"""The routes ``/token`` and ``/token/refresh``: login, refresh, logout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from flask import Response, current_app, request

from flask_signet.exceptions import (
    CSRFError,
    InvalidCredentials,
    InvalidHeaderError,
    InvalidRequest,
    JWTDecodeError,
    JWTExtendedException,
    MfaRequired,
    NoAuthorizationError,
    RevokedTokenError,
    TokenExpired,
)
from flask_signet.sessions import cookie_mode
from flask_signet.sessions.login_answer import TokenAnswer, open_session, token_answer
from flask_signet.sessions.login_step import Transport
from flask_signet.sessions.route_services import LONGEST_PASSWORD, Services
from flask_signet.sessions.settings import SessionSettings
from flask_signet.web.answers import empty_answer
from flask_signet.web.bodies import Body, is_json
from flask_signet.web.fields import Note
from flask_signet.web.guards import get_jwt, get_jwt_identity, verify_jwt_in_request
from flask_signet.web.issuing import decode_token
from flask_signet.web.locations import from_headers, query_fits
from flask_signet.web.routes import Call, Route
from flask_signet.web.surroundings import address_to_limit
from flask_signet.web.token_layer import layer_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LoginBody:
    """A user name and a password."""

    username: Annotated[
        str,
        Note(
            about="If users log in by their e-mail address, the field may be named `email`.",
            or_name="email",
            example="alesanchezr",
        ),
    ]
    password: Annotated[str, Note(max_length=LONGEST_PASSWORD)]
    transport: Annotated[
        Transport,
        Note(about="How the refresh token is sent: in the response body, or as an HttpOnly cookie (JSON only)."),
    ] = "body"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RefreshBody:
    """The refresh token, if it is not sent as a cookie."""

    refresh_token: Annotated[str | None, Note(example="sgr_…")] = None


# --- The views ------------------------------------------------------------------------------------------


def login(call: Call[Services, LoginBody]) -> Response:
    """Exchange a user name and a password for tokens."""
    services = call.services
    address = address_to_limit(request)
    # If users log in by their e-mail address, the front end may send it in the field `email`.
    body = call.body(lambda: services.users.login_name == "email")
    if body.transport == "cookie":
        if not is_json(request):
            raise InvalidRequest("Cookie mode needs a JSON body", fields={"transport": "needs a JSON body"})
        # Before the password is checked: another site must not be able to log a visitor in.
        cookie_mode.check_origin(current_app, request, services.sessions.settings)
    sessions, users = services.sessions, services.users
    since = sessions.mark()
    user_id = users.authenticated_id(body.username, body.password, address=address)
    # The browser replaces the cookie that it holds, so no client can use the session of that cookie any more.
    held = None
    if body.transport == "cookie":
        held = cookie_mode.read_any(current_app, request, sessions.settings)
    granted = open_session(services, user_id, since, transport=body.transport, replaces=held)
    return token_answer(services, granted, body.transport)


def refresh(call: Call[Services, RefreshBody]) -> Response:
    """Exchange a refresh token for the next one.

    The client sends the refresh token in the body or as a cookie; the new one is returned the same way.
    """
    services = call.services
    sessions = services.sessions
    arrived = sessions.arrival()
    presented, transport = _presented(call, sessions.settings)
    if presented is None:
        if _bearer() is not None:
            raise NoAuthorizationError(
                "Missing refresh token: it does not belong in the Authorization header. Send it in the body, "
                'as JSON {"refresh_token": "sgr_..."}, or as the cookie of cookie mode'
            )
        raise NoAuthorizationError("Missing refresh token")
    return token_answer(services, sessions.rotate(presented, arrived=arrived), transport)


def logout(call: Call[Services, RefreshBody]) -> Response:
    """End the session of a token, or all sessions of its user.

    One of three is enough: an access token (even an expired one), or a refresh token in the body or as a cookie.
    """
    services = call.services
    everywhere = _everywhere()
    settings = services.sessions.settings
    cookie = cookie_mode.read(current_app, request, settings)
    bearer = _bearer()
    if cookie is not None:
        cookie_mode.check_origin(current_app, request, settings)
    in_body = call.body().refresh_token
    if cookie is None and bearer is None and in_body is None:
        raise NoAuthorizationError("Missing token")
    if bearer is not None:
        _end_by_access_token(services, bearer, everywhere=everywhere)
    for presented in (cookie, in_body):
        if presented is not None:
            _end_by_refresh_token(services, presented, everywhere=everywhere)
    response = empty_answer()
    if cookie is not None:
        cookie_mode.clear(current_app, request, settings, response)
    return response


ROUTES: Final[tuple[Route[Services, Any], ...]] = (
    Route(
        method="POST",
        path="/token",
        view=login,
        guard=None,
        body=Body(type=LoginBody, form=True),
        answers={200: TokenAnswer},
        errors=(InvalidCredentials, MfaRequired, CSRFError),
        action="login",
    ),
    Route(
        method="DELETE",
        path="/token",
        view=logout,
        guard=None,
        body=Body(type=RefreshBody, optional=True),
        answers={204: None},
        errors=(NoAuthorizationError, JWTDecodeError),
        credentials=("bearer", "cookie"),
        query={"everywhere": "1 ends all sessions of the user."},
    ),
    Route(
        method="POST",
        path="/token/refresh",
        view=refresh,
        guard=None,
        body=Body(type=RefreshBody, optional=True),
        answers={200: TokenAnswer},
        errors=(NoAuthorizationError, JWTDecodeError, TokenExpired, RevokedTokenError),
        credentials=("cookie",),
    ),
)


# --- Ending sessions --------------------------------------------------------------------------------------


def _end_by_access_token(services: Services, token: str, *, everywhere: bool) -> None:
    try:
        # An expired token is enough: a client that was offline for a while must be able to log out.
        claims = decode_token(token, allow_expired=True)
    except JWTDecodeError:
        return
    sid = claims.get("sid")
    if isinstance(sid, str):
        _end(services, sid, everywhere=everywhere)
    elif everywhere:
        _end_all_by_token_without_session(services)


def _end_by_refresh_token(services: Services, token: str, *, everywhere: bool) -> None:
    sessions = services.sessions
    try:
        sid = sessions.session_of(token)
    except JWTDecodeError:
        return
    # Only the current token may end the other sessions; an old token from a log must not. An old token still ends
    # its own session, as every logout does.
    user_id = sessions.holder_of(token) if everywhere else None
    if user_id is not None:
        sessions.end_all(user_id, reason="everywhere")
    else:
        sessions.end(sid, reason="logout")


def _end(services: Services, sid: str, *, everywhere: bool) -> None:
    sessions = services.sessions
    if not everywhere:
        sessions.end(sid, reason="logout")
        return
    # Only the holder of an active session may end the others. All sessions end in one transaction: if this one ended
    # alone and then the store failed, the client could not retry.
    info = sessions.get(sid)
    if info is not None:
        sessions.end_all(info.user_id, reason="everywhere")


def _end_all_by_token_without_session(services: Services) -> None:
    """End all sessions of the user of a token without ``sid``, if a guard would accept the token."""
    try:
        verify_jwt_in_request(locations="headers")
    except JWTExtendedException:
        return
    identity = get_jwt_identity()
    user = services.load(get_jwt())
    if user is not None:
        services.sessions.end_all(services.users.id_of(user), reason="everywhere")
    elif isinstance(identity, (int, str)) and not isinstance(identity, bool) and services.users.get(identity) is None:
        # The account service does not know this user, but the application made a token for the identity. If a row
        # exists, it now belongs to another user. A non-canonical spelling must not end another user's sessions either.
        meant = services.users.canonical(identity)
        if meant is None or str(meant) == str(identity):
            services.sessions.end_all(identity, reason="everywhere")


# --- Reading the request ----------------------------------------------------------------------------------


def _everywhere() -> bool:
    if not query_fits(request):
        raise InvalidRequest("The query string is too long")
    return parse_qs(request.query_string.decode("latin-1")).get("everywhere", ["0"])[-1] in ("1", "true")


def _presented(call: Call[Services, RefreshBody], settings: SessionSettings) -> tuple[str | None, Transport]:
    """Return the refresh token of the request and its transport.

    :raises InvalidRequest: the request has a token in the body and in a cookie.
    :raises CSRFError: a page of another site sent the cookie.
    """
    cookie = cookie_mode.read(current_app, request, settings)
    in_body = call.body().refresh_token
    if cookie is None:
        return in_body, "body"
    if in_body is not None:
        raise InvalidRequest("Send the refresh token in the body or as a cookie, not both")
    cookie_mode.check_origin(current_app, request, settings)
    return cookie, "cookie"


def _bearer() -> str | None:
    try:
        return from_headers(request, layer_of(current_app).settings)
    except NoAuthorizationError:
        return None
    except InvalidHeaderError:
        return ""  # the header holds an invalid token: handle it like an unknown one
