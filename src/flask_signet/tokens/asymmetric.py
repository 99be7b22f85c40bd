"""Load, create and use RSA, RSA-PSS, ECDSA and Ed25519 keys with ``cryptography``.

This module is imported when the application uses its first asymmetric key.

Source: RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import asymmetric_jwk
from flask_signet.tokens.asymmetric_jwk import CURVES, STRONG_RSA_BITS, PrivateKey, PublicKey, is_roca
from flask_signet.tokens.key import Key, thumbprint

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_ORDERS: Final = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "ES512": int(
        "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
        "FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
        16,
    ),
}


def from_config(value: Any, algorithm: str, *, private: bool) -> Key:
    """Return the key that a setting contains.

    :param value: a PEM or OpenSSH string, or a key object of ``cryptography``.
    :param private: whether the key must be able to sign.
    :raises InvalidKeyError: the value is unreadable, or the key does not fit *algorithm*.
    """
    loaded = _load(value) if isinstance(value, (str, bytes)) else value
    if isinstance(loaded, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, Ed25519PrivateKey)):
        return _key(algorithm, loaded.public_key(), loaded)
    if isinstance(loaded, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, Ed25519PublicKey)):
        if private:
            raise InvalidKeyError(f"{algorithm} needs a private key to sign, but this key is public")
        return _key(algorithm, loaded, None)
    raise InvalidKeyError(f"{algorithm} needs a PEM string or an RSA, EC or Ed25519 key, not {type(value).__name__}")


def from_jwk(jwk: Mapping[str, Any], alg: str | None) -> Key:
    """Return the key that an ``RSA``, ``EC`` or ``OKP`` JWK describes, without its ``kid``.

    :raises InvalidKeyError: a member is missing, malformed, or does not match the others.
    """
    try:
        return _key(*asymmetric_jwk.read(jwk, alg))
    except InvalidKeyError:
        raise
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        # The message of the library could contain parts of the key.
        raise InvalidKeyError(f"the {jwk['kty']} key is malformed, or its members do not match each other") from None


def generate(algorithm: str) -> Key:
    """Return a new key with its thumbprint as ``kid``.

    An RSA key has 3072 bits. An EC key is on the curve of the algorithm.
    """
    made: PrivateKey
    if algorithm == "EdDSA":
        made = Ed25519PrivateKey.generate()
    elif algorithm in CURVES:
        made = ec.generate_private_key(CURVES[algorithm][0]())
    else:
        made = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    key = _key(algorithm, made.public_key(), made)
    assert key.public_jwk is not None
    return key.named(thumbprint(key.public_jwk))


def _key(algorithm: str, public: PublicKey, private: PrivateKey | None) -> Key:
    if algorithm == "EdDSA":
        verify, sign = _ed25519(public, private)
        weakness = None
    elif algorithm in CURVES:
        verify, sign = _ecdsa(algorithm, public, private)
        weakness = None
    else:
        verify, sign = _rsa(algorithm, public, private)
        weakness = _rsa_weakness(public)
    return Key(
        algorithm=algorithm,
        verify=verify,
        sign=sign,
        public_jwk=asymmetric_jwk.public_jwk(algorithm, public),
        private_jwk=None if private is None else lambda: asymmetric_jwk.private_jwk(algorithm, private),
        weakness=weakness,
    )


_Closures = tuple[Callable[[bytes, bytes], bool], Callable[[bytes], bytes] | None]


def _ed25519(public: PublicKey, private: PrivateKey | None) -> _Closures:
    if not isinstance(public, Ed25519PublicKey):
        raise InvalidKeyError("EdDSA needs an Ed25519 key")
    check = public.verify

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            check(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify, private.sign if isinstance(private, Ed25519PrivateKey) else None


def _ecdsa(algorithm: str, public: PublicKey, private: PrivateKey | None) -> _Closures:
    curve, name, size = CURVES[algorithm]
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, curve):
        raise InvalidKeyError(f"{algorithm} needs a key on the curve {name}")
    method = ec.ECDSA(_HASHES[algorithm[2:]])
    order, length, check = _ORDERS[algorithm], 2 * size, public.verify

    def verify(message: bytes, signature: bytes) -> bool:
        if len(signature) != length:
            return False
        r = int.from_bytes(signature[:size], "big")
        s = int.from_bytes(signature[size:], "big")
        # Checked here because a library without this check accepts the signature (0, 0) for every message.
        if not (0 < r < order and 0 < s < order):
            return False
        try:
            check(encode_dss_signature(r, s), message, method)
        except InvalidSignature:
            return False
        return True

    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return verify, None
    make = private.sign

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(make(message, method))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return verify, sign


def _rsa(algorithm: str, public: PublicKey, private: PrivateKey | None) -> _Closures:
    if not isinstance(public, rsa.RSAPublicKey):
        raise InvalidKeyError(f"{algorithm} needs an RSA key")
    method = _HASHES[algorithm[2:]]
    pad: padding.PKCS1v15 | padding.PSS = padding.PKCS1v15()
    if algorithm.startswith("PS"):
        # The salt must be as long as the hash (RFC 7518 section 3.5).
        pad = padding.PSS(mgf=padding.MGF1(method), salt_length=method.digest_size)
    length, check = (public.key_size + 7) // 8, public.verify

    def verify(message: bytes, signature: bytes) -> bool:
        if len(signature) != length:
            return False
        try:
            check(signature, message, pad, method)
        except InvalidSignature:
            return False
        return True

    if not isinstance(private, rsa.RSAPrivateKey):
        return verify, None
    make = private.sign

    def sign(message: bytes) -> bytes:
        return make(message, pad, method)

    return verify, sign


def _rsa_weakness(public: PublicKey) -> str | None:
    assert isinstance(public, rsa.RSAPublicKey)
    if public.key_size < STRONG_RSA_BITS:
        return f"the RSA key has {public.key_size} bits; at least {STRONG_RSA_BITS} are needed (RFC 7518 section 3.3)"
    if is_roca(public.public_numbers().n):
        return "the RSA key was made by a faulty chip (ROCA, CVE-2017-15361) and can be factored"
    return None


_FOLDED: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL).search


def _unfolded(data: bytes) -> bytes:
    """Return a PEM string with its line breaks restored, because environment variables often lose them.

    The line breaks may have become the two characters backslash and n, or blanks. Quotes or an indentation may surround
    the key.
    """
    found = _FOLDED(data)
    if found is None:
        return b""
    body = b"".join(re.sub(rb"\\r|\\n", b" ", found[2]).split())
    lines = (body[begin : begin + 64] for begin in range(0, len(body), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (found[1], b"\n".join(lines), found[1])


def _load(text: str | bytes) -> Any:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    readers: tuple[Callable[[bytes], Any], ...] = (
        lambda pem: serialization.load_pem_private_key(pem, password=None),
        serialization.load_pem_public_key,
        serialization.load_ssh_public_key,
    )
    for form in (data, _unfolded(data)):
        for reader in readers:
            try:
                return reader(form)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                continue
    if b"-----BEGIN CERTIFICATE-----" in data:
        raise InvalidKeyError(
            "this is a certificate, not a key. Read its key with x509.load_pem_x509_certificate(pem).public_key(), "
            "with x509 from cryptography"
        )
    if data.lstrip()[:1] == b"{" and b'"kty"' in data:
        raise InvalidKeyError('this is JSON, not a PEM string; write a JWK to JWT_KEYS, as {"keys": [...]}')
    raise InvalidKeyError(
        "the key is not a readable PEM string: it must begin with '-----BEGIN PRIVATE KEY-----' or "
        "'-----BEGIN PUBLIC KEY-----', keep its line breaks, and have no passphrase"
    )
