"""Rows 1 to 4 and 9 to 11: no signature, a broken one, another algorithm's, a publicly known key."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import keys
from tests.attacks.world import Victim, b64, claims, unb64
from tests.vectors import keys as test_keys

NONE_SPELLINGS = ["".join(letters) for letters in itertools.product("nN", "oO", "nN", "eE")] + [
    " none",
    "none ",
    "none\0",
    "\tnone",
    "",
]


def public_key(algorithm: str) -> Any:
    """The public key as the library's object."""
    jwk = test_keys.public_jwk(algorithm)
    if jwk["kty"] == "RSA":
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

        n, e = (int.from_bytes(unb64(jwk[name]), "big") for name in "ne")
        return RSAPublicNumbers(e, n).public_key()
    x, y = (int.from_bytes(unb64(jwk[name]), "big") for name in "xy")
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def renderings(algorithm: str) -> dict[str, bytes]:
    """Every form in which an attacker may have the public key."""
    public = public_key(algorithm)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = test_keys.public_jwk(algorithm)
    forms = {
        "pem": pem,
        "pem without last newline": pem.rstrip(b"\n"),
        "pem with crlf": pem.replace(b"\n", b"\r\n"),
        "pem in one line": pem.replace(b"\n", b""),
        "pem body": b"".join(pem.splitlines()[1:-1]),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "ssh": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "jwk": json.dumps(jwk).encode(),
        "jwk, compact": json.dumps(jwk, separators=(",", ":")).encode(),
        "jwks": json.dumps({"keys": [jwk]}).encode(),
        "certificate": certificate(algorithm).public_bytes(Encoding.PEM),
        "certificate, der": certificate(algorithm).public_bytes(Encoding.DER),
        "x5c": b64(certificate(algorithm).public_bytes(Encoding.DER)).encode(),
    }
    if algorithm == "RS256":
        forms["pkcs1 pem"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        forms["pkcs1 der"] = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        forms["modulus"] = unb64(jwk["n"])
    return forms


def certificate(algorithm: str) -> x509.Certificate:
    """A certificate of the public key, signed with any key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "victim")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7)
    builder = builder.not_valid_before(datetime(2026, 1, 1)).not_valid_after(datetime(2036, 1, 1))
    signer = ec.generate_private_key(ec.SECP256R1())
    return builder.public_key(public_key(algorithm)).sign(signer, hashes.SHA256())


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_row_01_an_unsecured_token_is_refused_in_every_spelling(algorithm: str) -> None:
    victim = Victim(algorithm)
    kept = victim.good().split(".")[2]
    for spelling in NONE_SPELLINGS:
        for header in ({"alg": spelling}, victim.header(alg=spelling)):
            signing_input = f"{b64(json.dumps(header))}.{b64(json.dumps(claims()))}"
            for signature in ("", kept, b64(b"junk")):
                victim.check_refused(f"{signing_input}.{signature}")


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_row_02_a_stripped_truncated_or_exchanged_signature_is_refused(algorithm: str) -> None:
    victim = Victim(algorithm)
    header, payload, signature = victim.good().split(".")
    raw = unb64(signature)
    lengths = range(len(raw)) if len(raw) <= 64 else (0, 1, len(raw) // 2, len(raw) - 1)
    for length in lengths:
        victim.check_refused(f"{header}.{payload}.{b64(raw[:length])}")
    victim.check_refused(f"{header}.{payload}.{b64(raw + b'x')}")
    other_header, other_payload, other_signature = victim.good(sub="1").split(".")
    victim.check_refused(f"{header}.{other_payload}.{signature}")
    victim.check_refused(f"{other_header}.{payload}.{other_signature}")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("keep_kid", [True, False])
def test_row_03_the_public_key_is_no_secret(algorithm: str, keep_kid: bool) -> None:
    victim = Victim(algorithm)
    for secret in renderings(algorithm).values():
        for name, hash_ in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
            header = victim.header(alg=name) if keep_kid else {"alg": name, "typ": "JWT"}
            signing_input = f"{b64(json.dumps(header))}.{b64(json.dumps(claims()))}"
            mac = hmac.digest(secret, signing_input.encode(), hash_)
            victim.check_refused(f"{signing_input}.{b64(mac)}")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_row_03_a_public_key_set_as_secret_is_refused_at_import(algorithm: str) -> None:
    """Except strings that look like any other secret: a bare modulus, or base64 without its armour."""
    unrecognisable = {"modulus", "pem body", "x5c"}
    taken = set()
    for name, secret in renderings(algorithm).items():
        try:
            keys.symmetric(secret, "HS256")
        except InvalidKeyError:
            continue
        taken.add(name)

    assert taken <= unrecognisable


OTHER_ALGORITHMS = [(a, b) for a in test_keys.ALGORITHMS for b in (*test_keys.ALGORITHMS, "ES256K") if a != b]


@pytest.mark.parametrize(("algorithm", "claimed"), OTHER_ALGORITHMS)
def test_row_04_the_key_says_the_algorithm_and_not_the_token(algorithm: str, claimed: str) -> None:
    victim = Victim(algorithm)

    victim.check_refused(victim.sign(claims(), victim.header(alg=claimed)))


@pytest.mark.parametrize("claimed", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_row_04_the_same_rsa_key_with_a_good_signature_of_another_algorithm(claimed: str) -> None:
    victim = Victim("RS256")
    private = test_keys.key("RS256", alg=claimed)
    signing_input = f"{b64(json.dumps(victim.header(alg=claimed)))}.{b64(json.dumps(claims()))}"
    assert private.sign is not None

    victim.check_refused(f"{signing_input}.{b64(private.sign(signing_input.encode()))}")


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
def test_row_09_a_psychic_signature_is_refused(r: int, s: int) -> None:
    victim = Victim("ES256")
    header, payload, _ = victim.good().split(".")

    victim.check_refused(f"{header}.{payload}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}")


def test_row_09_der_and_over_long_ecdsa_signatures_are_refused() -> None:
    victim = Victim("ES256")
    header, payload, signature = victim.good().split(".")
    raw = unb64(signature)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    for form in (
        encode_dss_signature(r, s),
        b"\0" + raw[:32] + b"\0" + raw[32:],
        raw[:32] + b"\0" + raw[32:],
        raw + b"\0",
        (r + ORDER).to_bytes(33, "big") + s.to_bytes(33, "big"),
    ):
        victim.check_refused(f"{header}.{payload}.{b64(form)}")


def test_row_10_the_twin_of_a_revoked_ecdsa_token_stays_revoked() -> None:
    """(r, n-s) is as good a signature as (r, s): a blocklist of token strings would accept the twin."""
    victim = Victim("ES256")
    revoked = {"a-b-c"}
    victim.jwt.token_in_blocklist_loader(lambda header, data: data["jti"] in revoked)
    token = victim.good()
    header, payload, signature = token.split(".")
    raw = unb64(signature)
    twin = raw[:32] + (ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")

    victim.check_refused(token, error="token_revoked")
    victim.check_refused(f"{header}.{payload}.{b64(twin)}", error="token_revoked")


def test_row_11_other_paddings_of_an_rsa_signature_are_refused() -> None:
    """The key's own private part makes each: only the form is wrong."""
    victim = Victim("RS256")
    jwk = test_keys.jwk("RS256")
    n, d = (int.from_bytes(unb64(jwk[name]), "big") for name in ("n", "d"))
    size = (n.bit_length() + 7) // 8
    header, payload, good = victim.good().split(".")
    digest = hashlib.sha256(f"{header}.{payload}".encode()).digest()
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    without_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20"
    sha1 = bytes.fromhex("3021300906052b0e03021a05000414") + digest[:20]

    def padded(tail: bytes, filler: bytes = b"\xff", start: bytes = b"\0\1") -> bytes:
        return start + filler * (size - len(start) - 1 - len(tail)) + b"\0" + tail

    garbage = b"\0\1" + b"\xff" * 8 + b"\0" + info + digest
    blocks = {
        "the right one": padded(info + digest),
        "garbage behind the hash": garbage + b"\x11" * (size - len(garbage)),
        "garbage before the hash": padded(b"\x22" * 20 + info + digest),
        "zero filler": padded(info + digest, filler=b"\0"),
        "type 2": padded(info + digest, start=b"\0\2"),
        "type 0": padded(info + digest, start=b"\0\0"),
        "no algorithm": padded(digest),
        "algorithm without null": padded(without_null + digest),
        "sha-1": padded(sha1),
    }
    made = {name: pow(int.from_bytes(block, "big"), d, n).to_bytes(size, "big") for name, block in blocks.items()}

    assert unb64(good) == made.pop("the right one")
    for signature in (*made.values(), b"\0" + unb64(good), b"\0" * size, b"\1".rjust(size, b"\0")):
        victim.check_refused(f"{header}.{payload}.{b64(signature)}")


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 64])
def test_row_11_a_pss_salt_of_another_length_is_refused(salt: int) -> None:
    victim = Victim("PS256")
    jwk = test_keys.jwk("PS256")
    pem = pem_of(jwk)
    signing_input = victim.good().rpartition(".")[0]
    pad = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)

    victim.check_refused(f"{signing_input}.{b64(pem.sign(signing_input.encode(), pad, hashes.SHA256()))}")


def pem_of(jwk: dict[str, Any]) -> Any:
    """The private key as the library's object."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    numbers = {name: int.from_bytes(unb64(jwk[name]), "big") for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi")}
    public = rsa.RSAPublicNumbers(numbers["e"], numbers["n"])
    return rsa.RSAPrivateNumbers(
        numbers["p"], numbers["q"], numbers["d"], numbers["dp"], numbers["dq"], numbers["qi"], public
    ).private_key()


@pytest.mark.parametrize("group", ["ModifiedPadding", "ModifiedSignature", "AlgIsNone", "SpecialCaseEs256"])
def test_rows_01_09_11_published_forgeries_are_refused_over_http(shared_data: Path, group: str) -> None:
    """The replay judges them one by one; here they meet a server that trusts their key."""
    lines = (shared_data / "replay" / "jose_replay.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["expect"] == "reject" and is_of(row, group)]
    sent = 0
    for row in rows:
        if not isinstance(row["token"], str):
            continue
        victim = Victim()
        try:
            foreign = keys.from_jwk(row["key"])
        except InvalidKeyError:
            continue
        jwk = {**row["key"], "kid": row["key"].get("kid", "foreign"), "status": "retired", "alg": foreign.algorithm}
        victim.app.config["JWT_KEYS"] = {"keys": [test_keys.jwk("HS256"), jwk]}
        victim.check_refused(row["token"].encode("ascii", "replace"))
        sent += 1
        if sent == 40:
            break

    assert sent > 0


def is_of(row: dict[str, Any], group: str) -> bool:
    return group.lower() in json.dumps([row["flags"], row["comment"], row["group"]]).lower()


def test_a_key_may_be_given_as_an_object_or_as_text() -> None:
    """A key object of the library goes in as well as a PEM text does."""
    pem = pem_of(test_keys.jwk("RS256"))
    text = pem.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    assert "RS256" == keys.from_config(pem, "RS256", private=True).algorithm
    assert "RS256" == keys.from_config(text.decode(), "RS256", private=True).algorithm
