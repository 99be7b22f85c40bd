"""Search a request for its first valid token, if its header is not in the cache of verified tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Request, has_request_context
from flask import request as current_request

from flask_signet.exceptions import JWTExtendedException, NoAuthorizationError, SettingsError
from flask_signet.settings import nearest
from flask_signet.tokens.verifier import Verified
from flask_signet.web import locations
from flask_signet.web.defaults import LOCATIONS
from flask_signet.web.token_layer import Snapshot, TokenLayer


class HandedIn:
    """Replaces the request if the caller passes the token itself."""

    __slots__ = ("environ", "signet_credential", "token")

    signet_credential: Any  # set by the guard

    def __init__(self, token: str) -> None:
        self.environ = {"REQUEST_METHOD": ""}
        self.token = token


def first_good(
    layer: TokenLayer,
    request: Request | HandedIn,
    snapshot: Snapshot,
    where: tuple[str, ...],
    refresh: bool,
    now: float,
) -> tuple[Verified, str | None]:
    """Return the first valid and unexpired token in the locations *where*, and its location.

    A cookie that is invalid or lacks its CSRF value does not end the search: the browser sends it automatically, and
    the client may have sent a valid token in another location. In every other location an invalid token ends the
    search.

    :raises NoAuthorizationError: no location holds a token.
    :raises JWTExtendedException: the token is invalid or expired.
    """
    _judge_weakness(layer, snapshot)
    if isinstance(request, HandedIn):
        return _in_time(layer.verify(request.token, snapshot, now), now), None
    absent: list[str] = []
    refused: JWTExtendedException | None = None
    for location in where:
        try:
            if location == "headers":
                verified = _from_headers(layer, request, snapshot, now)
            else:
                verified = _from_elsewhere(layer, request, snapshot, location, refresh, now)
            _in_time(verified, now)
        except NoAuthorizationError as error:
            absent.append(str(error))
            if location == "cookies":
                from flask_signet.web.surroundings import look_at_missing_cookie  # only needed for a refusal

                kind = "REFRESH" if refresh else "ACCESS"
                names = layer.settings.refresh_cookies if refresh else layer.settings.access_cookies
                look_at_missing_cookie(layer, request, names, f"JWT_{kind}_COOKIE_PATH")
        except JWTExtendedException as error:
            if location != "cookies":
                raise
            refused = refused or error
        else:
            return verified, location
    if refused is not None:
        raise refused
    if len(where) == 1:
        raise NoAuthorizationError(absent[0])
    raise NoAuthorizationError(f"Missing JWT in {', '.join(where[:-1])} or {where[-1]} ({'; '.join(absent)})")


def _judge_weakness(layer: TokenLayer, snapshot: Snapshot) -> None:
    if snapshot.weakness is not None and layer.loaders.decode_key_callback is None:
        layer.judge_weakness(snapshot.weakness, current_request if has_request_context() else None)


def _in_time(verified: Verified, now: float) -> Verified:
    if now >= verified.expires_at:
        raise verified.expired()
    return verified


def _from_elsewhere(
    layer: TokenLayer, request: Request, snapshot: Snapshot, location: str, refresh: bool, now: float
) -> Verified:
    settings = layer.settings
    if location == "query_string":
        return layer.verify(locations.from_query(request, settings), snapshot, now)
    if location == "json":
        return layer.verify(locations.from_json(request, settings, refresh=refresh), snapshot, now)
    names = settings.refresh_cookies if refresh else settings.access_cookies
    token = locations.from_cookies(request, settings, names)
    proof = locations.csrf_value(request, settings, names)
    verified = layer.verify(token, snapshot, now)
    if proof is not None:
        locations.check_csrf(verified, proof or locations.csrf_of_form(request, names))
    return verified


def _from_headers(layer: TokenLayer, request: Request, snapshot: Snapshot, now: float) -> Verified:
    settings = snapshot.settings
    header: str | None = request.environ.get(settings.header_environ)
    scheme = settings.scheme
    if header is not None and scheme and header[: len(scheme)].lower() == scheme:
        token = header[len(scheme) :]
        # This is the usual form. Other forms are parsed strictly below.
        if token and not (" " in token or "," in token or "\t" in token):
            return layer.verify(token, snapshot, now, header)
    token = locations.from_headers(request, settings)
    return layer.verify(token, snapshot, now, header if token == header else None)


def checked_locations(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return the ``locations`` argument of a guard as a tuple.

    :raises SettingsError: a location does not exist.
    """
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in LOCATIONS:
            raise SettingsError(f"'{name}' is not a valid location{nearest(str(name), LOCATIONS)}")
    return names
