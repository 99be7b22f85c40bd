"""The HTTP face of sessions: ``/token``, the account's sessions and password, ``/health``.

What the routes need hangs on ``app.extensions["signet"]``; see :class:`Services`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache, partial
from typing import Any, Protocol, cast
from urllib.parse import parse_qs

from flask import Response, current_app, request
from sqlalchemy import Connection

from flask_signet.accounts import Accounts
from flask_signet.accounts.user_ids import UserId
from flask_signet.exceptions import (
    InvalidHeaderError,
    InvalidRequest,
    JWTDecodeError,
    JWTExtendedException,
    MfaRequired,
    NoAuthorizationError,
    NotFound,
    RevokedTokenError,
)
from flask_signet.sessions import cookie_mode
from flask_signet.sessions.granted import Granted, SessionInfo
from flask_signet.sessions.login_answer import Login
from flask_signet.sessions.login_flow import LoginFlow
from flask_signet.sessions.login_step import Attempt, Transport
from flask_signet.sessions.service import Sessions
from flask_signet.store import Store
from flask_signet.throttle import Throttle
from flask_signet.web import bounds
from flask_signet.web.answers import empty_answer, json_answer
from flask_signet.web.api import Api
from flask_signet.web.bodies import is_empty, json_object, json_or_form, text_field
from flask_signet.web.guards import get_jwt, get_jwt_identity, jwt_required, verify_jwt_in_request
from flask_signet.web.issuing import decode_token
from flask_signet.web.locations import from_headers
from flask_signet.web.surroundings import address_to_limit, look_at_proxy
from flask_signet.web.token_layer import layer_of

# Longer than every password that an account takes; what is longer is refused before any hashing.
_LONGEST_PASSWORD = 4_096


class Services(Protocol):
    """What ``app.extensions["signet"]`` offers these routes."""

    @property
    def users(self) -> Accounts:
        """The account service."""
        ...

    @property
    def sessions(self) -> Sessions:
        """The session service."""
        ...

    @property
    def login_flow(self) -> LoginFlow:
        """The one way to a session."""
        ...

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def throttle(self) -> Throttle:
        """How often a client may do what costs work."""
        ...

    def load(self, claims: Mapping[str, Any], identity: Any = None) -> Any | None:
        """Return the user of verified claims, or ``None``."""
        ...


def services() -> Services:
    """Return the services of the current application."""
    return cast(Services, current_app.extensions["signet"])


# --- /token ---------------------------------------------------------------------------------------------


def add_token_routes(api: Api) -> None:
    """Hang login, refresh and logout on *api*."""
    api.add_url_rule("/token", "login", login, methods=["POST"])
    api.add_url_rule("/token", "logout", logout, methods=["DELETE"])
    api.add_url_rule("/token/refresh", "refresh", refresh, methods=["POST"])


def login() -> Response:
    """``POST /token``: exchange name and password for tokens."""
    signet = services()
    look_at_proxy(layer_of(current_app), request)
    body = json_or_form(request)
    # A front end of an application whose users log in by their address sends it under that name.
    named = "email" if signet.users.login_name == "email" and "username" not in body else "username"
    username = _text(body, named, 1_024)
    password = _text(body, "password", _LONGEST_PASSWORD)
    transport = cookie_mode.transport_of(body)
    if transport == "cookie":
        if not bounds.is_json(request):
            raise InvalidRequest("Cookie mode needs a JSON body", fields={"transport": "needs a JSON body"})
        # Before the password is looked at: another site must not even log somebody in.
        cookie_mode.check_origin(current_app, request, signet.sessions.settings)
    since = signet.sessions.mark()
    user = signet.users.authenticate(username, password, address=address_to_limit(request))
    # The browser forgets the cookie that it holds, so the session behind it is nobody's any more.
    held = cookie_mode.read_any(current_app, request, signet.sessions.settings) if transport == "cookie" else None
    attempt = Attempt(
        user_id=signet.users.id_of(user),
        proofs=(signet.login_flow.proof("pwd"),),
        device=request.headers.get("User-Agent"),
        address=request.remote_addr,
        since=since,
        replaces=held,
        transport=cast(Transport, transport),
    )
    return _answer(signet.login_flow.proceed(attempt), transport)


def refresh() -> Response:
    """``POST /token/refresh``: exchange a refresh token for the next one."""
    signet = services()
    arrived = signet.sessions.arrival()
    presented, transport = _presented()
    if presented is None:
        if _bearer() is not None:
            raise NoAuthorizationError(
                "Missing refresh token: it does not belong in the Authorization header. Send it in the body, "
                'as JSON {"refresh_token": "sgr_..."}, or as the cookie of cookie mode'
            )
        raise NoAuthorizationError("Missing refresh token")
    return _answer(signet.sessions.rotate(presented, arrived=arrived), transport)


def logout() -> Response:
    """``DELETE /token``: this session is over, or with ``?everywhere=1`` all sessions of its user."""
    signet = services()
    everywhere = _everywhere()
    settings = signet.sessions.settings
    cookie = cookie_mode.read(current_app, request, settings)
    bearer = _bearer()
    if cookie is not None:
        cookie_mode.check_origin(current_app, request, settings)
    in_body = _refresh_token_of_body()
    if cookie is None and bearer is None and in_body is None:
        raise NoAuthorizationError("Missing token")
    if bearer is not None:
        _end_by_access_token(bearer, everywhere=everywhere)
    for presented in (cookie, in_body):
        if presented is not None:
            _end_by_refresh_token(presented, everywhere=everywhere)
    response = empty_answer()
    if cookie is not None:
        cookie_mode.clear(current_app, request, settings, response)
    return response


def _end_by_access_token(token: str, *, everywhere: bool) -> None:
    try:
        # An expired one is enough: whoever comes back from a break must be able to log out.
        claims = decode_token(token, allow_expired=True)
    except JWTDecodeError:
        return
    sid = claims.get("sid")
    if isinstance(sid, str):
        _end(sid, everywhere=everywhere)
    elif everywhere:
        _end_all_by_token_without_session()


def _end_by_refresh_token(token: str, *, everywhere: bool) -> None:
    sessions = services().sessions
    try:
        sid = sessions.session_of(token)
    except JWTDecodeError:
        return
    # Only the current token may end the other sessions: an old one from a log must not. It ends its own, as every
    # logout does.
    user_id = sessions.holder_of(token) if everywhere else None
    if user_id is not None:
        sessions.end_all(user_id, reason="everywhere")
    else:
        sessions.end(sid, reason="logout")


def _end(sid: str, *, everywhere: bool) -> None:
    sessions = services().sessions
    if not everywhere:
        sessions.end(sid, reason="logout")
        return
    # Only who holds a living session may end the others. And all end at once or none does: had this one ended by
    # itself before the store failed, nobody could ask again.
    info = sessions.get(sid)
    if info is not None:
        sessions.end_all(info.user_id, reason="everywhere")


def _end_all_by_token_without_session() -> None:
    """End all by a token that a view of the application made, if a guard would let it in."""
    try:
        verify_jwt_in_request(locations="headers")
    except JWTExtendedException:
        return
    signet, identity = services(), get_jwt_identity()
    user = signet.load(get_jwt())
    if user is not None:
        signet.sessions.end_all(signet.users.id_of(user), reason="everywhere")
    elif isinstance(identity, (int, str)) and not isinstance(identity, bool) and signet.users.get(identity) is None:
        # Nobody of ours, but the application made a token for it. A row that is there is another user's by now, and a
        # loose spelling of an id is no other user's either.
        meant = signet.users.canonical(identity)
        if meant is None or str(meant) == str(identity):
            signet.sessions.end_all(identity, reason="everywhere")


# --- /account -------------------------------------------------------------------------------------------


def add_account_routes(api: Api) -> None:
    """Hang the account's sessions, its password, and its change and end on *api*."""
    api.add_url_rule("/account", "change_account", change_account, methods=["PATCH"])
    api.add_url_rule("/account", "delete_account", delete_account, methods=["DELETE"])
    api.add_url_rule("/account/password", "change_password", change_password, methods=["POST"])
    api.add_url_rule("/account/sessions", "list_sessions", list_sessions, methods=["GET"])
    api.add_url_rule("/account/sessions", "end_other_sessions", end_other_sessions, methods=["DELETE"])
    api.add_url_rule("/account/sessions/<session_id>", "end_session", end_session, methods=["DELETE"])


@jwt_required()
def list_sessions() -> Response:
    """``GET /account/sessions``: the living sessions of the user, the one used last first."""
    current = _current_session()
    return json_answer([_as_json(info, current) for info in services().sessions.listing(_user_id())])


@jwt_required()
def end_session(session_id: str) -> Response:
    """``DELETE /account/sessions/<id>``: end one session of the user; somebody else's does not exist."""
    if services().sessions.end(session_id, user_id=_user_id(), reason="revoked") is None:
        raise NotFound("There is no such session")
    return empty_answer()


@jwt_required()
def end_other_sessions() -> Response:
    """``DELETE /account/sessions``: end all sessions of the user but the one that asks."""
    services().sessions.end_others(_user_id(), _current_session() or "")
    return empty_answer()


@jwt_required()
def change_password() -> Response:
    """``POST /account/password``: a new password; this session goes on with new tokens, all others end."""
    signet = services()
    body = json_object(request)
    current = _text(body, "current_password", _LONGEST_PASSWORD)
    new = _text(body, "password", _LONGEST_PASSWORD)
    transport = cookie_mode.transport_of(body)
    if transport == "cookie":
        cookie_mode.check_origin(current_app, request, signet.sessions.settings)
    user = _user(signet)
    # Slow, so once, after the current password was found right and before a transaction begins.
    new_hash = cache(partial(signet.users.hashed, new))

    def change(judged: str) -> Granted | None:
        return _replace_password(signet, user, judged, new_hash(), cast(Transport, transport))

    with signet.throttle.attempt("password", name=str(signet.users.id_of(user)), network=address_to_limit(request)):
        granted = signet.users.change_by_password(user, current, change, address=address_to_limit(request))
    return _answer(granted, transport)


def _replace_password(signet: Services, user: Any, judged: str, new: str, transport: Transport) -> Granted | None:
    """Replace the hash *judged* and end all sessions but this one; ``None`` if another hash is stored by now."""
    user_id, sid = signet.users.id_of(user), _current_session()

    def go_on(connection: Connection) -> Granted | MfaRequired:
        if sid is not None:
            signet.sessions.end_all_but(user_id, sid, reason="password", connection=connection)
            return signet.sessions.force_rotation(sid, fresh=True, connection=connection)
        signet.sessions.end_all(user_id, reason="password", connection=connection)
        attempt = Attempt(
            user_id=user_id,
            proofs=(signet.login_flow.proof("pwd"),),
            device=request.headers.get("User-Agent"),
            address=request.remote_addr,
            transport=transport,
        )
        try:
            return signet.login_flow.proceed(attempt, connection)
        except MfaRequired as required:
            return required  # raised after the commit: the password is changed

    answer = signet.users.change_hash(user, new, go_on, judged=judged)
    if isinstance(answer, MfaRequired):
        raise answer
    return answer


@jwt_required(fresh=True)
def change_account() -> Response:
    """``PATCH /account``: another user name or e-mail address."""
    signet = services()
    body = json_object(request)
    unknown = {name: "cannot be changed here" for name in body if name not in ("username", "email")}
    if unknown:
        raise InvalidRequest("A field cannot be changed", fields=unknown)
    user = _user(signet)
    if not signet.users.editable:
        raise NotFound("The accounts of this application are changed elsewhere")
    email = (
        "" if "email" in body and body["email"] is None else text_field(body, "email", max_length=320, required=False)
    )
    username = text_field(body, "username", max_length=1_024, required=False)
    user_id = signet.users.id_of(user)
    with signet.throttle.attempt("account", name=str(user_id), network=address_to_limit(request)):
        changed = signet.users.update(user_id, username=username, email=email)
    return json_answer(signet.users.profile(changed).as_json())


@jwt_required(fresh=True)
def delete_account() -> Response:
    """``DELETE /account``: the account and all its sessions are gone."""
    signet = services()
    user = _user(signet)
    if not signet.users.editable:
        raise NotFound("The accounts of this application are deleted elsewhere")
    user_id = signet.users.id_of(user)
    with signet.throttle.attempt("account", name=str(user_id), network=address_to_limit(request)):
        signet.users.delete(user_id)
    return empty_answer()


# --- /health --------------------------------------------------------------------------------------------


def add_health_route(api: Api) -> None:
    """Hang ``GET /health`` on *api*."""
    api.add_url_rule("/health", "health", health, methods=["GET"])


def health() -> Response:
    """``GET /health``: whether the store answers, asked at most once a second."""
    services().sessions.health.check()
    return json_answer({"status": "ok"})


def _everywhere() -> bool:
    if not bounds.query_fits(request):
        raise InvalidRequest("The query string is too long")
    return parse_qs(request.query_string.decode("latin-1")).get("everywhere", ["0"])[-1] in ("1", "true")


# --- Pieces ---------------------------------------------------------------------------------------------


def _answer(granted: Granted, transport: str) -> Response:
    return Login.of(granted, services().sessions.settings).response(cast(Transport, transport))


def _presented() -> tuple[str | None, Transport]:
    """Return the refresh token of the request and the way that it came.

    :raises InvalidRequest: it came both ways.
    :raises CSRFError: the cookie came from another site's page.
    """
    settings = services().sessions.settings
    cookie = cookie_mode.read(current_app, request, settings)
    in_body = _refresh_token_of_body()
    if cookie is None:
        return in_body, "body"
    if in_body is not None:
        raise InvalidRequest("The refresh token came in the body and as a cookie; send one of them")
    cookie_mode.check_origin(current_app, request, settings)
    return cookie, "cookie"


def _refresh_token_of_body() -> str | None:
    if is_empty(request):
        return None
    return text_field(json_object(request), "refresh_token", max_length=1_024, required=False)


def _bearer() -> str | None:
    try:
        return from_headers(request, layer_of(current_app).settings)
    except NoAuthorizationError:
        return None
    except InvalidHeaderError:
        return ""  # something came that is no token: as good as an unknown one


def _text(body: dict[str, object], name: str, longest: int) -> str:
    value = text_field(body, name, max_length=longest)
    assert value is not None
    return value


def _user_id() -> UserId:
    """Return the id of the user whom the token stands for, as the row has it.

    :raises RevokedTokenError: the token names nobody, or the row is another user's by now.
    """
    signet = services()
    return signet.users.id_of(_user(signet))


def _current_session() -> str | None:
    sid = get_jwt().get("sid")
    return sid if isinstance(sid, str) else None


def _user(signet: Services) -> Any:
    user = signet.load(get_jwt())
    if user is None:
        raise RevokedTokenError
    return user


def _as_json(info: SessionInfo, current: str | None) -> dict[str, Any]:
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
