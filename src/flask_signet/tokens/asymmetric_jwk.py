"""Read and write RSA, EC and Ed25519 keys as JWK; RSA keys that can be factored are refused.

Source: RFC 7518 section 6, RFC 8037 section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import base64url

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | Ed25519PublicKey
Parts = tuple[str, PublicKey, PrivateKey | None]  # the algorithm and the keys

CURVES: Final[dict[str, tuple[type[ec.EllipticCurve], str, int]]] = {
    # JWA name → curve, its JWK name, bytes of one coordinate
    "ES256": (ec.SECP256R1, "P-256", 32),
    "ES384": (ec.SECP384R1, "P-384", 48),
    "ES512": (ec.SECP521R1, "P-521", 66),
}
_ALGORITHM_OF_CURVE: Final = {curve: algorithm for algorithm, (_, curve, _) in CURVES.items()}
STRONG_RSA_BITS: Final = 2048
_SMALL_PRIMES: Final = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def read(jwk: Mapping[str, Any], alg: str | None) -> Parts:
    """Return what an ``RSA``, ``EC`` or ``OKP`` JWK describes.

    :raises InvalidKeyError, ValueError, TypeError, KeyError, UnsupportedAlgorithm: a member is missing, malformed, or
        does not match the others.
    """
    if jwk["kty"] == "RSA":
        return _rsa_jwk(jwk, alg or "RS256")
    if jwk["kty"] == "EC":
        return _ec_jwk(jwk, alg)
    return _okp_jwk(jwk, alg)


def public_jwk(algorithm: str, public: PublicKey) -> dict[str, Any]:
    """Return a public key as a JWK."""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        jwk = {"kty": "RSA", "n": _text(numbers.n), "e": _text(numbers.e)}
    elif isinstance(public, Ed25519PublicKey):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": _text(public.public_bytes_raw())}
    else:
        point = public.public_numbers()
        _, curve, size = CURVES[algorithm]
        jwk = {
            "kty": "EC",
            "crv": curve,
            "x": _text(point.x.to_bytes(size, "big")),
            "y": _text(point.y.to_bytes(size, "big")),
        }
    return {**jwk, "alg": algorithm, "use": "sig"}


def private_jwk(algorithm: str, private: PrivateKey) -> dict[str, Any]:
    """Return a private key as a JWK."""
    jwk = public_jwk(algorithm, private.public_key())
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.private_numbers()
        parts = {"d": numbers.d, "p": numbers.p, "q": numbers.q}
        parts |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
        return {**jwk, **{name: _text(part) for name, part in parts.items()}}
    if isinstance(private, Ed25519PrivateKey):
        return {**jwk, "d": _text(private.private_bytes_raw())}
    size = CURVES[algorithm][2]
    return {**jwk, "d": _text(private.private_numbers().private_value.to_bytes(size, "big"))}


def is_roca(modulus: int) -> bool:
    """Return whether *modulus* is a power of 65537 modulo every small prime, as only ROCA keys are."""
    for prime in _SMALL_PRIMES:
        power, powers = 1, set[int]()
        while power not in powers:
            powers.add(power)
            power = power * 65537 % prime
        if modulus % prime not in powers:
            return False
    return True


def _rsa_jwk(jwk: Mapping[str, Any], algorithm: str) -> Parts:
    if algorithm[:2] not in ("RS", "PS"):
        raise InvalidKeyError(f"an RSA key cannot be used with {algorithm}")
    numbers = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n"))
    if numbers.e < 3 or numbers.e % 2 == 0:
        raise InvalidKeyError("e of an RSA key must be odd and at least 3")
    if numbers.n % 2 == 0:
        raise InvalidKeyError("n of an RSA key must be odd: it is the product of two large primes")
    public = numbers.public_key()
    if public.key_size < STRONG_RSA_BITS:
        raise InvalidKeyError(f"an RSA key needs at least {STRONG_RSA_BITS} bits (RFC 7518 section 3.3)")
    if is_roca(numbers.n):
        raise InvalidKeyError("the RSA key was made by a faulty chip (ROCA, CVE-2017-15361)")
    private = None
    if "d" in jwk:
        d = _number(jwk, "d")
        if "p" in jwk:
            p, q = _number(jwk, "p"), _number(jwk, "q")
        else:
            p, q = rsa.rsa_recover_prime_factors(numbers.n, numbers.e, d)
        dmp1 = _number(jwk, "dp") if "dp" in jwk else rsa.rsa_crt_dmp1(d, p)
        dmq1 = _number(jwk, "dq") if "dq" in jwk else rsa.rsa_crt_dmq1(d, q)
        iqmp = _number(jwk, "qi") if "qi" in jwk else rsa.rsa_crt_iqmp(p, q)
        private = rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, numbers).private_key()
    return algorithm, public, private


def _ec_jwk(jwk: Mapping[str, Any], alg: str | None) -> Parts:
    algorithm = _ALGORITHM_OF_CURVE.get(jwk["crv"])
    if algorithm is None or alg not in (None, algorithm):
        raise InvalidKeyError("the curve of an EC key must be P-256 (ES256), P-384 (ES384) or P-521 (ES512)")
    curve, _, size = CURVES[algorithm]
    x, y = _octets(jwk, "x", size), _octets(jwk, "y", size)
    public = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve()).public_key()
    private = None
    if "d" in jwk:
        private = ec.derive_private_key(int.from_bytes(_octets(jwk, "d", size), "big"), curve())
        if private.public_key() != public:
            raise InvalidKeyError("d of an EC key does not belong to its x and y")
    return algorithm, public, private


def _okp_jwk(jwk: Mapping[str, Any], alg: str | None) -> Parts:
    if jwk["crv"] != "Ed25519" or alg not in (None, "EdDSA"):
        raise InvalidKeyError("an OKP key must be Ed25519 and its alg EdDSA")
    public = Ed25519PublicKey.from_public_bytes(_octets(jwk, "x", 32))
    private = None
    if "d" in jwk:
        private = Ed25519PrivateKey.from_private_bytes(_octets(jwk, "d", 32))
        if private.public_key() != public:
            raise InvalidKeyError("d of an Ed25519 key does not belong to its x")
    return "EdDSA", public, private


def _octets(jwk: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    value = base64url.decode(jwk[name].encode()) if isinstance(jwk[name], str) else b""
    if not value or (size is not None and len(value) != size):
        raise InvalidKeyError(f"{name} of the key has the wrong length")
    return value


def _number(jwk: Mapping[str, Any], name: str) -> int:
    value = _octets(jwk, name)
    if value[0] == 0:
        raise InvalidKeyError(f"{name} of the key has a leading zero (RFC 7518 section 2)")
    return int.from_bytes(value, "big")


def _text(value: bytes | int) -> str:
    data = value if isinstance(value, bytes) else value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64url.encode(data).decode()
