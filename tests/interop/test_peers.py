"""Our tokens in other libraries, and their tokens in ours, for every algorithm."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask_jwt_extended
import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from flask import Flask
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import import_key

import flask_signet
from flask_signet.exceptions import JWTDecodeError
from flask_signet.tokens import verify_signature
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.issuer import Issuer
from flask_signet.tokens.verifier import Verifier
from tests.conftest import ROOT, missing
from tests.vectors import keys as test_keys

NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "sub": "42",
    "type": "access",
    "fresh": False,
    "jti": "id",
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 10**9,
    "name": "Zoë \U0001f600",
    "roles": ["a", {"b": [1, 2.5, None, True]}],
}
every_algorithm = pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)


def ours(algorithm: str) -> str:
    return Issuer(test_keys.key(algorithm)).issue(CLAIMS)


def read(token: str, algorithm: str) -> dict[str, Any]:
    verifier = Verifier([test_keys.key(algorithm)], Policy())
    verified = verifier.verify(token, NOW)

    assert json.loads(verify_signature(token, test_keys.public_jwk(algorithm))) == CLAIMS
    assert verified.identity == "42"
    return verified.copy_claims()


def in_pyjwt(algorithm: str) -> tuple[Any, Any]:
    """The private and the public key as PyJWT's objects."""
    private = pyjwt.PyJWK(test_keys.jwk(algorithm)).key
    public = pyjwt.PyJWK(test_keys.public_jwk(algorithm)).key
    return private, public


@every_algorithm
def test_pyjwt_reads_ours(algorithm: str) -> None:
    _, public = in_pyjwt(algorithm)
    times = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}

    assert CLAIMS == pyjwt.decode(ours(algorithm), public, [algorithm], options=times)
    with pytest.raises(pyjwt.InvalidSignatureError):
        pyjwt.decode(ours(algorithm)[:-8] + "AAAAAAAA", public, [algorithm], options=times)


@every_algorithm
def test_we_read_pyjwt(algorithm: str) -> None:
    private, _ = in_pyjwt(algorithm)
    token = pyjwt.encode(CLAIMS, private, algorithm, headers={"kid": f"test-{algorithm}"})

    assert CLAIMS == read(token, algorithm)
    with pytest.raises(JWTDecodeError):
        read(token[:-8] + "AAAAAAAA", algorithm)


@every_algorithm
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_joserfc_reads_ours(algorithm: str) -> None:
    key = import_key(test_keys.public_jwk(algorithm))
    found = joserfc_jwt.decode(ours(algorithm), key, algorithms=[algorithm])

    assert CLAIMS == found.claims
    assert {"alg": algorithm, "typ": "JWT", "kid": f"test-{algorithm}"} == found.header


@every_algorithm
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_we_read_joserfc(algorithm: str) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": f"test-{algorithm}"}
    token = joserfc_jwt.encode(header, CLAIMS, import_key(test_keys.jwk(algorithm)), algorithms=[algorithm])

    assert CLAIMS == read(token, algorithm)


# --- npm jose -------------------------------------------------------------------------------------


def run_jose(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Perform all *tasks* in one node process."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "jose").is_dir():
        missing("no node, or no jose in node_modules: make setup")
    script = Path(__file__).parent / "jose.mjs"
    done = subprocess.run(
        [node or "node", str(script)], input=json.dumps(tasks), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_npm_jose_reads_ours_in_every_algorithm() -> None:
    tasks = [
        {"do": "verify", "jwk": test_keys.public_jwk(name), "alg": name, "token": ours(name), "now": NOW}
        for name in test_keys.ALGORITHMS
    ]
    spoilt = [{**task, "token": task["token"][:-8] + "AAAAAAAA"} for task in tasks]
    late = [{**task, "now": NOW + 2 * 10**9} for task in tasks]
    answers = run_jose(tasks + spoilt + late)
    count = len(tasks)

    assert [CLAIMS] * count == [answer.get("claims") for answer in answers[:count]]
    assert ["ERR_JWS_SIGNATURE_VERIFICATION_FAILED"] * count == [a.get("error") for a in answers[count : 2 * count]]
    assert ["ERR_JWT_EXPIRED"] * count == [answer.get("error") for answer in answers[2 * count :]]


def test_we_read_npm_jose_in_every_algorithm() -> None:
    tasks = [
        {"do": "sign", "jwk": test_keys.jwk(name), "alg": name, "kid": f"test-{name}", "claims": CLAIMS}
        for name in test_keys.ALGORITHMS
    ]
    for name, answer in zip(test_keys.ALGORITHMS, run_jose(tasks), strict=True):
        assert CLAIMS == read(answer["token"], name)


# --- Flask-JWT-Extended ---------------------------------------------------------------------------


def settings(algorithm: str) -> dict[str, Any]:
    """The settings of both, keys as PEM text as its users write them."""
    if algorithm.startswith("HS"):
        return {"JWT_ALGORITHM": algorithm, "JWT_SECRET_KEY": "y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe" * 2}
    private, public = in_pyjwt(algorithm)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"JWT_ALGORITHM": algorithm, "JWT_PRIVATE_KEY": pem, "JWT_PUBLIC_KEY": public_pem}


def application(package: Any, algorithm: str, **config: Any) -> Flask:
    """The same views, with either package."""
    app = Flask(__name__)
    app.config.update(settings(algorithm), **config)
    package.JWTManager(app)

    def answer() -> dict[str, Any]:
        claims = package.get_jwt()
        return {"user": package.get_jwt_identity(), "role": claims.get("role"), "type": claims["type"]}

    app.add_url_rule("/access", "access", package.jwt_required()(answer))
    app.add_url_rule("/fresh", "fresh", package.jwt_required(fresh=True)(answer))
    app.add_url_rule("/refresh", "refresh", package.jwt_required(refresh=True)(answer))
    return app


def make(package: Any, app: Flask) -> dict[str, str]:
    """A token for each of the views."""
    more = {"additional_claims": {"role": "admin"}}
    with app.app_context():
        return {
            "/access": package.create_access_token("7", **more),
            "/fresh": package.create_access_token("7", fresh=True, expires_delta=timedelta(hours=1), **more),
            "/refresh": package.create_refresh_token("7", **more),
        }


@every_algorithm
@pytest.mark.parametrize("way", ["ours to theirs", "theirs to ours"])
@pytest.mark.parametrize("parties", [False, True])
def test_flask_jwt_extended_and_we_share_tokens(algorithm: str, way: str, parties: bool) -> None:
    config = {}
    if parties:
        config = {name: "me" for name in ("JWT_ENCODE_AUDIENCE", "JWT_DECODE_AUDIENCE")}
        config |= {name: "me" for name in ("JWT_ENCODE_ISSUER", "JWT_DECODE_ISSUER")}
    packages = [flask_signet, flask_jwt_extended]
    maker, reader = packages if way == "ours to theirs" else packages[::-1]
    made = make(maker, application(maker, algorithm, **config))
    client = application(reader, algorithm, **config).test_client()
    for path, token in made.items():
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})

        kind = "refresh" if path == "/refresh" else "access"
        assert (200, {"user": "7", "role": "admin", "type": kind}) == (answer.status_code, answer.json)
    refused = client.get("/access", headers={"Authorization": f"Bearer {made['/refresh']}"})
    assert refused.status_code in (401, 422)


def test_an_int_of_ours_is_a_text_for_flask_jwt_extended_and_an_int_for_us() -> None:
    ours_app, theirs = application(flask_signet, "HS256"), application(flask_jwt_extended, "HS256")
    with ours_app.app_context():
        header = {"Authorization": f"Bearer {flask_signet.create_access_token(7)}"}

    assert "7" == theirs.test_client().get("/access", headers=header).json["user"]
    assert 7 == ours_app.test_client().get("/access", headers=header).json["user"]
