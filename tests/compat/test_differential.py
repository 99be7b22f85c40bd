"""The same requests to Flask-JWT-Extended and to us: every difference is one that the moving page lists.

With ``JWT_COMPAT`` statuses and bodies are compared as they are: whether a request passes, what the view sees, and the
body of a refusal.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import flask_jwt_extended as theirs
from flask import Flask, jsonify

import flask_signet as ours
from tests.compat.application import SECRET

NOW = int(time.time())
GOOD: dict[str, Any] = {
    **{"sub": "ann", "type": "access", "fresh": False, "jti": "1", "csrf": "proof"},
    **{"iat": NOW - 5, "nbf": NOW - 5, "exp": NOW + 3_600},
}
HEAD: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}

# What the moving page says, in short. A token or request that is marked with one may be answered otherwise.
STRICT = "strict where two readers could differ, or where RFC 7519 says what a claim is"
KIND = "only access tokens, or those without a type, are access tokens"
CLOCKS = "ten seconds ahead are accepted"
HINT = "keys are never taken from a token, and it was made for something else"
LONG = "no longer than 8 KiB"
NUL = "no identity with NUL"
WORDS = "a text that is no token is put in other words"
SCHEME = "the scheme has no case"
TWO = "two tokens in one header are a malformed header"
COOKIE = "a bad cookie does not stop a good token elsewhere"
ORDER = "of two faults the other one may be named"
DEFECT = "a 500 there"
OPTIONS = "claims may be asked for in OPTIONS"
REASONS = {STRICT, KIND, CLOCKS, HINT, LONG, NUL, WORDS, SCHEME, TWO, COOKIE, ORDER, DEFECT, OPTIONS}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sign(payload: Any, header: Any = HEAD, secret: str = SECRET) -> str:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    text = ".".join(map(encode, parts))
    return f"{text}.{encode(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"


def claims(**members: Any) -> str:
    return sign({**GOOD, **members})


def without(name: str) -> str:
    return sign({key: value for key, value in GOOD.items() if key != name})


# name → token, and why it may be answered otherwise
TOKENS: dict[str, tuple[str, str | None]] = {
    "good": (claims(), None),
    "fresh": (claims(fresh=True), None),
    "fresh until": (claims(fresh=NOW + 3_600.5), None),
    "no more fresh": (claims(fresh=NOW - 60), None),
    "fresh is a text": (claims(fresh="true"), DEFECT),
    "refresh": (claims(type="refresh"), None),
    "another kind": (claims(type="mfa"), KIND),
    "no kind": (without("type"), None),
    "expired": (claims(exp=NOW - 60), None),
    "expired, another audience": (claims(exp=NOW - 60, aud="other"), None),
    "no end": (without("exp"), None),
    "end as digits": (claims(exp=str(NOW + 60)), STRICT),
    "end as a bool": (claims(exp=True), STRICT),
    "end beyond all floats": (sign(json.dumps({**GOOD, "exp": 0})[:-2].encode() + b"1" + b"0" * 400 + b"}"), None),
    "of tomorrow": (claims(nbf=NOW + 86_400), ORDER),
    "of the next seconds": (claims(iat=NOW + 5), CLOCKS),
    "another key": (sign(GOOD, secret="another-secret-of-the-tests-that-is-long-enough"), None),
    "no signature": (claims().rpartition(".")[0] + ".", None),
    "another algorithm": (sign(GOOD, {"alg": "HS384"}), None),
    "none": (sign(GOOD, {"alg": "none"}).rpartition(".")[0] + ".", None),
    "no algorithm": (sign(GOOD, {"typ": "JWT"}), None),
    "a name of a key": (sign(GOOD, {**HEAD, "kid": "x"}), None),
    "a link to a key": (sign(GOOD, {**HEAD, "jku": "https://a.test"}), HINT),
    "critical": (sign(GOOD, {**HEAD, "crit": ["x"], "x": 1}), None),
    "another type": (sign(GOOD, {**HEAD, "typ": "dpop+jwt"}), HINT),
    "nobody": (without("sub"), None),
    "an int": (claims(sub=7), ORDER),
    "NUL": (claims(sub="a\0b"), NUL),
    "jti is an int": (claims(jti=7), ORDER),
    "audience": (claims(aud=["us", "them"]), None),
    "audience is an int": (claims(aud=7), STRICT),
    "issuer": (claims(iss="us", aud="us"), None),
    "issuer is a list": (claims(iss=["us"]), STRICT),
    "no proof inside": (without("csrf"), None),
    "proof is an int": (claims(csrf=7), DEFECT),
    "a name twice": (sign(json.dumps(GOOD)[:-1].encode() + b',"sub":"bob"}'), STRICT),
    "UTF-16": (sign(json.dumps(GOOD).encode("utf-16")), STRICT),
    "a list": (sign([1]), None),
    "no JSON": (sign(b"{x"), None),
    "padded": (claims() + "=", STRICT),
    "too long": (claims(x="y" * 9_000), LONG),
    "two segments": ("a.b", None),
    "four segments": ("a.b.c.d", WORDS),
    "one word": ("foo", None),
}


@dataclass(frozen=True)
class Case:
    """One request: how it is sent, and why it may be answered otherwise."""

    name: str
    request: dict[str, Any]
    reasons: frozenset[str] = field(default_factory=frozenset[str])


def case(name: str, *reasons: str | None, cookie: str = "", **request: Any) -> Case:
    headers = {**request.pop("headers", {}), **({"Cookie": cookie} if cookie else {})}
    return Case(name, {"headers": headers, **request}, frozenset(filter(None, reasons)))


def cases() -> Iterator[Case]:
    for name, (token, reason) in TOKENS.items():
        header, cookie = {"Authorization": f"Bearer {token}"}, f"access_token_cookie={token}"
        yield case(f"{name}: header", reason, headers=header)
        yield case(f"{name}: cookie", reason, cookie=cookie)
        yield case(f"{name}: cookie without proof", reason, cookie=cookie, method="POST")
        for proof in ("proof", "wrong"):
            proofs = {"headers": {"X-CSRF-TOKEN": proof}, "method": "POST"}
            yield case(f"{name}: cookie, {proof}", reason, cookie=cookie, **proofs)
            yield case(f"{name}: refresh cookie, {proof}", reason, cookie="refresh_" + cookie[7:], **proofs)
        yield case(f"{name}: query", reason, query_string={"jwt": token})
        yield case(f"{name}: body", reason, json={"access_token": token}, method="POST")
        yield case(f"{name}: body, refresh", reason, json={"refresh_token": token}, method="POST")
        yield case(f"{name}: behind a bad cookie", reason, COOKIE, query_string={"jwt": token}, cookie=cookie[:-9])
        yield case(f"{name}: before a cookie", reason, COOKIE, headers=header, cookie="access_token_cookie=foo")
    good = TOKENS["good"][0]
    for value, *reasons in (
        ("",),
        ("Bearer",),
        ("Bearer a b",),
        (f" Bearer  {good} ",),
        (f"Basic eA==, Bearer {good}",),
        (f"Bearer {good},",),
        (good,),
        ("Basic eA==",),
        (f"bearer {good}", SCHEME),
        (f"Bearer {good}, Bearer {good}", TWO),
    ):
        yield case(f"header {value[:12]!r}", *reasons, headers={"Authorization": value})
    for body, *reasons in (
        (b"",),
        (b"null",),
        (b"{}",),
        (b"{",),
        (b"[]",),
        (b'{"access_token": ""}',),
        (b'{"access_token": 7}', WORDS),
        (b"[1]", DEFECT),
        (b'"x"', DEFECT),
        (b"7", DEFECT),
        (b'{"access_token": "x", "access_token": "y"}', STRICT),
    ):
        yield case(f"body {body.decode()}", *reasons, data=body, content_type="application/json", method="POST")
    yield case("body of another type", data=b'{"access_token": "x"}', content_type="text/plain", method="POST")
    yield case("nothing")
    yield case(
        "proof beyond ASCII", DEFECT, cookie=f"access_token_cookie={good}", method="POST", headers={"X-CSRF-TOKEN": "é"}
    )
    yield case("OPTIONS", OPTIONS, method="OPTIONS")
    yield case("HEAD", method="HEAD")


def application(library: Any, config: dict[str, Any]) -> Flask:
    app = Flask("compared")  # by the name of the library it would have the logger of the library
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_TOKEN_LOCATION=["headers", "cookies", "query_string", "json"])
    app.config.update(JWT_COMPAT=True, **config)
    library.JWTManager(app)
    app.logger.disabled = True  # a 500 of the peer is what some cases are about

    def view() -> Any:
        seen = [library.get_jwt_identity(), library.get_jwt_request_location(), library.get_jwt_header()]
        return jsonify(*seen, sorted(map(str, library.get_jwt().items())))

    for path, arguments in ROUTES.items():
        guarded = library.jwt_required(**arguments)(view)
        methods = ["GET", "POST", "OPTIONS"]
        app.add_url_rule(path, path, guarded, methods=methods, provide_automatic_options=False)
    return app


ROUTES: dict[str, dict[str, Any]] = {
    "/access": {},
    "/optional": {"optional": True},
    "/fresh": {"fresh": True},
    "/refresh": {"refresh": True},
    "/any": {"verify_type": False},
    "/here": {"locations": ["cookies", "headers"]},
    "/one": {"locations": "query_string"},
}
CONFIGS: dict[str, dict[str, Any]] = {
    "all": {},
    "asked": {"JWT_DECODE_AUDIENCE": ["us"], "JWT_DECODE_ISSUER": "us", "JWT_ERROR_MESSAGE_KEY": "text"},
    "lenient": {"JWT_DECODE_LEEWAY": 90.5, "JWT_VERIFY_SUB": False, "JWT_COOKIE_CSRF_PROTECT": False},
    "bare": {"JWT_HEADER_TYPE": "", "JWT_QUERY_STRING_VALUE_PREFIX": "x", "JWT_IDENTITY_CLAIM": "jti"},
}


def answer(app: Flask, path: str, one: Case) -> tuple[int, Any]:
    got = app.test_client(use_cookies=False).open(path, **one.request)
    return got.status_code, got.get_json(silent=True)


def test_every_difference_from_flask_jwt_extended_has_a_reason_and_every_reason_a_difference() -> None:
    wrong: list[Any] = []
    explained: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, config in CONFIGS.items():
            peer, own = application(theirs, config), application(ours, config)
            for one in cases():
                for path in ROUTES:
                    there, here = answer(peer, path, one), answer(own, path, one)
                    assert here[0] < 500, (name, path, one)
                    if there == here:
                        continue
                    explained |= one.reasons
                    if not one.reasons:
                        wrong.append((name, path, one.name, there, here))

    assert wrong == []
    assert explained == REASONS
