"""An application under attack: sends what an attacker sends, and checks what must hold after every attempt."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flask_signet import JWTManager, create_access_token, get_jwt_identity, jwt_required
from flask_signet.clock import Clock
from flask_signet.tokens.issuer import Issuer
from tests.vectors import keys as test_keys

NOW = 1_800_000_000


def b64(data: bytes | str) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    """Return what *text* stands for, as most libraries read it."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(**members: Any) -> dict[str, Any]:
    """Return the claims of a good access token with *members* beside or instead of its own; None removes one."""
    good = {"sub": "42", "type": "access", "fresh": False, "iat": NOW, "nbf": NOW, "exp": NOW + 600, "jti": "a-b-c"}
    return {name: value for name, value in {**good, **members}.items() if value is not None}


class Victim:
    """A Flask application with one guarded view of each kind, its clock, and the key that it trusts.

    :param algorithm: whose test key signs.
    :param config: settings beside or instead of those for the key.
    """

    def __init__(self, algorithm: str = "HS256", **config: Any) -> None:
        self.now: float = NOW
        self.algorithm = algorithm
        self.app = Flask(__name__)
        ring = {"keys": [test_keys.jwk(algorithm)]}
        self.app.config.update(JWT_KEYS=ring, JWT_ALGORITHM=algorithm, SIGNET_ROUTES=["jwks"])
        self.app.config.update(config)
        self.jwt = JWTManager(self.app, clock=Clock(time=lambda: self.now, monotonic=lambda: self.now))
        for path, arguments in {
            "/protected": {},
            "/refresh": {"refresh": True},
            "/fresh": {"fresh": True},
            "/optional": {"optional": True},
            "/any": {"verify_type": False},
        }.items():
            view = jwt_required(**arguments)(lambda: {"user": get_jwt_identity()})
            self.app.add_url_rule(path, path.strip("/"), view, methods=["GET", "POST"])
        self.client = self.app.test_client()
        self._log = _Log()

    @property
    def key(self) -> Any:
        """The key that signs, as the application holds it."""
        with self.app.app_context():
            return self.app.extensions["flask-signet-tokens"].snapshot().ring.current

    def sign(self, payload: Mapping[str, Any] | bytes, header: Mapping[str, Any] | bytes | None = None) -> str:
        """Return a token with a good signature over any payload and header.

        :param header: instead of ``alg``, ``typ`` and ``kid`` of the key; bytes are taken as they are.
        """
        key = self.key
        given = {"alg": key.algorithm, "typ": "JWT", "kid": key.key_id} if header is None else header
        head = given if isinstance(given, bytes) else json.dumps(given).encode()
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        signing_input = f"{b64(head)}.{b64(body)}"
        return f"{signing_input}.{b64(key.sign(signing_input.encode()))}"

    def header(self, **members: Any) -> dict[str, Any]:
        """Return the header of a good token with *members* beside or instead of its own; None removes one."""
        key = self.key
        good = {"alg": key.algorithm, "typ": "JWT", "kid": key.key_id}
        return {name: value for name, value in {**good, **members}.items() if value is not None}

    def good(self, **members: Any) -> str:
        """Return a token that the application made or could have made."""
        return Issuer(self.key).issue(claims(**members))

    def own(self, identity: Any = 7, **arguments: Any) -> str:
        """Return a token made by the application's own function."""
        with self.app.app_context():
            return create_access_token(identity, **arguments)

    def send(self, token: str | bytes, path: str = "/protected", **arguments: Any) -> TestResponse:
        """Send *token* as a bearer token."""
        text = token.decode("latin-1") if isinstance(token, bytes) else token
        return self.client.get(path, headers={"Authorization": f"Bearer {text}"}, **arguments)

    def check_alive(self) -> None:
        """Check that an honest request is still answered: an attack must leave nothing behind."""
        answer = self.send(self.good(jti="honest"))

        assert (200, {"user": "42"}) == (answer.status_code, answer.json)

    def check_refusal(self, answer: TestResponse, *, error: str = "invalid_token") -> None:
        """Check a refusal of a credential as every refusal must be."""
        assert (401, error) == (answer.status_code, (answer.json or {}).get("error")), answer.text
        expected = "Bearer" if error == "missing_token" else 'Bearer error="invalid_token"'
        assert expected == answer.headers["WWW-Authenticate"]
        assert "no-store" == answer.headers["Cache-Control"]
        assert {"error", "msg"} == set(answer.json or {})

    def check_refused(self, token: str | bytes, path: str = "/protected", *, error: str = "invalid_token") -> None:
        """Send *token*; check its refusal, that neither answer nor log repeats it, and that the server lives on."""
        with self._log.watched() as lines:
            answer = self.send(token, path)

        self.check_refusal(answer, error=error)
        text = token.decode("latin-1") if isinstance(token, bytes) else token
        parts = [part for part in text.split(".") if len(part) > 24]
        assert not any(part in answer.text or part in line for part in parts for line in [*lines, ""])
        self.check_alive()

    def check_accepted(self, token: str, path: str = "/protected") -> None:
        """Send *token* and check that it is let in."""
        answer = self.send(token, path)

        assert 200 == answer.status_code, answer.text


class _Log(logging.Handler):
    """Keeps every line of every logger at DEBUG while it is watched."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        root = logging.getLogger()
        level = root.level
        self.lines.clear()
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        try:
            yield self.lines
        finally:
            root.removeHandler(self)
            root.setLevel(level)
