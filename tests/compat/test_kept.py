"""Undocumented behaviour that users of Flask-JWT-Extended rely on: none of it changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, make_response

from flask_signet import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jti,
    jwt_required,
    set_access_cookies,
    set_refresh_cookies,
    unset_access_cookies,
    unset_jwt_cookies,
    unset_refresh_cookies,
)
from flask_signet.compat.config import config
from flask_signet.exceptions import (
    CSRFError,
    ImmatureToken,
    InvalidAlgorithm,
    InvalidAudience,
    InvalidClaim,
    InvalidIssuer,
    InvalidSignature,
    JWTDecodeError,
    MalformedToken,
    MissingClaim,
    TokenExpired,
)
from tests.compat.application import NOW, SECRET, bearer, world


def test_a_token_without_a_type_is_an_access_token() -> None:
    w = world()
    token = w.raw({"sub": "me"})

    assert w.get("/access", token).json["claims"] == {"sub": "me", "type": "access", "fresh": False, "jti": None}
    assert w.get("/refresh", token).status_code == 401
    with w.app.app_context():
        assert get_jti(token) is None


def test_decode_token_takes_any_type_and_looks_neither_at_freshness_nor_at_loaders() -> None:
    w = world()
    w.jwt.token_in_blocklist_loader(lambda header, claims: True)
    w.jwt.token_verification_loader(lambda header, claims: False)
    w.jwt.user_lookup_loader(lambda header, claims: None)

    with w.app.app_context():
        assert decode_token(w.raw({"sub": "me", "type": "app"}))["type"] == "app"
        assert decode_token(w.raw({"sub": "me"}).encode())["sub"] == "me"


@pytest.mark.parametrize("other", ["cookies", "query_string", "json"])
def test_a_bad_bearer_before_a_good_token_elsewhere_is_still_refused(other: str) -> None:
    w = world(JWT_TOKEN_LOCATION=["headers", other], JWT_ERROR_STATUS="flask-jwt-extended")
    token = w.access()
    w.client.set_cookie("access_token_cookie", token)

    answer = w.client.get(f"/access?jwt={token}", headers=bearer("x.y.z"), json={"access_token": token})
    assert answer.status_code == 422


def test_a_cookie_without_its_proof_is_refused_where_a_token_is_optional() -> None:
    w = world(JWT_TOKEN_LOCATION=["headers", "cookies"], JWT_ERROR_STATUS="flask-jwt-extended")
    w.client.set_cookie("access_token_cookie", w.access())

    answer = w.client.post("/optional")
    assert (answer.status_code, answer.json["msg"]) == (401, "Missing CSRF token")


@pytest.mark.parametrize("secret", ["foobar", "foobarbaz"])
def test_a_short_secret_works_where_nobody_is_served(secret: str) -> None:
    w = world()
    w.app.config["JWT_SECRET_KEY"] = secret

    assert w.get("/access", w.access()).status_code == 200


def test_an_rsa_key_of_1024_bits_works_where_nobody_is_served() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # weak on purpose
    w = world(JWT_ALGORITHM="RS256", JWT_PRIVATE_KEY=key, JWT_PUBLIC_KEY=key.public_key())

    assert w.get("/access", w.access()).status_code == 200


@pytest.mark.parametrize("value", [("headers",), ["headers", "json"], {"headers"}, frozenset(["json"]), "cookies"])
def test_token_location_is_the_configured_object(value: Any) -> None:
    w = world(JWT_TOKEN_LOCATION=value)
    with w.app.app_context():
        assert config.token_location == ((value,) if isinstance(value, str) else value)


def test_decode_algorithms_end_with_the_one_that_signs() -> None:
    w = world(JWT_DECODE_ALGORITHMS=["HS512"], JWT_ALGORITHM="RS256")
    with w.app.app_context():
        assert config.decode_algorithms == ["HS512", "RS256"]


def test_an_unknown_location_of_a_route_is_heard_of_when_it_is_asked() -> None:
    w = world()
    w.guarded("/wrong", locations=["headres"])

    assert w.get("/wrong", w.access()).status_code == 500
    w.app.testing = True
    with pytest.raises(RuntimeError, match="'headres' is not a valid location; did you mean 'headers'"):
        w.get("/wrong", w.access())


def test_pyjwts_cases_have_classes_of_ours() -> None:
    w = world()
    w.hands.now = NOW
    cases: list[tuple[dict[str, Any], str, type[JWTDecodeError]]] = [
        ({}, "x", MalformedToken),
        ({}, w.raw({"sub": "ann", "exp": NOW - 1}), TokenExpired),
        ({}, w.raw({"sub": "ann", "nbf": NOW + 60}), ImmatureToken),
        ({}, w.raw({"sub": "ann", "iat": NOW + 60}), ImmatureToken),
        ({"JWT_DECODE_AUDIENCE": "a"}, w.raw({"sub": "ann", "aud": "b"}), InvalidAudience),
        ({"JWT_DECODE_ISSUER": "a"}, w.raw({"sub": "ann", "iss": "b"}), InvalidIssuer),
        ({}, w.raw({"sub": "ann"})[:-4] + "AAAA", InvalidSignature),
        ({}, pyjwt.encode({"sub": "ann"}, None, "none"), InvalidAlgorithm),
        ({}, w.raw({"name": "ann"}), MissingClaim),
        ({}, w.raw({"sub": 7}), InvalidClaim),
    ]
    for settings, token, kind in cases:
        w.app.config.update({"JWT_DECODE_AUDIENCE": None, "JWT_DECODE_ISSUER": None, **settings})
        with w.app.app_context(), pytest.raises(JWTDecodeError) as caught:
            decode_token(token)
        assert caught.type is kind
        assert not isinstance(caught.value, pyjwt.PyJWTError)


def test_an_expired_token_tells_its_claims() -> None:
    w = world()
    token = w.access(expires_delta=timedelta(0))
    with w.app.app_context():
        with pytest.raises(TokenExpired) as caught:
            decode_token(token)
        assert (caught.value.jwt_header["alg"], caught.value.jwt_data["sub"]) == ("HS256", "ann")
        assert decode_token(token, allow_expired=True)["sub"] == "ann"


def test_decode_token_compares_the_proof_where_one_is_given() -> None:
    w = world()
    token = w.access()
    with w.app.app_context():
        proof = decode_token(token, csrf_value="")["csrf"]
        assert decode_token(token, csrf_value=proof)["csrf"] == proof
        with pytest.raises(CSRFError, match="CSRF double submit tokens do not match"):
            decode_token(token, csrf_value="x")
        with pytest.raises(JWTDecodeError, match="Missing claim: csrf"):
            decode_token(w.raw({"sub": "ann"}), csrf_value="x")


def test_decode_token_refuses_what_is_no_text() -> None:
    w = world()
    with w.app.app_context():
        for token in (7, None, b"\xff", "ä.b.c"):
            with pytest.raises(MalformedToken):
                decode_token(token)  # type: ignore[arg-type]


@pytest.mark.parametrize("protect", [True, False])
def test_two_cookies_are_set_and_unset_one_without_the_proof(protect: bool) -> None:
    w = world(JWT_COOKIE_CSRF_PROTECT=protect)

    def lines(write: Any, *arguments: Any) -> list[str]:
        response = make_response()
        write(response, *arguments)
        return response.headers.getlist("Set-Cookie")

    with w.app.test_request_context():
        written = [
            lines(set_access_cookies, create_access_token("ann")),
            lines(set_refresh_cookies, create_refresh_token("ann")),
            lines(unset_access_cookies),
            lines(unset_refresh_cookies),
        ]
        assert len(lines(unset_jwt_cookies)) == (4 if protect else 2)
    assert [len(each) for each in written] == [2 if protect else 1] * 4
    assert not any("SameSite" in line for each in written for line in each)


def test_an_application_without_callbacks_of_its_own_needs_two_lines() -> None:
    app = Flask("lesson")
    app.config["JWT_SECRET_KEY"] = SECRET
    JWTManager(app)

    @app.get("/protected")
    @jwt_required()
    def protected() -> dict[str, Any]:
        return {"id": 1}

    with app.app_context():
        token = create_access_token(identity=1)
    assert app.test_client().get("/protected", headers=bearer(token)).json == {"id": 1}
