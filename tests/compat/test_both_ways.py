"""Tokens of Flask-JWT-Extended are ours and ours are its, for every algorithm, with one key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import flask_jwt_extended as theirs
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from flask import Flask, jsonify, make_response

import flask_signet as ours
from tests.compat.application import bearer

SECRET = "one-secret-for-both-that-is-long-enough-for-HS512-as-well-as-for-the-others"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS: dict[str, Any] = {
    **dict.fromkeys(("HS256", "HS384", "HS512"), None),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSA),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def application(library: Any, algorithm: str, **config: Any) -> Flask:
    app = Flask(library.__name__)
    app.config.update(JWT_ALGORITHM=algorithm, JWT_TOKEN_LOCATION=["headers", "cookies"], **config)
    key = KEYS[algorithm]
    if key is None:
        app.config["JWT_SECRET_KEY"] = SECRET
    else:
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        app.config.update(JWT_PRIVATE_KEY=private.decode(), JWT_PUBLIC_KEY=public)
    library.JWTManager(app)

    @app.route("/access", methods=["GET", "POST"])
    @library.jwt_required()
    def access() -> Any:
        return jsonify(library.get_jwt_identity())

    @app.get("/fresh")
    @library.jwt_required(fresh=True)
    def fresh() -> Any:
        return jsonify(library.get_jwt_identity())

    @app.get("/refresh")
    @library.jwt_required(refresh=True)
    def refresh() -> Any:
        return jsonify(library.get_jwt_identity())

    return app


DIRECTIONS = [pytest.param(ours, theirs, id="ours-to-theirs"), pytest.param(theirs, ours, id="theirs-to-ours")]


@pytest.mark.parametrize(("makes", "reads"), DIRECTIONS)
@pytest.mark.parametrize("algorithm", KEYS)
def test_each_accepts_the_tokens_of_the_other(makes: Any, reads: Any, algorithm: str) -> None:
    maker, reader = (
        application(library, algorithm, JWT_ENCODE_AUDIENCE="a", JWT_DECODE_AUDIENCE="a", JWT_ENCODE_ISSUER="i")
        for library in (makes, reads)
    )
    client = reader.test_client()
    with maker.app_context():
        access = makes.create_access_token("ann", fresh=timedelta(minutes=1), additional_claims={"x": [1]})
        refresh = makes.create_refresh_token("ann")
        endless = makes.create_access_token("ann", expires_delta=False)

    for path, token in (("/access", access), ("/fresh", access), ("/refresh", refresh), ("/access", endless)):
        assert client.get(path, headers=bearer(token)).json == "ann"
    assert client.get("/refresh", headers=bearer(access)).status_code in (401, 422)
    assert client.get("/fresh", headers=bearer(endless)).status_code == 401
    with reader.app_context():
        claims = reads.decode_token(access)
    with maker.app_context():
        assert makes.decode_token(access) == claims


@pytest.mark.parametrize(("makes", "reads"), DIRECTIONS)
def test_cookies_and_their_proof_pass_as_well(makes: Any, reads: Any) -> None:
    maker, reader = (application(library, "HS256") for library in (makes, reads))
    with maker.test_request_context():
        token = makes.create_access_token("ann")
        proof = makes.get_csrf_token(token)
        response = make_response()
        makes.set_access_cookies(response, token)
    client = reader.test_client()
    for line in response.headers.getlist("Set-Cookie"):
        name, _, value = line.partition(";")[0].partition("=")
        client.set_cookie(name, value)

    assert client.post("/access", headers={"X-CSRF-TOKEN": proof}).json == "ann"
    assert client.post("/access", headers={"X-CSRF-TOKEN": "x"}).status_code in (401, 403)


def test_an_int_of_ours_is_its_text_over_there() -> None:
    maker, reader = application(ours, "HS256"), application(theirs, "HS256")
    with maker.app_context():
        token = ours.create_access_token(7)

    assert maker.test_client().get("/access", headers=bearer(token)).json == 7
    assert reader.test_client().get("/access", headers=bearer(token)).json == "7"


def test_claims_stand_in_the_same_order() -> None:
    names = []
    for library in (ours, theirs):
        app = application(library, "HS256", JWT_ENCODE_AUDIENCE="a", JWT_ENCODE_ISSUER="i")
        with app.app_context():
            token = library.create_access_token("ann", additional_claims={"z": 1})
            names.append(list(library.decode_token(token) if library is theirs else ours.decode_token(token)))

    assert names[0][:9] == names[1][:9]


@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"JWT_COOKIE_CSRF_PROTECT": False},
        {"JWT_CSRF_IN_COOKIES": False},
        {"JWT_SESSION_COOKIE": False, "JWT_COOKIE_SECURE": True, "JWT_COOKIE_SAMESITE": "Lax"},
        {"JWT_COOKIE_DOMAIN": "x.com", "JWT_ACCESS_COOKIE_PATH": "/api", "JWT_REFRESH_COOKIE_PATH": "/refresh"},
    ],
)
def test_set_cookie_lines_are_the_same(kind: str, config: dict[str, Any]) -> None:
    lines: list[list[str]] = []
    for library in (ours, theirs):
        app = application(library, "HS256", **config)
        with app.test_request_context():
            token = getattr(library, f"create_{kind}_token")("ann")
            arguments: list[dict[str, Any]] = [{}, {"max_age": 60, "domain": "y.com"}, {"max_age": timedelta(days=1)}]
            response = make_response()
            for given in arguments:
                getattr(library, f"set_{kind}_cookies")(response, token, **given)
            getattr(library, f"unset_{kind}_cookies")(response)
            library.unset_jwt_cookies(response, domain="z.com")
            proof = library.decode_token(token).get("csrf", "-")
            lines.append(
                [
                    "; ".join(
                        part
                        for part in line.replace(token, "TOKEN").replace(proof, "PROOF").split("; ")
                        if not part.startswith("Expires=") or "1970" in part
                    )
                    for line in response.headers.getlist("Set-Cookie")
                ]
            )

    assert lines[0] == lines[1]
    assert lines[0][0].startswith(f"{kind}_token_cookie=TOKEN; ")


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "EdDSA"])
def test_a_key_without_a_name_takes_tokens_that_name_one(algorithm: str) -> None:
    """As tokens of Keycloak, Auth0 and others do, and those made with ``additional_headers``."""
    maker, reader = application(theirs, algorithm), application(ours, algorithm)
    with maker.app_context():
        named = theirs.create_access_token("ann", additional_headers={"kid": "of-the-issuer"})
    with reader.app_context():
        own = ours.create_access_token("ann", additional_headers={"kid": "x" * 1_000})

    for token in (named, own, named):
        assert reader.test_client().get("/access", headers=bearer(token)).json == "ann"
    forged = reader.test_client().get("/access", headers=bearer(named[:-8] + "AAAAAAAA"))
    assert forged.json["msg"] == "Signature verification failed"
