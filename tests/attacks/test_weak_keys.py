"""Rows 26 and 27: publicly known secrets, and invalid keys."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asgiref.wsgi import WsgiToAsgi
from cryptography.hazmat.primitives.asymmetric import rsa
from flask.testing import FlaskClient
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from flask_signet import testing
from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import base64url, key_material, keys, known_secrets, ring
from flask_signet.tokens.key import Key
from tests.attacks.world import Victim, claims, unb64
from tests.vectors import keys as test_keys

GUNICORN = {"SERVER_SOFTWARE": "gunicorn/27.0.1"}
WEAK = {
    "one byte": "x",
    "short": "changeme",
    "31 bytes": "y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gA",
    "the lesson's": "super-secret",
    "one byte repeated": "a" * 64,
    "two bytes repeated": "ab" * 32,
    "zeros": "\0" * 32,
}


def weak_victim(secret: str | bytes, algorithm: str = "HS256", **config: Any) -> Victim:
    return Victim(algorithm, JWT_KEYS=None, JWT_SECRET_KEY=secret, **config)


@pytest.mark.parametrize("secret", WEAK.values(), ids=WEAK)
def test_row_26_a_weak_secret_warns_once_in_development(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    victim = weak_victim(secret)
    for _ in range(5):
        victim.check_accepted(victim.good())
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]

    assert 1 == len(warnings)
    assert "flask signet keys generate" in warnings[0].getMessage()
    assert secret not in warnings[0].getMessage()


def test_row_26_the_log_says_what_is_weak_what_it_means_and_what_mends_it(caplog: pytest.LogCaptureFixture) -> None:
    victim = weak_victim("changeme")
    victim.check_accepted(victim.good())
    assert 503 == served(victim, victim.good()).status_code
    advice = (
        "Flask-Signet: the secret has 8 bytes; HS256 needs at least 32 (RFC 7518 section 3.2). "
        "The key is the value of JWT_SECRET_KEY. Anyone who guesses it can sign in as any user. Create a strong "
        "key with `flask signet keys generate --algorithm HS256 --secret`. Then write: "
        'app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET_KEY"].'
    )
    at_start = (
        " The development server and tests accept this key. Any other server refuses it: guarded routes answer 503."
    )
    lifted = " Until then every guarded route answers 503 (JWT_ALLOW_WEAK_KEYS = True turns this off)."

    assert [advice + at_start, advice + lifted] == [record.getMessage() for record in caplog.records]


def test_row_26_a_test_client_that_keeps_its_context_is_one_whatever_server_it_names() -> None:
    victim = weak_victim("changeme")
    with victim.client:
        assert 200 == victim.send(victim.good(), environ_overrides=GUNICORN).status_code


def test_row_26_after_a_reset_a_weak_secret_is_warned_of_anew(caplog: pytest.LogCaptureFixture) -> None:
    victim = weak_victim("changeme")
    for _ in range(2):
        victim.check_accepted(victim.good())
        testing.reset(victim.app)
        victim.check_accepted(victim.good())

    assert 3 == len(caplog.records)


@pytest.mark.parametrize("secret", WEAK.values(), ids=WEAK)
def test_row_26_a_weak_secret_is_refused_by_a_real_server(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    victim = weak_victim(secret)
    good = victim.good()
    for token in (good, good[:-4] + "AAAA", "x"):
        for _ in range(3):
            answer = served(victim, token)

            assert (503, "unavailable") == (answer.status_code, answer.json["error"])
            assert "Retry-After" in answer.headers
            assert "no-store" == answer.headers["Cache-Control"]
            assert "secret" not in answer.json["msg"]
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]

    assert 1 == len(errors)
    assert "JWT_ALLOW_WEAK_KEYS" in errors[0].getMessage()
    assert secret not in errors[0].getMessage()


def served(victim: Victim, token: str, software: str = "gunicorn/27.0.1") -> Any:
    """Send *token* as a real server hands a request over: without the mark of the test client."""
    client = Client(victim.app)
    return client.get(
        "/protected", headers={"Authorization": f"Bearer {token}"}, environ_overrides={"SERVER_SOFTWARE": software}
    )


@pytest.mark.parametrize(
    "mark",
    [{"uwsgi.version": b"2.0.28"}, {}, {"RAW_URI": "/protected", "wsgi.multithread": True}],
    ids=["uWSGI", "nameless", "with threads"],
)
def test_row_26_a_server_that_sets_no_software_counts_as_real(mark: dict[str, Any]) -> None:
    victim = weak_victim("changeme")
    environ = EnvironBuilder("/protected", headers={"Authorization": f"Bearer {victim.good()}"}).get_environ()
    del environ["RAW_URI"]  # of Werkzeug's own making

    _, status, _ = run_wsgi_app(victim.app.wsgi_app, {**environ, **mark})

    assert "503 SERVICE UNAVAILABLE" == status


def test_row_26_the_asgi_adapter_of_flasks_documentation_counts_as_real() -> None:
    victim = weak_victim("changeme")
    credential = f"Bearer {victim.good()}".encode()
    headers = [(b"host", b"a.test"), (b"user-agent", b"Werkzeug/3.1"), (b"authorization", credential)]
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/protected", "root_path": ""}
    scope |= {"query_string": b"", "scheme": "https", "server": ("a.test", 443), "client": ("127.0.0.1", 5)}
    sent: list[Any] = []

    async def ask() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await WsgiToAsgi(victim.app.wsgi_app)({**scope, "headers": headers}, receive, send)

    asyncio.run(ask())

    assert 503 == sent[0]["status"]


@pytest.mark.parametrize("client", [Client, FlaskClient])
def test_row_26_a_test_client_is_no_real_server(client: type[Client]) -> None:
    """Without TESTING, and without `with`, which leaves a mark."""
    victim = weak_victim("changeme")

    answer = client(victim.app).get("/protected", headers={"Authorization": f"Bearer {victim.good()}"})

    assert 200 == answer.status_code


@pytest.mark.parametrize("software", ["gunicorn/27", "waitress", "Granian", "Apache/2.4", "uvicorn", "mod_wsgi"])
def test_row_26_every_server_but_the_development_one_counts_as_real(software: str) -> None:
    victim = weak_victim("changeme")

    assert 503 == served(victim, victim.good(), software).status_code


@pytest.mark.parametrize("setting", ["DEBUG", "TESTING"])
def test_row_26_debug_and_testing_are_no_real_use(setting: str) -> None:
    victim = weak_victim("changeme", **{setting: True})

    assert 200 == served(victim, victim.good()).status_code
    assert 200 == served(weak_victim("changeme"), victim.good(), "Werkzeug/3.1").status_code


def test_row_26_who_insists_may_use_a_weak_secret(caplog: pytest.LogCaptureFixture) -> None:
    victim = weak_victim("changeme", JWT_ALLOW_WEAK_KEYS=True)
    for _ in range(3):
        assert 200 == served(victim, victim.good()).status_code

    assert 1 == len(caplog.records)


def test_row_26_a_good_secret_is_served_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    victim = weak_victim("y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe")

    assert 200 == served(victim, victim.good()).status_code
    assert [] == caplog.records


def test_row_26_a_weak_secret_makes_no_tokens_for_real_users() -> None:
    from flask import Flask
    from werkzeug.test import Client

    from flask_signet import JWTManager, create_access_token

    app = Flask(__name__)
    app.config["JWT_SECRET_KEY"] = "changeme"
    JWTManager(app)
    app.add_url_rule("/token", "token", lambda: create_access_token("1"))

    assert 503 == Client(app).get("/token", environ_overrides=GUNICORN).status_code


@pytest.mark.parametrize(("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_row_26_a_secret_is_as_long_as_its_hash(algorithm: str, least: int) -> None:
    """RFC 7518 section 3.2."""
    text = bytes(range(33, 33 + 64))

    assert keys.symmetric(text[:least], algorithm).weakness is None
    short = keys.symmetric(text[: least - 1], algorithm).weakness
    assert short is not None
    assert f"{least - 1} bytes" in short
    assert f"at least {least}" in short
    with pytest.raises(InvalidKeyError, match=f"at least {least} bytes"):
        keys.from_jwk({"kty": "oct", "alg": algorithm, "k": base64url.encode(text[: least - 1]).decode()})


def test_row_26_an_empty_secret_is_refused_outright() -> None:
    for secret in ("", b""):
        with pytest.raises(InvalidKeyError, match="empty"):
            keys.symmetric(secret, "HS256")


def test_row_26_every_published_secret_that_is_long_enough_is_known(shared_data: Any) -> None:
    lines = (shared_data / "jwt_secrets" / "jwt.secrets.list").read_bytes().splitlines()
    long_enough = [line for line in lines if len(line.strip(b" \t\r\n\"'")) >= 32]
    public_texts = [
        line for line in long_enough if not known_secrets.contains(line) and not key_material.looks_public(line)
    ]

    assert len(long_enough) > 1_500
    assert [] == public_texts


def test_row_26_published_secrets_are_known_in_quotes_too(shared_data: Any) -> None:
    lines = (shared_data / "jwt_secrets" / "jwt.secrets.list").read_bytes().splitlines()
    secret = next(line for line in lines if len(line) == 40 and line.isalnum())
    for form in (secret, b'"' + secret + b'"', b" " + secret + b"\n", b"'" + secret + b"'\r\n"):
        weakness = keys.symmetric(form, "HS256").weakness
        assert weakness is not None
        assert "public list" in weakness
    assert not known_secrets.contains(secret[:-1] + b"!")
    assert not known_secrets.contains(b"short")


def rsa_jwk(bits: int, exponent: int = 65537) -> dict[str, Any]:
    private = rsa.generate_private_key(public_exponent=exponent, key_size=bits)
    made = private.public_key().public_numbers()
    return {"kty": "RSA", "n": number(made.n), "e": number(made.e)}


def number(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


RSA = test_keys.public_jwk("RS256")
EC = test_keys.public_jwk("ES256")
OKP = test_keys.public_jwk("EdDSA")
OCT = test_keys.jwk("HS256")
X = base64url.encode(bytes(32)).decode()

BAD: dict[str, dict[str, Any]] = {
    "no kty": {"k": "AAAA"},
    "unknown kty": {"kty": "oct2", "k": "AAAA"},
    "kty a list": {"kty": ["RSA"]},
    "alg a list": {**RSA, "alg": ["RS256"]},
    "alg none": {**RSA, "alg": "none"},
    "alg of encryption": {**RSA, "alg": "RSA-OAEP"},
    "alg of a secret": {**RSA, "alg": "HS256"},
    "alg of another type": {**OCT, "alg": "RS256"},
    "alg of another curve": {**EC, "alg": "ES384"},
    "rsa with ec alg": {**RSA, "alg": "ES256"},
    "rsa with eddsa": {**RSA, "alg": "EdDSA"},
    "okp with es256": {**OKP, "alg": "ES256"},
    "use enc": {**RSA, "use": "enc"},
    "use null": {**RSA, "use": None},
    "use list": {**RSA, "use": ["sig"]},
    "key_ops encrypt": {**RSA, "key_ops": ["encrypt"]},
    "key_ops empty": {**RSA, "key_ops": []},
    "key_ops text": {**RSA, "key_ops": "verify"},
    "key_ops a number": {**RSA, "key_ops": 5},
    "key_ops twice": {**RSA, "key_ops": ["verify", "verify"]},
    "kid a number": {**RSA, "kid": 1},
    "n missing": {**RSA, "n": None},
    "n not base64url": {**RSA, "n": "!!!"},
    "n a number": {**RSA, "n": 5},
    "n padded": {**RSA, "n": RSA["n"] + "="},
    "n with leading zero": {**RSA, "n": base64url.encode(b"\0" + unb64(RSA["n"])).decode()},
    "n even": {**RSA, "n": number(int.from_bytes(unb64(RSA["n"]), "big") - 1)},
    "e one": {**RSA, "e": "AQ"},
    "e two": {**RSA, "e": "Ag"},
    "e even": {**RSA, "e": number(65536)},
    "e zero": {**RSA, "e": "AA"},
    "e empty": {**RSA, "e": ""},
    "d of another key": {**RSA, **{k: test_keys.jwk("RS384")[k] for k in ("d", "p", "q", "dp", "dq", "qi")}},
    "p and q exchanged for others": {**test_keys.jwk("RS256"), "p": test_keys.jwk("RS384")["p"]},
    "dp of another key": {**test_keys.jwk("RS256"), "dp": test_keys.jwk("RS384")["dp"]},
    "dq of another key": {**test_keys.jwk("RS256"), "dq": test_keys.jwk("RS384")["dq"]},
    "qi of another key": {**test_keys.jwk("RS256"), "qi": test_keys.jwk("RS384")["qi"]},
    "curve unknown": {**EC, "crv": "P-192"},
    "curve of bitcoin": {**EC, "crv": "secp256k1"},
    "curve a list": {**EC, "crv": ["P-256"]},
    "point not on the curve": {**EC, "y": EC["x"]},
    "point at zero": {**EC, "x": X, "y": X},
    "x too long": {**EC, "x": base64url.encode(b"\0" + unb64(EC["x"])).decode()},
    "x too short": {**EC, "x": base64url.encode(unb64(EC["x"])[1:]).decode()},
    "x a number": {**EC, "x": 5},
    "y too long": {**EC, "y": base64url.encode(b"\0" + unb64(EC["y"])).decode()},
    "y missing": {name: value for name, value in EC.items() if name != "y"},
    "p-384 coordinates": {**EC, "x": test_keys.jwk("ES384")["x"], "y": test_keys.jwk("ES384")["y"]},
    "ec d of another key": {**EC, "d": base64url.encode(bytes(31) + b"\5").decode()},
    "ec d too long": {**EC, "d": base64url.encode(b"\0" + unb64(test_keys.jwk("ES256")["d"])).decode()},
    "ec d zero": {**EC, "d": X},
    "ec d too large": {**EC, "d": base64url.encode(b"\xff" * 32).decode()},
    "x25519": {**OKP, "crv": "X25519"},
    "ed448": {**OKP, "crv": "Ed448"},
    "ed25519 x too short": {**OKP, "x": base64url.encode(bytes(31)).decode()},
    "ed25519 d too short": {**OKP, "d": base64url.encode(bytes(31)).decode()},
    "ed25519 d of another key": {**OKP, "d": X},
    "secret missing": {"kty": "oct", "alg": "HS256"},
    "secret a list": {**OCT, "k": ["x"]},
    "secret not base64url": {**OCT, "k": "a+b/" * 12},
    "secret too short": {**OCT, "k": base64url.encode(b"x" * 31).decode()},
    "secret beyond ascii": {**OCT, "k": "é" * 60},
}


@pytest.mark.parametrize("jwk", BAD.values(), ids=BAD)
def test_row_27_a_key_that_is_none_is_refused_at_import(jwk: dict[str, Any]) -> None:
    """Alone, in a JWK set and in a ring; the words hold nothing of the key."""
    for read in (
        lambda: keys.from_jwk(jwk),
        lambda: keys.from_jwk_set({"keys": [jwk]}),
        lambda: ring.from_jwks({"keys": [jwk]}),
    ):
        with pytest.raises(InvalidKeyError) as caught:
            read()
        secrets = [value for value in jwk.values() if isinstance(value, str) and len(value) > 20]
        assert not any(secret in str(caught.value) for secret in secrets)


ROCA_WORDS = "the RSA key was made by a faulty chip (ROCA, CVE-2017-15361)"
CURVES = "the curve of an EC key must be P-256 (ES256), P-384 (ES384) or P-521 (ES512)"
ALGORITHMS = "ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512"
WORDS = {
    "alg none": f"alg 'none' of a JWK is not one of {ALGORITHMS}",
    "alg a list": f"alg \"['RS256']\" of a JWK is not one of {ALGORITHMS}",
    "alg of another type": "an oct key cannot be used with RS256",
    "unknown kty": "kty 'oct2' of a JWK is not one of 'EC', 'OKP', 'RSA', 'oct'",
    "secret too short": "an oct key for HS256 needs at least 32 bytes (RFC 7518 section 3.2)",
    "kid a number": "kid of a JWK must be a string",
    "use enc": "use of a JWK must be 'sig': a key for encryption cannot sign",
    "key_ops text": "key_ops of a JWK must be a list without duplicates",
    "key_ops a number": "key_ops of a JWK must be a list without duplicates",
    "key_ops twice": "key_ops of a JWK must be a list without duplicates",
    "key_ops empty": "key_ops of a JWK must contain 'verify' or 'sign'",
    "key_ops encrypt": "key_ops of a JWK must contain 'verify' or 'sign'",
    "secret missing": "an oct key needs its secret in k",
    "secret a list": "an oct key needs its secret in k",
    "secret not base64url": "k of an oct key is not base64url",
    "secret beyond ascii": "k of an oct key is not base64url",
    "rsa with ec alg": "an RSA key cannot be used with ES256",
    "e one": "e of an RSA key must be odd and at least 3",
    "e two": "e of an RSA key must be odd and at least 3",
    "e even": "e of an RSA key must be odd and at least 3",
    "e empty": "e of the key has the wrong length",
    "n a number": "n of the key has the wrong length",
    "n even": "n of an RSA key must be odd: it is the product of two large primes",
    "n with leading zero": "n of the key has a leading zero (RFC 7518 section 2)",
    "p and q exchanged for others": "the RSA key is malformed, or its members do not match each other",
    "curve of bitcoin": CURVES,
    "alg of another curve": CURVES,
    "point not on the curve": "the EC key is malformed, or its members do not match each other",
    "x a number": "x of the key has the wrong length",
    "y too long": "y of the key has the wrong length",
    "ec d too long": "d of the key has the wrong length",
    "ec d of another key": "d of an EC key does not belong to its x and y",
    "x25519": "an OKP key must be Ed25519 and its alg EdDSA",
    "okp with es256": "an OKP key must be Ed25519 and its alg EdDSA",
    "ed25519 x too short": "x of the key has the wrong length",
    "ed25519 d too short": "d of the key has the wrong length",
    "ed25519 d of another key": "d of an Ed25519 key does not belong to its x",
}


@pytest.mark.parametrize(("name", "words"), WORDS.items(), ids=WORDS)
def test_row_27_the_refusal_of_a_key_says_which_part_is_wrong(name: str, words: str) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        keys.from_jwk(BAD[name])

    assert words == str(caught.value)


@pytest.mark.parametrize("member", ["alg", "kty"])
def test_row_27_of_an_unknown_word_twenty_characters_are_shown(member: str) -> None:
    with pytest.raises(InvalidKeyError, match=f"^{member} '{'x' * 20}' of a JWK is not one of "):
        keys.from_jwk({**OCT, member: "x" * 21})


@pytest.mark.parametrize("bits", [1024, 1536, 2040])
def test_row_27_a_short_rsa_key_is_refused_as_jwk_and_weak_as_pem(bits: int) -> None:
    jwk = rsa_jwk(bits)
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    weakness = keys.from_config(private, "RS256", private=True).weakness
    assert weakness is not None

    assert f"{bits} bits" in weakness
    with pytest.raises(InvalidKeyError, match="at least 2048 bits"):
        keys.from_jwk(jwk)


def test_row_27_a_short_rsa_key_is_refused_by_a_real_server() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    victim = Victim("RS256", JWT_KEYS=None, JWT_PRIVATE_KEY=private, JWT_PUBLIC_KEY=private.public_key())

    assert 503 == served(victim, victim.good()).status_code
    victim.check_accepted(victim.good())


def test_row_27_a_key_of_the_faulty_chip_is_refused() -> None:
    """ROCA: the primes are k·M + 65537^a mod M; a modulus that is a power of 65537 modulo M is enough to be known."""
    product = 1
    for prime in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157):
        product *= prime
    residue = pow(65537, 12345, 2 * product)
    modulus = residue + 2 * product * ((1 << 2048) // (2 * product) - 1)
    jwk = {"kty": "RSA", "n": number(modulus), "e": "AQAB"}
    neighbour = {"kty": "RSA", "n": number(modulus + 2), "e": "AQAB"}

    with pytest.raises(InvalidKeyError) as caught:
        keys.from_jwk(jwk)
    assert ROCA_WORDS == str(caught.value)
    assert "RS256" == keys.from_jwk(neighbour).algorithm
    public = rsa.RSAPublicNumbers(65537, modulus).public_key()
    assert f"{ROCA_WORDS} and can be factored" == keys.from_config(public, "RS256", private=False).weakness


def test_row_27_a_secret_among_public_keys_is_refused() -> None:
    with pytest.raises(InvalidKeyError, match="must not mix"):
        keys.from_jwk_set({"keys": [OCT, RSA]})


@pytest.mark.parametrize("members", [None, [], {}, "x", [1], ["x"], [None], [{"kty": "new"}]], ids=repr)
def test_row_27_a_set_without_keys_is_refused(members: Any) -> None:
    for read in (keys.from_jwk_set, ring.from_jwks):
        with pytest.raises(InvalidKeyError):
            read({"keys": members})


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_row_27_good_keys_are_taken_in_every_honest_form(algorithm: str) -> None:
    operations = ({"key_ops": names} for names in (["verify"], ["sign"], ["sign", "verify"]))
    for members in ({}, {"use": "sig"}, {"use": None}, *operations):
        key: Key = test_keys.key(algorithm, **members)

        assert algorithm == key.algorithm
        assert key.weakness is None
    if not algorithm.startswith("HS"):
        assert test_keys.public_jwk(algorithm, use="sig") == dict(test_keys.key(algorithm).public_jwk or {})


def test_a_token_of_a_key_with_a_weak_twin_is_still_checked() -> None:
    """A secret of another length is another key."""
    victim = weak_victim("changeme-changeme-changeme-changeme!")
    other = weak_victim("changeme-changeme-changeme-changeme")

    victim.check_refusal(victim.send(other.sign(claims())))
