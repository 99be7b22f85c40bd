"""Every place where bytes of a stranger are read before a signature or a password is checked, with its limit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import clear_cache

from flask import Flask, Request
from werkzeug.test import EnvironBuilder

from flask_signet import JWTManager
from flask_signet.accounts import names, table_editor
from flask_signet.accounts.names import nfc
from flask_signet.clock import SYSTEM
from flask_signet.exceptions import SettingsError, SignetError
from flask_signet.sessions import cookie_mode, session_tokens
from flask_signet.sessions import settings as session_settings
from flask_signet.sessions.account_routes import AccountChange
from flask_signet.sessions.opening import printable
from flask_signet.throttle import attempts
from flask_signet.tokens import inspect, jws, key_material, keys, ring, signature
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.verifier import Verifier
from flask_signet.web import bodies, locations
from flask_signet.web import locations as find
from tests.attacks import shapes
from tests.attacks.shapes import Grammar
from tests.attacks.world import b64
from tests.vectors import keys as test_keys


@dataclass(frozen=True, kw_only=True)
class EntryPoint:
    """One reader of a stranger's bytes.

    :param limit: how long the input may be, in bytes or characters; what is longer is refused unread.
    :param read: the reader; it may refuse.
    :param sent: how long what a server hands on may be, where the reader refuses sooner.
    :param operator: what is read is a file or setting of the operator, who may wait.
    """

    name: str
    grammar: Grammar
    limit: int
    read: Callable[[str], Any]
    sent: int | None = None
    operator: bool = False

    def __str__(self) -> str:
        return self.name

    def judge(self, text: str) -> None:
        """Read *text*; any result is right except an error of the server."""
        with suppress(SignetError, SettingsError, ValueError):
            self.read(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _header(text: str) -> str:
    """Return *text* as WSGI gives a header (PEP 3333)."""
    return _bytes(text).decode("latin-1")


class _NoRootKey:
    current_number = 1

    def derive(self, label: str, number: int | None = None) -> bytes:  # the port has them
        return bytes(32)

    def reload(self) -> None:
        """There is nothing to read."""


def entry_points() -> Iterator[EntryPoint]:
    """Return all of them."""
    logging.getLogger("flask_signet").addHandler(logging.NullHandler())
    app = Flask(__name__)
    app.config.update(JWT_SECRET_KEY="y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe", JWT_TOKEN_LOCATION=["headers", "json"])
    JWTManager(app)
    settings = app.extensions["flask-signet-tokens"].settings
    cookie_settings = session_settings.read(app.config)
    environ = EnvironBuilder("/", method="POST", base_url="https://a.example/").get_environ()
    policy = Policy()
    key = keys.symmetric(b"y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe", "HS256")
    verifier = Verifier((key,), policy)
    public = test_keys.public_jwk("EdDSA")
    refresh = session_tokens.RefreshTokens(_NoRootKey(), SYSTEM)

    def request(body: bytes = b"", kind: str = "application/json", **members: str) -> Request:
        lent = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
        return Request({**environ, **lent, **members})

    def with_body(read: Callable[[Request], Any], kind: str = "application/json") -> Callable[[str], Any]:
        return lambda text: read(request(_bytes(text), kind))

    def with_header(read: Callable[[Request], Any], name: str) -> Callable[[str], Any]:
        return lambda text: read(request(**{name: _header(text)}))

    def origin(asked: Request) -> None:
        clear_cache()
        app.debug = True
        cookie_mode.check_origin(app, asked, cookie_settings)

    def add(name: str, grammar: Grammar, limit: int, read: Callable[[str], Any], **more: Any) -> EntryPoint:
        return EntryPoint(name=name, grammar=grammar, limit=limit, read=read, **more)

    form, parts = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
    segment = (policy.max_token_bytes - 10) * 3 // 4
    # The one that names each unknown field: it does the most.
    change = bodies.Body(type=AccountChange, unknown=("A field cannot be changed", "cannot be changed here"))
    yield add("JSON body of our routes", shapes.JSON, bodies.LIMIT, with_body(change.read))
    yield add(
        "JSON body that may hold a token",
        shapes.JSON,
        settings.max_json_bytes,
        with_body(lambda asked: find.from_json(asked, settings, refresh=False)),
    )
    yield add("form", shapes.FORM, bodies.LIMIT, with_body(bodies.json_or_form, form))
    yield add("form in parts", shapes.MULTIPART, bodies.PARTS_LIMIT, with_body(bodies.json_or_form, parts))
    yield add(
        "content type",
        shapes.MEDIA_TYPE,
        bodies.CONTENT_TYPE,
        with_header(bodies.json_or_form, "CONTENT_TYPE"),
        sent=65_536,
    )
    yield add("token", shapes.TOKEN, policy.max_token_bytes, verifier.check)
    yield add("header of a token", shapes.JSON, segment, lambda text: verifier.check(f"{b64(_bytes(text))}.e30.AAAA"))
    yield add("payload of a token", shapes.JSON, segment, lambda text: jws.read_payload(b64(_bytes(text)).encode()))
    yield add(
        "Authorization",
        shapes.AUTHORIZATION,
        policy.max_token_bytes + 4_096,
        with_header(lambda asked: find.from_headers(asked, settings), "HTTP_AUTHORIZATION"),
        sent=65_536,
    )
    access = settings.access_cookies
    yield add(
        "cookies of a guard",
        shapes.COOKIE,
        locations.COOKIE_BYTES,
        with_header(lambda asked: find.from_cookies(asked, settings, access), "HTTP_COOKIE"),
        sent=65_536,
    )
    yield add(
        "cookies of our routes",
        shapes.COOKIE,
        locations.COOKIE_BYTES,
        with_header(lambda asked: cookie_mode.read(app, asked, cookie_settings), "HTTP_COOKIE"),
        sent=65_536,
    )
    yield add(
        "query string",
        shapes.FORM,
        locations.QUERY_BYTES + policy.max_token_bytes,
        with_header(lambda asked: find.from_query(asked, settings), "QUERY_STRING"),
        sent=65_536,
    )
    yield add("Origin", shapes.ADDRESS, 8_192, with_header(origin, "HTTP_ORIGIN"))
    yield add(
        "Host",
        shapes.ADDRESS,
        8_192,
        with_header(lambda asked: cookie_mode.is_secure(app, asked, cookie_settings), "HTTP_HOST"),
    )
    yield add("address of the client", shapes.ADDRESS, 8_192, attempts.network_of)
    yield add("User-Agent", shapes.NAME, 8_192, lambda text: printable(text, 255))
    yield add("user name", shapes.NAME, names.MAX_LENGTH, names.canonical)
    yield add("password", shapes.PASSWORD, 4_096, nfc)
    yield add("e-mail address", shapes.EMAIL, 320, table_editor.checked_email)
    yield add("refresh token", shapes.TOKEN, 1_024, lambda text: refresh.parse("sgr_" + text))
    yield add("JWS of others", shapes.TOKEN, 65_536, lambda text: signature.verify_signature(text, public))
    yield add("command token inspect", shapes.TOKEN, 16_384, lambda text: inspect.inspect(text, now=0), operator=True)
    yield add("ring of keys", shapes.JSON, 16_384, lambda text: ring.from_text(_bytes(text)), operator=True)
    yield add("secret", shapes.KEY, 8_192, lambda text: key_material.looks_public(_bytes(text)), operator=True)
