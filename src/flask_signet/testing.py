"""Helpers for the tests of an application: signed-in clients, a stopped clock, a reset.

With them a test needs no hand-made tokens, no waiting and no mocks of this package.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient

from flask_signet.clock import Clock
from flask_signet.exceptions import SettingsError
from flask_signet.web.issuing import create_access_token, get_csrf_token
from flask_signet.web.settings import CookieNames, environ_name
from flask_signet.web.token_layer import layer_of


@contextmanager
def signed_in(
    client: FlaskClient, user: Any, *, fresh: bool = True, claims: Mapping[str, Any] | None = None
) -> Generator[FlaskClient, None, None]:
    """Send a valid access token of *user* with every request of *client*, until the block ends.

    It comes in the header; where ``JWT_TOKEN_LOCATION`` does not name that, as a cookie with its proof.

    :param user: an identity, or an object with an ``id``. A registered ``user_identity_loader`` gets it as it is.
    :param fresh: whether the token passes ``@jwt_required(fresh=True)``.
    :param claims: additional claims.
    :raises SettingsError: ``JWT_TOKEN_LOCATION`` has neither headers nor cookies, or *user* is a user name, not an id.
    """
    app = client.application
    layer = layer_of(app)
    with app.app_context():
        has_loader = layer.loaders.user_identity_callback is not None
        if isinstance(user, str) and not has_loader:
            _refuse_name(app, user)
        identity = user if has_loader else _identity(app, user)
        token = create_access_token(identity, fresh=fresh, additional_claims=claims)
        settings = layer.settings
        if "headers" in settings.locations:
            carrier = _in_environ(client, settings.header_environ, f"{settings.header_type} {token}".strip())
        elif "cookies" in settings.locations:
            proof = get_csrf_token(token) if settings.csrf_protect else ""
            carrier = _as_cookie(client, settings.access_cookies, token, proof)
        else:
            raise SettingsError("signed_in needs 'headers' or 'cookies' in JWT_TOKEN_LOCATION")
    with carrier:
        yield client


def _refuse_name(app: Flask, user: str) -> None:
    """Refuse a user name: its token would be valid, but for a user that does not exist."""
    house = app.extensions.get("signet")
    if house is None or house.users.get(user) is not None:
        return
    found = house.users.find(user)
    if found is not None:
        raise SettingsError(
            f"signed_in takes a user or the id of one, and {user!r} is a user name: "
            f"write signed_in(client, {house.id_of(found)!r}) or signed_in(client, signet.users.find({user!r}))"
        )


def _identity(app: Flask, user: Any) -> Any:
    """Return what names *user* in a token, as a login has it there: the id, and a UUID as its text."""
    house = app.extensions.get("signet")
    found = getattr(user, "id", user) if house is None else house.id_of(user)
    return str(found) if isinstance(found, UUID) else found


@contextmanager
def _in_environ(client: FlaskClient, name: str, value: str) -> Generator[None, None, None]:
    before = client.environ_base.get(name)
    client.environ_base[name] = value
    try:
        yield
    finally:
        if before is None:
            client.environ_base.pop(name, None)
        else:
            client.environ_base[name] = before


@contextmanager
def _as_cookie(client: FlaskClient, names: CookieNames, token: str, proof: str) -> Generator[None, None, None]:
    before = client.get_cookie(names.name)
    client.set_cookie(names.name, token)
    try:
        with _in_environ(client, environ_name(names.csrf_header), proof):
            yield
    finally:
        client.delete_cookie(names.name)
        if before is not None:
            client.set_cookie(names.name, before.value)


@dataclass(slots=True)
class StoppedClock:
    """The stopped clock of an application, as :func:`frozen` gives it.

    :param now: seconds since 1970; set it, or :meth:`move` it.
    """

    now: float

    def move(self, seconds: float) -> None:
        """Move the clock forward by *seconds*, or back by a negative number."""
        self.now += seconds


@contextmanager
def frozen(app: Flask, now: float | None = None) -> Generator[StoppedClock, None, None]:
    """Stop the clock of *app* until the block ends.

    :param now: time to stop at, in seconds since 1970; ``None``: the current time.
    """
    clock: Clock = layer_of(app).clock
    time, monotonic = clock.time, clock.monotonic
    begin = time() if now is None else float(now)
    stopped = StoppedClock(begin)
    start = monotonic()
    clock.time = lambda: stopped.now
    clock.monotonic = lambda: start + stopped.now - begin
    try:
        yield stopped
    finally:
        clock.time, clock.monotonic = time, monotonic


def reset(app: Flask) -> None:
    """Clear what *app* keeps in memory: verified tokens, throttling, and a database in memory."""
    layer_of(app).forget()
    house = app.extensions.get("signet")
    if house is not None:
        house.forget()
