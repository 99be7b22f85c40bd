"""Keys: one algorithm each, in every form that settings may hold, and nothing private in what they show."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import key_material, keys
from flask_signet.tokens.key import thumbprint
from tests.vectors import keys as test_keys

PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
PRIVATE |= {name: PRIVATE["RS256"] for name in ("RS384", "RS512", "PS256", "PS384", "PS512")}
# SEC 2 sections 2.4.2, 2.5.1 and 2.6.1: as sums, so that no digit is copied
ORDERS = {
    "ES256": 2**256 - 2**224 + 2**192 - 0x4319055258E8617B0C46353D039CDAAF,
    "ES384": 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D,
    "ES512": 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}
SIGNATURE_BYTES = {"RS": 256, "PS": 256, "ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64}


def signs_and_verifies(signer: keys.Key, verifier: keys.Key) -> bool:
    assert signer.sign is not None
    signature = signer.sign(b"message")
    return verifier.verify(b"message", signature) and not verifier.verify(b"other", signature)


@pytest.mark.parametrize("algorithm", test_keys.ASYMMETRIC)
def test_a_key_is_read_from_every_text_and_object(algorithm: str) -> None:
    private = PRIVATE[algorithm]
    public = private.public_key()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    forms = [private, pem, pem.decode()]
    publics = [public, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), pem, private]
    publics += [public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)]
    for form in forms:
        signer = keys.from_config(form, algorithm, private=True)
        for shown in publics:
            assert signs_and_verifies(signer, keys.from_config(shown, algorithm, private=False))


@pytest.mark.parametrize("algorithm", test_keys.ASYMMETRIC)
def test_a_signature_has_the_length_of_its_algorithm(algorithm: str) -> None:
    """RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1."""
    signer = keys.from_config(PRIVATE[algorithm], algorithm, private=True)
    assert signer.sign is not None
    expected = SIGNATURE_BYTES.get(algorithm) or SIGNATURE_BYTES[algorithm[:2]]
    for _ in range(20):
        signature = signer.sign(b"message")
        assert expected == len(signature)
        assert not signer.verify(b"message", signature[:-1])
        assert not signer.verify(b"message", signature + b"\0")
        assert not signer.verify(b"message", b"\0" + signature)


@pytest.mark.parametrize("algorithm", test_keys.ASYMMETRIC)
def test_a_public_key_never_signs(algorithm: str) -> None:
    public = PRIVATE[algorithm].public_key()

    assert keys.from_config(public, algorithm, private=False).sign is None
    assert keys.from_config(public, algorithm, private=False).private_jwk is None
    with pytest.raises(InvalidKeyError, match=f"{algorithm} needs a private key to sign, but this key is public"):
        keys.from_config(public, algorithm, private=True)
    assert keys.from_jwk(test_keys.public_jwk(algorithm)).sign is None
    assert keys.from_jwk(test_keys.public_jwk(algorithm)).private_jwk is None


MISFITS = [
    (a, b) for a in ("RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA") for b in ("RS256", "ES256", "ES384", "EdDSA")
]


@pytest.mark.parametrize(("algorithm", "other"), [(a, b) for a, b in MISFITS if a != b and a[:2] + b[:2] != "PSRS"])
def test_a_key_of_another_type_or_curve_is_refused(algorithm: str, other: str) -> None:
    words = {"RS": "an RSA key", "PS": "an RSA key", "Ed": "an Ed25519 key", "ES": "a key on the curve P-"}
    for private in (True, False):
        with pytest.raises(InvalidKeyError, match=f"{algorithm} needs {words[algorithm[:2]]}"):
            keys.from_config(PRIVATE[other], algorithm, private=private)


@pytest.mark.parametrize(
    "value",
    [
        dsa.generate_private_key(2048),
        ed448.Ed448PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256K1()),
        5,
        None,
        [],
        {"kty": "RSA"},
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_object_that_is_no_key_of_ours_is_refused(value: Any) -> None:
    for algorithm in ("RS256", "ES256", "EdDSA"):
        with pytest.raises(InvalidKeyError, match=f"^{algorithm} needs a"):
            keys.from_config(value, algorithm, private=True)


def test_an_object_that_is_no_key_is_named_by_its_type() -> None:
    with pytest.raises(InvalidKeyError) as caught:
        keys.from_config(5, "ES256", private=False)

    assert "ES256 needs a PEM string or an RSA, EC or Ed25519 key, not int" == str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "x", "-----BEGIN PRIVATE KEY-----", b"\xff", "é", "{}", "-----BEGIN X-----\nAA\n-----END X-----"]
)
def test_a_text_that_is_no_key_is_refused_with_the_right_form(text: str | bytes) -> None:
    for private in (True, False):
        with pytest.raises(InvalidKeyError, match="'-----BEGIN PRIVATE KEY-----' or '-----BEGIN PUBLIC KEY-----'"):
            keys.from_config(text, "RS256", private=private)


def test_a_text_that_is_no_key_is_told_what_a_key_looks_like() -> None:
    with pytest.raises(InvalidKeyError) as caught:
        keys.from_config("x", "RS256", private=True)

    assert str(caught.value) == (
        "the key is not a readable PEM string: it must begin with '-----BEGIN PRIVATE KEY-----' or "
        "'-----BEGIN PUBLIC KEY-----', keep its line breaks, and have no passphrase"
    )


def test_a_public_key_as_a_secret_is_told_where_it_belongs() -> None:
    with pytest.raises(InvalidKeyError) as caught:
        keys.symmetric(b"ssh-rsa AAAA", "HS384")

    assert str(caught.value) == (
        "the secret for HS384 is an asymmetric key, which may be public: "
        "set JWT_ALGORITHM to the algorithm of that key, and JWT_PRIVATE_KEY / JWT_PUBLIC_KEY to the key"
    )


def test_a_key_with_a_passphrase_is_refused() -> None:
    pem = PRIVATE["ES256"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    with pytest.raises(InvalidKeyError, match="have no passphrase"):
        keys.from_config(pem, "ES256", private=True)


@pytest.mark.parametrize("algorithm", ["none", "HS255", "", "rs256", "ES256K"])
def test_an_unknown_algorithm_is_refused_with_the_known_ones(algorithm: str) -> None:
    with pytest.raises(
        InvalidKeyError, match=f"algorithm '{algorithm}' is not one of ES256, ES384, ES512, EdDSA, HS256"
    ):
        keys.from_config("x", algorithm, private=True)


def test_of_an_unknown_algorithm_twenty_characters_are_shown() -> None:
    for use in (keys.from_config, lambda _, name, **given: keys.generate(name, SYSTEM.token_bytes)):
        with pytest.raises(InvalidKeyError, match=f"algorithm '{'a' * 20}' is not one of"):
            use("x", "a" * 21, private=True)


@pytest.mark.parametrize("value", [5, None, [], PRIVATE["RS256"]], ids=lambda value: type(value).__name__)
def test_a_secret_is_a_text_or_bytes(value: Any) -> None:
    with pytest.raises(InvalidKeyError, match=f"HS384 needs a secret as a string or bytes, not {type(value).__name__}"):
        keys.from_config(value, "HS384", private=True)


def test_a_secret_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidKeyError, match="half a surrogate pair"):
        keys.symmetric("\ud800" * 40, "HS256")


def test_a_secret_as_text_is_its_utf8_bytes() -> None:
    text, raw = keys.symmetric("é" * 20, "HS256"), keys.symmetric("é".encode() * 20, "HS256")

    assert signs_and_verifies(text, raw)
    assert text.weakness == raw.weakness
    assert "repeats the same few bytes" in (text.weakness or "")


def test_a_secret_without_a_name_is_written_without_one() -> None:
    key = keys.symmetric(b"abcd" * 12, "HS384")
    assert key.private_jwk is not None

    assert {"kty": "oct", "alg": "HS384", "k": "YWJjZGFiY2RhYmNkYWJjZGFiY2RhYmNkYWJjZGFiY2RhYmNkYWJjZGFiY2RhYmNk"} == (
        key.private_jwk()
    )


def test_a_secret_of_four_different_bytes_is_the_least() -> None:
    assert keys.symmetric(b"abc" * 12, "HS256").weakness == "the secret repeats the same few bytes"
    assert keys.symmetric(b"abcd" * 12, "HS256").weakness is None


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_a_private_jwk_goes_out_as_it_came_in(algorithm: str) -> None:
    given_jwk = test_keys.jwk(algorithm)
    key = test_keys.key(algorithm)
    assert key.private_jwk is not None
    expected = {**given_jwk} if algorithm.startswith("HS") else {**given_jwk, "use": "sig"}
    if not algorithm.startswith("HS"):
        expected.pop("kid")

    assert expected == key.private_jwk()
    assert signs_and_verifies(key, keys.from_jwk({**key.private_jwk(), "kid": "x"}))


def test_an_rsa_jwk_of_n_e_and_d_alone_is_enough() -> None:
    """RFC 7518 section 6.3.2: the other members speed up, and may be absent."""
    for dropped in ({"p", "q", "dp", "dq", "qi"}, {"dp", "dq", "qi"}, {"dp"}, {"dq"}, {"qi"}):
        jwk = {name: value for name, value in test_keys.jwk("RS256").items() if name not in dropped}

        assert signs_and_verifies(keys.from_jwk(jwk), test_keys.key("RS256"))


def test_an_rsa_exponent_of_three_is_taken() -> None:
    private = rsa.generate_private_key(public_exponent=3, key_size=2048)
    made = keys.from_config(private, "RS256", private=True)
    assert made.private_jwk is not None

    assert "Aw" == made.private_jwk()["e"]
    assert signs_and_verifies(made, keys.from_jwk(made.public_jwk or {}))


def test_a_secret_without_algorithm_is_hs256_and_an_rsa_key_rs256() -> None:
    assert "HS256" == test_keys.key("HS256", alg=None).algorithm
    assert "RS256" == test_keys.key("PS512", alg=None).algorithm
    assert "ES384" == test_keys.key("ES384", alg=None).algorithm
    assert "EdDSA" == test_keys.key("EdDSA", alg=None).algorithm


def test_a_key_may_have_another_name_and_place_and_stays_itself() -> None:
    key = test_keys.key("EdDSA")
    other = key.named("other", "retired")
    nameless = other.named(None)

    assert ("other", "retired", "other") == (other.key_id, other.status, (other.public_jwk or {})["kid"])
    assert (None, "current") == (nameless.key_id, nameless.status)
    assert "kid" not in (nameless.public_jwk or {})
    assert "test-EdDSA" == (key.public_jwk or {})["kid"]
    assert signs_and_verifies(key, nameless)
    assert keys.symmetric("x" * 40, "HS256").named("a").public_jwk is None


def test_a_key_set_passes_over_types_that_nobody_knows() -> None:
    made = keys.from_jwk_set({"keys": [{"kty": "AKP", "alg": "ML-DSA-44"}, test_keys.public_jwk("EdDSA")]})

    assert ["EdDSA"] == [key.algorithm for key in made]


@pytest.mark.parametrize(
    ("jwks", "words"),
    [
        ({}, 'a JWK set must be {"keys": [...]} with at least one key'),
        ({"keys": []}, 'a JWK set must be {"keys": [...]} with at least one key'),
        ({"keys": "x"}, 'a JWK set must be {"keys": [...]} with at least one key'),
        ({"keys": [[]]}, "every member of keys must be a JWK object"),
        ({"keys": [{"kty": "AKP"}]}, "no key of the set has a known type"),
        (
            {"keys": [test_keys.jwk("HS256"), test_keys.public_jwk("EdDSA")]},
            "a JWK set must not mix secrets with public keys (RFC 7517 section 9.2)",
        ),
    ],
)
def test_a_key_set_that_is_none_is_refused_with_what_it_must_be(jwks: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        keys.from_jwk_set(jwks)

    assert words == str(caught.value)


def test_a_key_shows_its_algorithm_name_and_place() -> None:
    key = test_keys.key("HS256")

    assert "<Key HS256 without kid current>" == repr(key.named(None))
    assert "<Key HS256 a retired>" == repr(key.named("a", "retired"))


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_generated_key_is_named_by_its_thumbprint(algorithm: str) -> None:
    key = keys.generate(algorithm, SYSTEM.token_bytes)

    assert thumbprint(key.public_jwk or {}) == key.key_id == (key.public_jwk or {})["kid"]


class CredulousKey(ec.EllipticCurvePublicKey):
    """A key of a library that believes every signature."""

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self.key = key
        self.believed: list[bytes] = []

    def verify(self, signature: bytes, *_: Any) -> None:
        self.believed.append(signature)

    def public_numbers(self) -> ec.EllipticCurvePublicNumbers:
        return self.key.public_numbers()

    @property
    def curve(self) -> ec.EllipticCurve:
        return self.key.curve

    @property
    def key_size(self) -> int:
        return self.key.key_size

    def public_bytes(self, encoding: Encoding, format: PublicFormat) -> bytes:
        return self.key.public_bytes(encoding, format)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __copy__(self) -> CredulousKey:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> CredulousKey:
        return self


@pytest.mark.parametrize(("algorithm", "order"), ORDERS.items(), ids=ORDERS)
def test_numbers_outside_the_curve_never_reach_the_library(algorithm: str, order: int) -> None:
    """CVE-2022-21449: a library that forgot to look took (0, 0) for a signature of any message."""
    library = CredulousKey(PRIVATE[algorithm].public_key())
    key = keys.from_config(library, algorithm, private=False)
    size = SIGNATURE_BYTES[algorithm] // 2

    def judged(r: int, s: int) -> bool:
        return key.verify(b"message", r.to_bytes(size, "big") + s.to_bytes(size, "big"))

    assert not any(judged(r, s) for r in (0, 1, order, order + 1) for s in (0, order, order + 1))
    assert not any(judged(r, s) for r in (0, order, order + 1) for s in (0, 1, order, order + 1))
    assert [] == library.believed
    assert judged(1, order - 1)
    assert judged(order - 1, 1)


def test_what_looks_like_an_asymmetric_key_is_no_secret() -> None:
    public = PRIVATE["ES256"].public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    long_der = PRIVATE["RS256"].public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    texts = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        b"  \n-----BEGIN RSA PUBLIC KEY-----",
        b"Bag Attributes\n-----BEGIN CERTIFICATE-----",
        b"ssh-rsa AAAA",
        b"ssh-ed25519 AAAA",
        b"ecdsa-sha2-nistp256 AAAA",
        b"---- BEGIN SSH2 PUBLIC KEY ----",
        b'{"kty":"RSA"}',
        b' {"keys":[]}',
        der,
        long_der,
    ]
    for text in texts:
        assert key_material.looks_public(text), text
        with pytest.raises(InvalidKeyError, match="is an asymmetric key"):
            keys.symmetric(text, "HS256")


@pytest.mark.parametrize(
    "secret",
    [b"", b"x", b"{", b'{"a":1}', b'{"kty"', b"[1]", b'"kty"', b"0" * 64, b"\x30" * 64, b"\x30\x20" + b"x" * 60]
    + [b"\x30" + bytes([n - 2]) + b"x" * (n - 2) for n in (2, 20, 40)],
    ids=repr,
)
def test_what_looks_like_any_other_secret_is_one(secret: bytes) -> None:
    assert not key_material.looks_public(secret)


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
@given(message=st.binary(max_size=300), signature=st.binary(max_size=300))
def test_any_signature_is_judged_and_none_by_chance(algorithm: str, message: bytes, signature: bytes) -> None:
    assert test_keys_ready[algorithm].verify(message, signature) is False


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
@given(message=st.binary(max_size=300))
def test_whatever_is_signed_verifies(algorithm: str, message: bytes) -> None:
    key = test_keys_ready[algorithm]
    assert key.sign is not None

    assert key.verify(message, key.sign(message)) is True


test_keys_ready = {algorithm: test_keys.key(algorithm) for algorithm in test_keys.ALGORITHMS}
