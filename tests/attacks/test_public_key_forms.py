"""A public key is not accepted as an HMAC secret in any form: anyone who has it could forge tokens."""

from __future__ import annotations

import base64
import hmac
import json
import random
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat, pkcs7, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import base64url, key_material, ring
from tests.attacks.world import Victim, b64, claims
from tests.vectors import keys as test_keys


@cache
def private_keys() -> dict[str, Any]:
    return {
        "rsa": rsa.generate_private_key(65537, 2048),
        "p-256": ec.generate_private_key(ec.SECP256R1()),
        "p-384": ec.generate_private_key(ec.SECP384R1()),
        "p-521": ec.generate_private_key(ec.SECP521R1()),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ed448": ed448.Ed448PrivateKey.generate(),
        "x25519": x25519.X25519PrivateKey.generate(),
        "x448": x448.X448PrivateKey.generate(),
        "dsa": dsa.generate_private_key(1024),
    }


# Random bytes to every reader; what cannot be told from a secret is not refused as one.
RANDOM_TO_ALL = [(Encoding.Raw, PublicFormat.Raw), (Encoding.X962, PublicFormat.CompressedPoint)]


def members(kind: Any) -> dict[str, Any]:
    """The members of one of the library's enumerations, which cannot be walked."""
    found: dict[str, Any] = dict(cast(Any, vars(kind)))
    return {name: value for name, value in found.items() if isinstance(value, kind)}


def written() -> Iterator[tuple[str, bytes]]:
    """Every public and private form that the library writes of each kind of key."""
    for name, private in private_keys().items():
        public = private.public_key()
        for (encoding, e), (form, f) in product(members(Encoding).items(), members(PublicFormat).items()):
            if (e, f) not in RANDOM_TO_ALL:
                text = attempt(lambda e=e, f=f, p=public: p.public_bytes(e, f))
                if text is not None:
                    yield f"{name} {encoding} {form}", text
        locks = {"open": serialization.NoEncryption(), "locked": serialization.BestAvailableEncryption(b"x")}
        for encoding, (form, f), (lock, k) in product(("PEM", "DER"), members(PrivateFormat).items(), locks.items()):
            text = attempt(lambda e=encoding, f=f, k=k, p=private: p.private_bytes(getattr(Encoding, e), f, k))
            if text is not None:
                yield f"{name} private {encoding} {form} {lock}", text
    yield from certificates()
    yield from ssh_certificates()
    yield from security_keys()
    yield from json_keys()


def attempt(write: Callable[[], bytes]) -> bytes | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library will stop writing some of them one day
            return write()
    except (ValueError, TypeError, NotImplementedError, UnsupportedAlgorithm):
        return None


def certificates() -> Iterator[tuple[str, bytes]]:
    for name in ("rsa", "p-256", "ed25519"):
        key = private_keys()[name]
        digest = None if name == "ed25519" else hashes.SHA256()
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "läsar.example")])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        begin = datetime(2026, 1, 1)  # the library wants it so
        builder = builder.serial_number(7).not_valid_before(begin).not_valid_after(begin + timedelta(days=900))
        alternatives = x509.SubjectAlternativeName([x509.DNSName("a.example")])
        certificate = builder.add_extension(alternatives, critical=False).sign(key, digest)
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest)
        for encoding, e in {"PEM": Encoding.PEM, "DER": Encoding.DER}.items():
            yield f"{name} certificate {encoding}", certificate.public_bytes(e)
            yield f"{name} request {encoding}", request.public_bytes(e)
            yield f"{name} bundle {encoding}", pkcs7.serialize_certificates([certificate], e)
        locked = serialization.BestAvailableEncryption(b"x")
        yield f"{name} store", pkcs12.serialize_key_and_certificates(b"n", key, certificate, None, locked)


def ssh_certificates() -> Iterator[tuple[str, bytes]]:
    for name in ("rsa", "p-256", "p-384", "p-521", "ed25519"):
        builder = serialization.SSHCertificateBuilder().public_key(private_keys()[name].public_key()).serial(1)
        builder = builder.type(serialization.SSHCertificateType.USER).valid_for_all_principals().key_id(b"x")
        made = builder.valid_before(2**63).valid_after(0).sign(private_keys()["ed25519"])
        yield f"{name} OpenSSH certificate", made.public_bytes()


def security_keys() -> Iterator[tuple[str, bytes]]:
    """What a FIDO token holds; the library reads such keys and does not write them."""

    def joined(*parts: bytes) -> bytes:
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

    point = private_keys()["p-256"].public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raw = private_keys()["ed25519"].public_key().public_bytes_raw()
    for kind, parts in {
        b"sk-ssh-ed25519@openssh.com": (raw, b"ssh:"),
        b"sk-ecdsa-sha2-nistp256@openssh.com": (b"nistp256", point, b"ssh:"),
    }.items():
        yield kind.decode(), kind + b" " + base64.b64encode(joined(kind, *parts))


def json_keys() -> Iterator[tuple[str, bytes]]:
    for algorithm in test_keys.ASYMMETRIC:
        public, private = test_keys.public_jwk(algorithm), test_keys.jwk(algorithm)
        yield f"{algorithm} JWK", json.dumps(public).encode()
        yield f"{algorithm} private JWK", json.dumps(private, indent=2).encode()
        yield f"{algorithm} JWK set", json.dumps({"keys": [public]}).encode()
        yield f"{algorithm} list of JWKs", json.dumps([public]).encode()
        yield f"{algorithm} escaped", json.dumps(public).replace('"kty"', '"\\u006bty"').encode()


@cache
def forms() -> dict[str, bytes]:
    return dict(written())


def spellings(text: bytes) -> dict[str, bytes]:
    """The same key as files, variables and other people's programs give it."""
    armour = text.startswith(b"-----")
    made = {
        "as it is": text,
        "base64": base64.b64encode(text),
        "base64url": base64url.encode(text),
        "lines of base64": base64.encodebytes(text),
        "hexadecimal": text.hex().encode(),
        "upper-case hexadecimal": text.hex().upper().encode(),
        "base64 of base64": base64.b64encode(base64.encodebytes(text)),
    }
    if text[:1] in b"-{[se":
        made |= {
            "blanks before": b" \r\n\t" + text,
            "byte order mark": b"\xef\xbb\xbf" + text,
            "CRLF": text.replace(b"\n", b"\r\n"),
            "quotes": b'"' + text.strip() + b'"',
            "one line": text.replace(b"\n", b"\\n"),
            "blanks for lines": text.replace(b"\n", b" "),
        }
    if armour:
        body = b"".join(text.strip().splitlines()[1:-1])
        if b"Proc-Type" not in body:  # what is encrypted as a whole is random bytes
            made["bare body"] = body
        made |= {"text before": b"Bag Attributes\n" + text, "indented": b"  " + text}
    if text[:1] in b"se" and b" AAAA" in text:
        kind, key = text.split()[:2]
        lines = base64.encodebytes(base64.b64decode(key)).replace(b"\n", b"\r\n")
        made |= {
            "tab": kind + b"\t" + key,
            "tabs and blanks": kind + b" \t  " + key + b"\tme@here",
            "comment": text.strip() + b" me@here\n",
            "options": b'command="/bin/true",no-pty ' + text,
            "known host": b"host.example,192.0.2.1 " + text,
            "remark before": b"# mine\n" + text,
            "the key alone": key,
            "SSH2": b'---- BEGIN SSH2 PUBLIC KEY ----\r\nComment: "x"\r\n' + lines + b"---- END SSH2 PUBLIC KEY ----",
            "as sent": base64.b64decode(key),
        }
    return made


def test_a_public_key_is_no_secret_in_any_spelling() -> None:
    taken = [
        f"{form}, {spelling}"
        for form, original in forms().items()
        for spelling, text in spellings(original).items()
        if not key_material.looks_public(text)
    ]

    assert [] == taken


def test_every_kind_of_form_was_made() -> None:
    """The library may write more forms one day, and must not silently write fewer here."""
    made = forms()

    assert len(made) > 100
    assert {"rsa OpenSSH OpenSSH", "rsa PEM PKCS1", "p-384 X962 UncompressedPoint"} <= made.keys()
    assert {"rsa private PEM OpenSSH open", "p-256 private DER TraditionalOpenSSL open"} <= made.keys()


@cache
def readable() -> dict[str, bytes]:
    """What the library reads as a public key that signs tokens; a string, as callbacks and settings return it."""
    return {
        f"{form}, {spelling}": text
        for form, original in forms().items()
        for spelling, text in spellings(original).items()
        if form.split()[0] in ("rsa", "ed25519", "p-256") and text.isascii() and reads(text)
    }


def reads(text: bytes) -> bool:
    for read in (serialization.load_pem_public_key, serialization.load_ssh_public_key, x509.load_pem_x509_certificate):
        try:
            read(text)
        except Exception:  # noqa: S112  # an exception of any class means that it is not this form
            continue
        return True
    return False


def forged(header: dict[str, Any], secret: bytes) -> str:
    """A token that an attacker who knows the public key can make."""
    signing_input = f"{b64(json.dumps(header))}.{b64(json.dumps(claims(sub='admin')))}"
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def always(key: Any) -> Callable[..., Any]:
    return lambda *_: key


def test_a_token_forged_with_the_public_key_of_a_loader_is_refused() -> None:
    """RFC 8725 section 2.1, where the application chooses the key and takes both kinds of algorithm."""
    assert len(readable()) > 30
    victim = Victim("RS256", JWT_KEYS=None, JWT_ALGORITHM="RS256", JWT_DECODE_ALGORITHMS=["RS256", "HS256"])
    for form, text in readable().items():
        for value in (text, text.decode()):
            victim.jwt.decode_key_callback = always(value)
            answer = victim.send(forged({"alg": "HS256", "typ": "JWT"}, text))

            assert (401, "invalid_token") == (answer.status_code, answer.get_json()["error"]), form


def test_a_public_key_is_no_secret_in_settings_or_rings() -> None:
    words = "is an asymmetric key"
    victim = Victim("HS256", JWT_KEYS=None)
    for text in readable().values():
        victim.app.config["JWT_SECRET_KEY"] = text
        with victim.app.app_context(), pytest.raises(InvalidKeyError, match=words):
            victim.app.extensions["flask-signet-tokens"].snapshot()
        with pytest.raises(InvalidKeyError, match=words):
            ring.from_jwks({"keys": [{"kty": "oct", "kid": "a", "k": base64url.encode(text).decode()}]})


# By a seed: Hypothesis itself puts constants of our source, such as the head of a key, among bytes that it invents.
@given(st.integers(0, 2**64), st.integers(0, 600))
def test_no_random_secret_is_taken_for_a_key(seed: int, length: int) -> None:
    secret = random.Random(seed).randbytes(length)  # noqa: S311  # the same at every run
    for text in (secret, base64.b64encode(secret), base64url.encode(secret), secret.hex().encode()):
        assert not key_material.looks_public(text)


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_key(secret: str) -> None:
    assert not key_material.looks_public(secret.encode("utf-8", "surrogatepass"))


def test_a_secret_that_begins_like_a_key_is_one() -> None:
    """Of 64 random bytes one in 65,536 begins with the head of a sequence that fills them."""
    chance = random.Random(7)  # noqa: S311  # the same secrets at every run
    for size in [*range(40, 130), 200, 300]:
        head = b"\x30" + (bytes([size - 2]) if size < 130 else b"\x81" + bytes([(size - 3) & 0xFF]))
        for _ in range(200):
            body = chance.randbytes(size - len(head))
            assert not key_material.looks_public(head + body)
            assert not key_material.looks_public(b"\x04" + body)
            assert not key_material.looks_public(b"\0\0\0\x07" + body)


@pytest.mark.parametrize(
    "secret",
    [
        b"my secret begins here, and ends here too",
        b"ssh-rsa is a type of key, this is a sentence",
        b"----------------------------------------",
        b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"AAAAB3NzaC1yc2E",
        b'{"secret": "not a key", "kty": 1'[:24],
        b"\x30\x28" + b"\x04\x26" + b"x" * 38,
    ],
)
def test_a_secret_with_pieces_of_a_key_is_a_secret(secret: bytes) -> None:
    assert not key_material.looks_public(secret)
