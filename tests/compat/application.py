"""Applications under test, made as users of Flask-JWT-Extended make theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, jsonify
from flask.testing import FlaskClient

from flask_signet import JWTManager, create_access_token, create_refresh_token, get_jwt, get_jwt_identity, jwt_required
from flask_signet.clock import Clock
from flask_signet.tokens import keys
from flask_signet.tokens.issuer import Issuer

SECRET = "tq3Vx7Lr9Zk2Mw8Nc4Hd6Jf1Gs5Pb0-of-the-tests-for-HS256"
NOW = 1_800_000_000


@dataclass
class Hands:
    """A clock whose hands a test moves."""

    now: float = NOW

    def clock(self) -> Clock:
        return Clock(time=lambda: self.now, monotonic=lambda: self.now)


@dataclass
class World:
    """One application with the routes that most tests need."""

    app: Flask
    jwt: JWTManager
    hands: Hands
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def access(self, identity: Any = "ann", **arguments: Any) -> str:
        with self.app.test_request_context():
            return create_access_token(identity, **arguments)

    def refresh(self, identity: Any = "ann", **arguments: Any) -> str:
        with self.app.test_request_context():
            return create_refresh_token(identity, **arguments)

    def raw(self, claims: dict[str, Any], *, headers: dict[str, Any] | None = None) -> str:
        """Return a token with exactly these claims, signed with the application's secret."""
        return Issuer(keys.symmetric(SECRET, "HS256")).issue(claims, headers=headers)

    def guarded(self, path: str, **arguments: Any) -> None:
        """Add a view that tells the identity, guarded with *arguments*."""

        @self.app.route(path, methods=["GET", "POST", "OPTIONS"], endpoint=path)
        @jwt_required(**arguments)
        def view() -> Any:
            return jsonify(identity=get_jwt_identity(), claims=get_jwt())

    def get(self, path: str, token: str | None = None, **arguments: Any) -> Any:
        return self.client.get(path, headers=bearer(token), **arguments)


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def world(setup: Callable[[JWTManager], object] | None = None, **config: Any) -> World:
    """Return an application with ``/access``, ``/refresh``, ``/fresh`` and ``/optional``."""
    app = Flask("app")
    app.config.update(JWT_SECRET_KEY=SECRET, **config)
    hands = Hands()
    made = World(app, JWTManager(app, clock=hands.clock()), hands)
    if setup is not None:
        setup(made.jwt)
    made.guarded("/access")
    made.guarded("/refresh", refresh=True)
    made.guarded("/fresh", fresh=True)
    made.guarded("/optional", optional=True)
    return made
