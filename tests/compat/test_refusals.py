"""Every refusal: its text, and its status by either value of ``JWT_ERROR_STATUS``."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest

from flask_signet.tokens import keys
from flask_signet.tokens.issuer import Issuer
from tests.compat.application import NOW, SECRET, World, bearer, world

Ask = Callable[[World], Any]


def header(value: str, path: str = "/access") -> Ask:
    return lambda w: w.client.get(path, headers={"Authorization": value})


def claims(path: str = "/access", headers: dict[str, Any] | None = None, **members: Any) -> Ask:
    return lambda w: w.get(path, w.raw({"sub": "ann", **members}, headers=headers))


def segments(head: bytes, payload: bytes) -> Ask:
    """Ask with a token of these very bytes, well signed."""

    def ask(w: World) -> Any:
        signing_input = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (head, payload))
        key = keys.symmetric(SECRET, "HS256")
        assert key.sign is not None
        signature = base64.urlsafe_b64encode(key.sign(signing_input)).rstrip(b"=")
        return w.get("/access", (signing_input + b"." + signature).decode())

    return ask


def own_header(**head: Any) -> Ask:
    return segments(json.dumps(head).encode(), b'{"sub":"ann"}')


def cookie(*, csrf: str | None = None, **members: Any) -> Ask:
    """Ask by POST with an access cookie whose proof inside is ``p``."""

    def ask(w: World) -> Any:
        w.client.set_cookie("access_token_cookie", w.raw({"sub": "ann", "csrf": "p", **members}))
        return w.client.post("/access", headers={} if csrf is None else {"X-CSRF-TOKEN": csrf})

    return ask


def body(data: Any, content_type: str = "application/json") -> Ask:
    return lambda w: w.client.post("/access", data=json.dumps(data), content_type=content_type)


GOOD = Issuer(keys.symmetric(SECRET, "HS256")).issue({"sub": "ann"})
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")
EXPECTED_HEADER = "Expected 'Authorization: Bearer <JWT>'"

# what is asked, settings beside the default, status, status of Flask-JWT-Extended, code, text
CASES: dict[str, tuple[Ask, dict[str, Any], int, int, str, str]] = {
    "no header": (lambda w: w.get("/access"), {}, 401, 401, "missing_token", "Missing Authorization Header"),
    "another scheme": (
        header("Basic eDp5"),
        {},
        401,
        401,
        "missing_token",
        f"Missing 'Bearer' type in 'Authorization' header. {EXPECTED_HEADER}",
    ),
    "nothing behind the scheme": (
        header("Bearer"),
        {},
        401,
        422,
        "invalid_token",
        f"Bad Authorization header. {EXPECTED_HEADER}",
    ),
    "two words": (
        header("Bearer a b"),
        {},
        401,
        422,
        "invalid_token",
        f"Bad Authorization header. {EXPECTED_HEADER}",
    ),
    "nothing but a comma": (header(","), {}, 401, 401, "missing_token", "Missing Authorization Header"),
    "two words without a type": (
        header("a b"),
        {"JWT_HEADER_TYPE": ""},
        401,
        422,
        "invalid_token",
        "Bad Authorization header. Expected 'Authorization: <JWT>'",
    ),
    "no cookie": (
        lambda w: w.get("/access"),
        {"JWT_TOKEN_LOCATION": "cookies"},
        401,
        401,
        "missing_token",
        'Missing cookie "access_token_cookie"',
    ),
    "no parameter": (
        lambda w: w.get("/access"),
        {"JWT_TOKEN_LOCATION": "query_string"},
        401,
        401,
        "missing_token",
        "Missing 'jwt' query paramater",
    ),
    "parameter without its prefix": (
        lambda w: w.get("/access?jwt=x"),
        {"JWT_TOKEN_LOCATION": "query_string", "JWT_QUERY_STRING_VALUE_PREFIX": "Bearer "},
        401,
        422,
        "invalid_token",
        "Invalid value for query parameter 'jwt'. Expected the value to start with 'Bearer '",
    ),
    "no JSON": (
        body({}, "text/plain"),
        {"JWT_TOKEN_LOCATION": "json"},
        401,
        401,
        "missing_token",
        "Invalid content-type. Must be application/json.",
    ),
    "JSON without the key": (
        body({"other": 1}),
        {"JWT_TOKEN_LOCATION": "json"},
        401,
        401,
        "missing_token",
        'Missing "access_token" key in json data.',
    ),
    "JSON of another suffix, without the key": (
        body({}, "application/vnd.api+json"),
        {"JWT_TOKEN_LOCATION": "json"},
        401,
        401,
        "missing_token",
        'Missing "access_token" key in json data.',
    ),
    "JSON with a number": (
        body({"access_token": 7}),
        {"JWT_TOKEN_LOCATION": "json"},
        401,
        422,
        "invalid_token",
        "Invalid token type. Token must be a string",
    ),
    "nowhere": (
        lambda w: w.get("/access"),
        {"JWT_TOKEN_LOCATION": ["headers", "cookies", "query_string"]},
        401,
        401,
        "missing_token",
        "Missing JWT in headers, cookies or query_string (Missing Authorization Header; "
        "Missing cookie \"access_token_cookie\"; Missing 'jwt' query paramater)",
    ),
    "nowhere, of a list of one": (
        lambda w: w.get("/access"),
        {"JWT_TOKEN_LOCATION": ["cookies"]},
        401,
        401,
        "missing_token",
        'Missing cookie "access_token_cookie"',
    ),
    "expired": (claims(exp=NOW), {}, 401, 401, "token_expired", "Token has expired"),
    "expired, for somebody else": (
        claims(exp=NOW, aud="b"),
        {"JWT_DECODE_AUDIENCE": "a"},
        401,
        422,
        "invalid_token",
        "Audience doesn't match",
    ),
    "not fresh": (claims("/fresh"), {}, 401, 401, "fresh_token_required", "Fresh token required"),
    "no longer fresh": (
        claims("/fresh", fresh=NOW - 1),
        {},
        401,
        401,
        "fresh_token_required",
        "Fresh token required",
    ),
    "refresh on access": (
        claims(type="refresh"),
        {},
        401,
        422,
        "invalid_token",
        "Only non-refresh tokens are allowed",
    ),
    "access on refresh": (
        claims("/refresh", type="access"),
        {},
        401,
        422,
        "invalid_token",
        "Only refresh tokens are allowed",
    ),
    "no proof": (cookie(), {"JWT_TOKEN_LOCATION": "cookies"}, 403, 401, "csrf_failed", "Missing CSRF token"),
    "another proof": (
        cookie(csrf="q"),
        {"JWT_TOKEN_LOCATION": "cookies"},
        403,
        401,
        "csrf_failed",
        "CSRF double submit tokens do not match",
    ),
    "no csrf claim": (
        lambda w: (
            w.client.set_cookie("access_token_cookie", w.raw({"sub": "ann"})),
            w.client.post("/access", headers={"X-CSRF-TOKEN": "q"}),
        )[1],
        {"JWT_TOKEN_LOCATION": "cookies"},
        401,
        422,
        "invalid_token",
        "Missing claim: csrf",
    ),
    "no identity": (
        lambda w: w.get("/access", w.raw({"type": "access"})),
        {},
        401,
        422,
        "invalid_token",
        "Missing claim: sub",
    ),
    "no identity under another name": (
        claims(),
        {"JWT_IDENTITY_CLAIM": "user"},
        401,
        422,
        "invalid_token",
        "Missing claim: user",
    ),
    "bad signature": (
        lambda w: w.get("/access", pyjwt.encode({"sub": "ann"}, "k" * 32)),
        {},
        401,
        422,
        "invalid_token",
        "Signature verification failed",
    ),
    "another algorithm": (
        lambda w: w.get("/access", pyjwt.encode({"sub": "ann"}, SECRET.ljust(64), "HS512")),
        {},
        401,
        422,
        "invalid_token",
        "The specified alg value is not allowed",
    ),
    "alg none": (
        lambda w: w.get("/access", pyjwt.encode({"sub": "ann"}, None, "none")),
        {},
        401,
        422,
        "invalid_token",
        "The specified alg value is not allowed",
    ),
    "no alg": (own_header(typ="JWT"), {}, 401, 422, "invalid_token", "Algorithm not specified"),
    "no token at all": (header("Bearer foo"), {}, 401, 422, "invalid_token", "Not enough segments"),
    "bad header": (
        header(f"Bearer {HEAD}=.{PAYLOAD}.{SIGNATURE}"),
        {},
        401,
        422,
        "invalid_token",
        "Invalid header padding",
    ),
    "bad signature text": (
        header(f"Bearer {HEAD}.{PAYLOAD}.{SIGNATURE}="),
        {},
        401,
        422,
        "invalid_token",
        "Invalid crypto padding",
    ),
    "header that is no object": (
        segments(b"[]", b"{}"),
        {},
        401,
        422,
        "invalid_token",
        "Invalid header string: must be a json object",
    ),
    "payload that is no object": (
        segments(b'{"alg":"HS256","typ":"JWT"}', b"[]"),
        {},
        401,
        422,
        "invalid_token",
        "Invalid payload string: must be a json object",
    ),
    "kid that is no text": (
        own_header(alg="HS256", kid=7),
        {},
        401,
        422,
        "invalid_token",
        "Key ID header parameter must be a string",
    ),
    "something critical": (
        own_header(alg="HS256", crit=["x"], x=1),
        {},
        401,
        422,
        "invalid_token",
        "Unsupported critical extension: x",
    ),
    "sub a number": (claims(sub=7), {}, 401, 422, "invalid_token", "Subject must be a string"),
    "sub null": (claims(sub=None), {}, 401, 422, "invalid_token", "Subject must be a string"),
    "jti a number": (claims(jti=7), {}, 401, 422, "invalid_token", "JWT ID must be a string"),
    "nbf ahead": (claims(nbf=NOW + 60), {}, 401, 422, "invalid_token", "The token is not yet valid (nbf)"),
    "iat ahead": (claims(iat=NOW + 60), {}, 401, 422, "invalid_token", "The token is not yet valid (iat)"),
    "exp a text": (
        claims(exp="soon"),
        {},
        401,
        422,
        "invalid_token",
        "Expiration Time claim (exp) must be an integer.",
    ),
    "nbf a text": (
        claims(nbf="soon"),
        {},
        401,
        422,
        "invalid_token",
        "Not Before claim (nbf) must be an integer.",
    ),
    "iat a text": (claims(iat="now"), {}, 401, 422, "invalid_token", "Issued At claim (iat) must be an integer."),
    "no aud": (
        claims(),
        {"JWT_DECODE_AUDIENCE": "a"},
        401,
        422,
        "invalid_token",
        'Token is missing the "aud" claim',
    ),
    "another aud": (
        claims(aud=["b"]),
        {"JWT_DECODE_AUDIENCE": ["a"]},
        401,
        422,
        "invalid_token",
        "Audience doesn't match",
    ),
    "no iss": (
        claims(),
        {"JWT_DECODE_ISSUER": "a"},
        401,
        422,
        "invalid_token",
        'Token is missing the "iss" claim',
    ),
    "another iss": (claims(iss="b"), {"JWT_DECODE_ISSUER": "a"}, 401, 422, "invalid_token", "Invalid issuer"),
}


@pytest.mark.parametrize("statuses", ["rfc", "flask-jwt-extended"])
@pytest.mark.parametrize("case", CASES)
def test_each_refusal_has_its_status_code_and_text(case: str, statuses: str) -> None:
    ask, config, ours, theirs, code, text = CASES[case]

    answer = ask(world(JWT_ERROR_STATUS=statuses, **config))

    assert answer.status_code == (ours if statuses == "rfc" else theirs)
    assert answer.json == ({"error": code, "msg": text} if statuses == "rfc" else {"msg": text})
    assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("statuses", ["rfc", "flask-jwt-extended"])
def test_refusals_by_callbacks_have_their_statuses(statuses: str) -> None:
    ours = statuses == "rfc"
    w = world(JWT_ERROR_STATUS=statuses)

    w.jwt.user_lookup_loader(lambda header, claims: None)
    gone = w.get("/access", w.access())
    assert (gone.status_code, gone.json["msg"]) == (401, "Error loading the user ann")
    w.jwt.token_verification_loader(lambda header, claims: False)
    refused = w.get("/access", w.access())
    assert (refused.status_code, refused.json["msg"]) == (401 if ours else 400, "User claims verification failed")
    w.jwt.token_in_blocklist_loader(lambda header, claims: True)
    revoked = w.get("/access", w.access())
    code = {"error": "token_revoked"} if ours else {}
    assert (revoked.status_code, revoked.json) == (401, {**code, "msg": "Token has been revoked"})


def test_checks_run_in_the_known_order() -> None:
    """The first fault of several decides; removing it uncovers the next one."""
    w = world(
        JWT_TOKEN_LOCATION="cookies",
        JWT_DECODE_ISSUER="i",
        JWT_DECODE_AUDIENCE="a",
        JWT_IDENTITY_CLAIM="user",
    )
    w.guarded("/strict", fresh=True)
    w.jwt.token_in_blocklist_loader(lambda header, claims: not claims.get("alive"))
    w.jwt.token_verification_loader(lambda header, claims: bool(claims.get("good")))
    w.jwt.user_lookup_loader(lambda header, claims: claims.get("name"))
    faults: list[tuple[dict[str, Any], str]] = [
        ({"sub": 7}, "Subject must be a string"),
        ({"sub": "x"}, 'Token is missing the "iss" claim'),
        ({"iss": "i"}, 'Token is missing the "aud" claim'),
        ({"aud": "a"}, "Missing claim: user"),
        ({"user": "ann"}, "The token is not yet valid (nbf)"),
        ({"nbf": NOW}, "Missing claim: csrf"),
        ({"csrf": "q"}, "CSRF double submit tokens do not match"),
        ({"csrf": "p"}, "Token has expired"),
        ({"exp": NOW + 1}, "Only non-refresh tokens are allowed"),
        ({"type": "access"}, "Fresh token required"),
        ({"fresh": True}, "Token has been revoked"),
        ({"alive": True}, "User claims verification failed"),
        ({"good": True}, "Error loading the user ann"),
    ]
    members: dict[str, Any] = {"type": "refresh", "exp": NOW - 1, "nbf": NOW + 60}
    texts = []
    for change, _ in faults:
        members.update(change)
        w.client.set_cookie("access_token_cookie", w.raw(members))
        texts.append(w.client.post("/strict", headers={"X-CSRF-TOKEN": "p"}).json["msg"])

    assert texts == [text for _, text in faults]
    w.client.set_cookie("access_token_cookie", "not even a token")
    assert w.client.post("/strict").json["msg"] == "Missing CSRF token"


@pytest.mark.parametrize("value", ["Basic zz, Bearer {}", "Bearer {},", "Bearer {}, Basic zz", "  Bearer   {}  "])
def test_a_header_may_hold_other_schemes_and_a_trailing_comma(value: str) -> None:
    w = world()

    assert w.client.get("/access", headers={"Authorization": value.format(w.access())}).status_code == 200


def test_the_message_key_can_be_changed() -> None:
    w = world(JWT_ERROR_MESSAGE_KEY="message")

    assert w.get("/access").json == {"error": "missing_token", "message": "Missing Authorization Header"}
    assert w.get("/access", w.access(expires_delta=timedelta(0))).json["message"] == "Token has expired"


def test_an_application_may_answer_our_errors_by_its_own_handler() -> None:
    from flask_signet.exceptions import NoAuthorizationError

    w = world()
    w.app.errorhandler(NoAuthorizationError)(lambda error: (f"own: {error}", 499))

    assert (w.get("/access").status_code, w.get("/access").text) == (499, "own: Missing Authorization Header")
    assert w.get("/access", "x").json["msg"] == "Not enough segments"


def test_head_is_guarded_and_options_is_not() -> None:
    w = world()

    assert w.client.head("/access").status_code == 401
    assert w.client.options("/access").status_code == 200
    assert w.client.head("/access", headers=bearer(w.access())).status_code == 200
