"""What the tests of an application need: signed-in clients, a stopped clock, a clean start.

No test has to make tokens by hand, to wait, or to replace anything of ours.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from flask_signet.clock import Clock
from flask_signet.web.issuing import create_access_token
from flask_signet.web.layer import layer_of


@contextmanager
def signed_in(
    client: FlaskClient, user: Any, *, fresh: bool = True, claims: Mapping[str, Any] | None = None
) -> Generator[FlaskClient, None, None]:
    """Let every request of *client* carry a good access token of *user*, until the block ends.

    :param user: an identity, or an object with an ``id``.
    :param fresh: whether the token passes ``@jwt_required(fresh=True)``.
    :param claims: additional claims.
    """
    app = client.application
    layer = layer_of(app)
    with app.app_context():
        token = create_access_token(getattr(user, "id", user), fresh=fresh, additional_claims=claims)
    header = layer.settings.header_environ
    before = client.environ_base.get(header)
    client.environ_base[header] = f"{layer.settings.header_type} {token}".strip()
    try:
        yield client
    finally:
        if before is None:
            client.environ_base.pop(header, None)
        else:
            client.environ_base[header] = before


@dataclass(slots=True)
class StoppedClock:
    """The time of an application while :func:`frozen` holds it.

    :param now: seconds since 1970; set it, or :meth:`move` it.
    """

    now: float

    def move(self, seconds: float) -> None:
        """Let so many seconds pass, or go back by a negative number."""
        self.now += seconds


@contextmanager
def frozen(app: Flask, now: float | None = None) -> Generator[StoppedClock, None, None]:
    """Stop the clock of *app* until the block ends.

    :param now: seconds since 1970 to stop at; the present moment if absent.
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
    """Forget what was verified, throttled or kept in memory: *app* is as when it was made."""
    layer_of(app).forget()
    house = app.extensions.get("signet")
    if house is not None:
        house.close()
