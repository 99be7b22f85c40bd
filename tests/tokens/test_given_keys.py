"""Keys in the forms in which issuers, environments and other libraries give them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwk as joserfc_jwk

from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.tokens import given, keys, ring
from tests.attacks.world import Victim, b64, claims
from tests.vectors import keys as test_keys

PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
PRIVATE["PS384"] = PRIVATE["RS256"]

RSA, OTHER, EC, OKP = (test_keys.public_jwk(name) for name in ("RS256", "RS384", "ES256", "EdDSA"))
ENCRYPTION = {**OTHER, "kid": "enc", "use": "enc", "alg": "RSA-OAEP"}
# As Entra ID, Keycloak, Google and others publish them: no `alg`, keys for encryption, unknown types.
PUBLISHED: dict[str, Any] = {
    "keys": [
        {**{name: RSA[name] for name in ("kty", "n", "e")}, "kid": "one", "use": "sig", "x5t": "x", "x5c": ["MII"]},
        ENCRYPTION,
        {"kty": "AKP", "kid": "later", "alg": "ML-DSA-44", "pub": "x"},
        {**EC, "kid": "two"},
        {**OKP, "kid": "curve", "crv": "Ed448", "x": "A" * 76},
        {**RSA, "kid": "short", "n": "AQAB"},
        {**OKP, "kid": "three"},
    ]
}


def token(algorithm: str, kid: str | None, **header: Any) -> str:
    key = test_keys.key(algorithm)
    head = {"alg": algorithm, "typ": "JWT", "kid": kid, **header}
    signing_input = f"{b64(json.dumps({k: v for k, v in head.items() if v is not None}))}.{b64(json.dumps(claims()))}"
    assert key.sign is not None
    return f"{signing_input}.{b64(key.sign(signing_input.encode()))}"


def victim(**config: Any) -> Victim:
    return Victim("RS256", **{"JWT_KEYS": None, "JWT_ALGORITHM": "RS256", **config})


def with_loader(value: Any, **config: Any) -> Victim:
    made = victim(**{"JWT_DECODE_ALGORITHMS": ["RS256", "ES256", "EdDSA"], **config})
    made.jwt.decode_key_callback = lambda *_: value() if callable(value) and not hasattr(value, "key") else value
    return made


@pytest.mark.parametrize("written", [lambda jwks: jwks, json.dumps], ids=["dict", "text"])
def test_the_published_keys_of_an_issuer_verify(written: Callable[[Any], Any]) -> None:
    app = victim(JWT_KEYS=written(PUBLISHED))
    for algorithm, kid in (("RS256", "one"), ("ES256", "two"), ("EdDSA", "three")):
        app.check_accepted(token(algorithm, kid, x5t=kid))
    for algorithm, kid in (("RS256", "two"), ("RS256", "enc"), ("RS256", "short"), ("RS256", None), ("ES256", "one")):
        assert 401 == app.send(token(algorithm, kid)).status_code, kid


def test_published_keys_sign_nothing() -> None:
    made = ring.from_jwks(PUBLISHED)

    assert made.current is None
    assert ["one", "two", "three"] == [key.key_id for key in made.verifying]
    with pytest.raises(SettingsError, match="JWT_PRIVATE_KEY must be set"):
        victim(JWT_KEYS=PUBLISHED).own()


def test_published_keys_are_changed_by_their_owner_alone() -> None:
    for change in (
        lambda: ring.rotated(PUBLISHED, bytes, 0, overlap=None, settle=0),
        lambda: ring.without(PUBLISHED, "one", bytes, 0),
    ):
        with pytest.raises(SettingsError, match="of another issuer"):
            change()


def test_several_keys_that_could_sign_still_need_their_status() -> None:
    jwks = {"keys": [test_keys.jwk("RS256"), test_keys.jwk("EdDSA")]}
    with pytest.raises(SettingsError, match='exactly one key with "status": "current", not 2'):
        ring.from_jwks(jwks)


def test_a_key_that_is_published_twice_is_one() -> None:
    twice = {"keys": [{**RSA, "kid": "one"}, {**RSA, "kid": "one"}, {**EC, "kid": "two"}]}

    assert ["one", "two"] == [key.key_id for key in ring.from_jwks(twice).verifying]


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidKeyError, match="two keys of the set share the kid 'one'"):
        ring.from_jwks({"keys": [{**RSA, "kid": "one"}, {**OTHER, "alg": "RS256", "kid": "one"}]})


def test_of_a_name_that_two_keys_share_forty_characters_are_shown() -> None:
    with pytest.raises(InvalidKeyError) as caught:
        keys.from_jwk_set({"keys": [{**RSA, "kid": "k" * 41}, {**OKP, "kid": "k" * 41}]})

    assert f"two keys of the set share the kid '{'k' * 40}'" == str(caught.value)


def test_a_secret_among_published_keys_is_refused() -> None:
    secret = test_keys.jwk("HS256")
    for jwks in ({"keys": [RSA, secret]}, {"keys": [ENCRYPTION, secret]}):
        with pytest.raises(InvalidKeyError, match="must not mix"):
            keys.from_jwk_set(jwks)
        with pytest.raises(SettingsError):
            ring.from_jwks(jwks)


def test_a_set_has_at_most_a_hundred_keys() -> None:
    many = {"keys": [{**OKP, "kid": str(n)} for n in range(101)]}
    for read in (keys.from_jwk_set, ring.from_jwks):
        with pytest.raises(InvalidKeyError, match="at most 100 keys, not 101"):
            read(many)


def test_a_set_of_a_hundred_keys_is_read() -> None:
    assert 100 == len(keys.from_jwk_set({"keys": [{**OKP, "kid": str(n)} for n in range(100)]}))


def test_a_set_of_secrets_is_read() -> None:
    first, second = test_keys.jwk("HS256"), test_keys.jwk("HS512")

    assert ["HS256", "HS512"] == [key.algorithm for key in keys.from_jwk_set({"keys": [first, second]})]


def test_a_secret_of_a_set_that_cannot_be_used_is_not_passed_over() -> None:
    """Nobody publishes secrets: the operator wrote this set, and learns what is wrong with it."""
    with pytest.raises(InvalidKeyError, match="an oct key for HS256 needs at least 32 bytes"):
        keys.from_jwk_set({"keys": [test_keys.jwk("HS512"), {"kty": "oct", "k": "c2hvcnQ"}]})


@pytest.mark.parametrize("algorithm", ["RS512", "PS384"])
def test_rsa_keys_of_a_set_without_an_algorithm_are_for_the_one_that_is_asked_for(algorithm: str) -> None:
    nameless = {name: RSA[name] for name in ("kty", "n", "e")}
    named = {**{name: OTHER[name] for name in ("kty", "n", "e")}, "alg": "RS384"}
    curve = {name: EC[name] for name in ("kty", "crv", "x", "y")}

    made = keys.from_jwk_set({"keys": [nameless, named, curve]}, algorithm)

    assert [algorithm, "RS384", "ES256"] == [key.algorithm for key in made]


def test_rsa_keys_of_a_set_without_an_algorithm_are_for_rs256_beside_other_types() -> None:
    nameless = {name: RSA[name] for name in ("kty", "n", "e")}

    assert ["RS256"] == [key.algorithm for key in keys.from_jwk_set({"keys": [nameless]}, "ES256")]
    assert ["RS256"] == [key.algorithm for key in keys.from_jwk_set({"keys": [nameless]})]


def test_a_set_without_a_usable_key_says_why() -> None:
    with pytest.raises(InvalidKeyError, match="use of a JWK must be 'sig'"):
        keys.from_jwk_set({"keys": [{**RSA, "use": "enc"}, {"kty": "AKP"}]})


def test_tokens_with_a_thumbprint_of_a_certificate_pass() -> None:
    """Entra ID writes ``x5t`` into tokens of its first version."""
    app = victim(JWT_KEYS={"keys": [{**RSA, "kid": "one"}]})

    app.check_accepted(token("RS256", "one", x5t="one"))
    app.check_accepted(token("RS256", "one", **{"x5t#S256": "one"}))


# --- What a callback returns ----------------------------------------------------------------------------


def loaded() -> dict[str, Any]:
    pem = PRIVATE["RS256"].public_key()
    rsa_jwk = json.loads(pyjwt.algorithms.RSAAlgorithm.to_jwk(pem))
    return {
        "JWK": rsa_jwk,
        "JWK with alg": {**rsa_jwk, "alg": "RS256", "kid": "of the issuer"},
        "JWK as text": json.dumps(rsa_jwk),
        "JWK as bytes": json.dumps(rsa_jwk).encode(),
        "PyJWK": pyjwt.PyJWK(rsa_jwk),
        "PyJWK with alg": pyjwt.PyJWK({**rsa_jwk, "alg": "RS256", "kid": "of the issuer"}),
        "joserfc": joserfc_jwk.import_key(rsa_jwk, "RSA"),
        "key object": pem,
        "PEM": pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    }


@pytest.mark.parametrize("form", loaded())
def test_a_callback_may_return_its_key_in_any_form(form: str, caplog: pytest.LogCaptureFixture) -> None:
    app = with_loader(loaded()[form])
    private = keys.from_config(PRIVATE["RS256"], "RS256", private=True)
    for kid in (None, "any"):
        head = {"alg": "RS256", "typ": "JWT"} | ({} if kid is None else {"kid": kid})
        signing_input = f"{b64(json.dumps(head))}.{b64(json.dumps(claims()))}"
        assert private.sign is not None
        good = f"{signing_input}.{b64(private.sign(signing_input.encode()))}"

        app.check_accepted(good)
        assert 401 == app.send(good[:-6] + "AAAAAA").status_code
    assert 401 == app.send(token("RS256", None)).status_code
    assert [] == caplog.records


WRITTEN: dict[str, Callable[[Any], Any]] = {"dict": dict, "text": json.dumps, "PyJWT": pyjwt.PyJWKSet.from_dict}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_callback_may_return_a_whole_set(written: Callable[[Any], Any]) -> None:
    published = {"keys": [key for key in PUBLISHED["keys"] if key["kid"] in ("one", "enc", "two", "three")]}
    app = with_loader(written(published))
    for algorithm, kid in (("RS256", "one"), ("ES256", "two"), ("EdDSA", "three")):
        app.check_accepted(token(algorithm, kid))
    for algorithm, kid in (("RS256", "two"), ("RS256", "enc"), ("RS256", "unknown"), ("ES256", "one")):
        assert 401 == app.send(token(algorithm, kid)).status_code, kid


def test_a_key_without_an_algorithm_is_for_the_one_of_the_token() -> None:
    jwk = {name: test_keys.public_jwk("PS512")[name] for name in ("kty", "n", "e")}
    app = with_loader(jwk, JWT_DECODE_ALGORITHMS=["PS512"])

    app.check_accepted(token("PS512", None))


UNUSABLE: dict[str, tuple[Any, str]] = {
    "a number": (5, "RS256 needs a PEM string or an RSA, EC or Ed25519 key, not int"),
    "an object": (object(), "RS256 needs a PEM string or an RSA, EC or Ed25519 key, not object"),
    "an empty text": ("", "the key is not a readable PEM string"),
    "a JWK for encryption": (ENCRYPTION, "alg 'RSA-OAEP' of a JWK is not one of"),
    "a JWK without its number": ({"kty": "RSA", "e": "AQAB"}, "malformed"),
    "a set without keys": ({"keys": []}, "at least one key"),
    "what is no JSON": ({"kty": "RSA", "n": object()}, "contain only strings"),
    "a certificate": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "load_pem_x509_certificate"),
    "PyJWT's key of another kind": (pyjwt.PyJWK(EC), "it contains no key for RS256"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_key_that_cannot_be_used_is_heard_of_once(case: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every token is then refused with 401, and only the log says why."""
    value, reason = UNUSABLE[case]
    app = with_loader(value)
    with caplog.at_level(logging.ERROR, "flask_signet"):
        for _ in range(3):
            assert 401 == app.send(token("RS256", "one")).status_code
    said = [record.getMessage() for record in caplog.records]

    assert 1 == len(said)
    assert reason in said[0]
    assert "Return a public key for one of JWT_DECODE_ALGORITHMS" in said[0]
    assert RSA["n"] not in said[0]


def test_a_callback_that_signs_may_return_a_jwk(caplog: pytest.LogCaptureFixture) -> None:
    private = test_keys.jwk("RS256")
    for value in (private, json.dumps(private), pyjwt.PyJWK(private)):
        app = victim(JWT_PUBLIC_KEY=pyjwt.PyJWK(RSA).key)
        app.jwt.encode_key_callback = lambda _identity, value=value: value
        app.check_accepted(app.own())
    assert [] == caplog.records


def test_a_callback_that_signs_needs_a_private_key_of_the_right_kind() -> None:
    with pytest.raises(InvalidKeyError, match="this JWK is public"):
        given.signing(RSA, "RS256")
    with pytest.raises(InvalidKeyError, match="the JWK is for EdDSA, but JWT_ALGORITHM is RS256"):
        given.signing(test_keys.jwk("EdDSA"), "RS256")


# --- Keys from an environment ---------------------------------------------------------------------------


def folded(pem: str) -> dict[str, str]:
    lines = pem.strip().splitlines()
    return {
        "backslash n": pem.replace("\n", "\\n"),
        "backslash r, backslash n": pem.replace("\n", "\\r\\n"),
        "in quotes": '"' + pem.strip().replace("\n", "\\n") + '"',
        "blanks": " ".join(lines),
        "indented": "\n".join("    " + line for line in lines),
        "no line break at all": "".join(lines),
        "CRLF": pem.replace("\n", "\r\n"),
    }


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "ES512", "EdDSA"])
def test_a_pem_text_that_lost_its_line_breaks_is_read(algorithm: str) -> None:
    private = PRIVATE[algorithm]
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for spelling in folded(public):
        signing = keys.from_config(folded(secret)[spelling], algorithm, private=True)
        verifying = keys.from_config(folded(public)[spelling], algorithm, private=False)
        assert signing.sign is not None

        assert verifying.verify(b"message", signing.sign(b"message")), spelling


def test_a_pem_text_with_another_fault_says_what_it_must_be() -> None:
    public = PRIVATE["ES256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for text in (public[:-30], public.replace("-----END", "-----BEGIN"), "\\n", "-----BEGIN PUBLIC KEY-----"):
        with pytest.raises(InvalidKeyError, match="the key is not a readable PEM string"):
            keys.from_config(text, "ES256", private=False)
    with pytest.raises(InvalidKeyError, match="write a JWK to JWT_KEYS"):
        keys.from_config(json.dumps(EC), "ES256", private=False)


def test_a_private_key_where_a_public_one_belongs_is_heard_of_once(caplog: pytest.LogCaptureFixture) -> None:
    app = victim(JWT_PUBLIC_KEY=PRIVATE["RS256"])
    for _ in range(3):
        app.send("x")

    assert ["JWT_PUBLIC_KEY contains a private key" in record.getMessage() for record in caplog.records] == [True]
    assert "openssl pkey" in caplog.text
