"""Read keys from a JWK, a JWK set or the value of a setting, and generate new keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import base64url
from flask_signet.tokens.key import ALGORITHMS, ASYMMETRIC, HMAC_HASHES, Key
from flask_signet.tokens.symmetric import symmetric

# Of a ring or a JWK set, far more than a real one has. A request may have to read the set of another issuer.
MAX_KEYS: Final = 100


def from_jwk(jwk: Mapping[str, Any]) -> Key:
    """Return the key that a JWK describes. It can sign if the JWK is private.

    Without ``alg``, an ``oct`` key is for HS256 and an RSA key for RS256.

    :raises InvalidKeyError: a member is missing, malformed, or does not match the others.

    Source: RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2.
    """
    kty, alg, kid = jwk.get("kty"), jwk.get("alg"), jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise InvalidKeyError("kid of a JWK must be a string")
    if alg is not None and (not isinstance(alg, str) or alg not in ALGORITHMS):
        raise InvalidKeyError(f"alg {str(alg)[:20]!r} of a JWK is not one of {', '.join(sorted(ALGORITHMS))}")
    if jwk.get("use", "sig") != "sig":
        raise InvalidKeyError("use of a JWK must be 'sig': a key for encryption cannot sign")
    _check_operations(jwk.get("key_ops"))
    if kty == "oct":
        algorithm = alg or "HS256"
        if algorithm not in HMAC_HASHES:
            raise InvalidKeyError(f"an oct key cannot be used with {algorithm}")
        return symmetric(_secret_of(jwk, algorithm), algorithm, key_id=kid)
    if kty in ("RSA", "EC", "OKP"):
        from flask_signet.tokens import asymmetric

        return asymmetric.from_jwk(jwk, alg).named(kid)
    raise InvalidKeyError(f"kty {str(kty)[:20]!r} of a JWK is not one of 'EC', 'OKP', 'RSA', 'oct'")


def from_jwk_set(jwks: Mapping[str, Any], algorithm: str | None = None) -> tuple[Key, ...]:
    """Return the keys of a JWK set that can verify. Other keys are ignored, as RFC 7517 section 5 recommends.

    It ignores keys for encryption, keys of unknown types and algorithms, and keys with missing or malformed members.

    :param algorithm: the algorithm of an RSA key without ``alg``; RS256 by default.
    :raises InvalidKeyError: the set has no usable key, a secret among public keys, or two keys with one ``kid``.

    Source: RFC 7517 section 5.
    """
    members = jwks.get("keys")
    if not isinstance(members, list) or not members:
        raise InvalidKeyError('a JWK set must be {"keys": [...]} with at least one key')
    members = cast(list[Any], members)
    if len(members) > MAX_KEYS:
        raise InvalidKeyError(f"a JWK set must have at most {MAX_KEYS} keys, not {len(members)}")
    found: list[Key] = []
    kinds: set[bool] = set()
    refused: InvalidKeyError | None = None
    for member in members:
        if not isinstance(member, Mapping):
            raise InvalidKeyError("every member of keys must be a JWK object")
        jwk = cast(Mapping[str, Any], member)
        kinds.add(jwk.get("kty") == "oct")
        if jwk.get("kty") not in ("oct", "RSA", "EC", "OKP"):
            continue
        if algorithm is not None and algorithm[:2] in ("RS", "PS") and jwk["kty"] == "RSA" and jwk.get("alg") is None:
            jwk = {**jwk, "alg": algorithm}
        try:
            found.append(from_jwk(jwk))
        except InvalidKeyError as error:
            if jwk["kty"] == "oct":  # no issuer publishes secrets, so the operator wrote this set and can correct it
                raise
            refused = refused or error
    if len(kinds) > 1:
        raise InvalidKeyError("a JWK set must not mix secrets with public keys (RFC 7517 section 9.2)")
    if not found:
        raise refused or InvalidKeyError("no key of the set has a known type")
    return _distinct(found)


def _distinct(found: list[Key]) -> tuple[Key, ...]:
    """Return *found* without duplicates: some issuers publish one key for two uses.

    :raises InvalidKeyError: two different keys have the same ``kid``.
    """
    by_name: dict[str, Key] = {}
    kept: list[Key] = []
    for key in found:
        if key.key_id is not None:
            other = by_name.setdefault(key.key_id, key)
            if other is not key:
                if key.public_jwk is not None and other.public_jwk == key.public_jwk:
                    continue
                raise InvalidKeyError(f"two keys of the set share the kid {key.key_id[:40]!r}")
        kept.append(key)
    return tuple(kept)


def from_config(value: Any, algorithm: str, *, private: bool) -> Key:
    """Return the key that a setting contains: a secret, a PEM string, or a key object of ``cryptography``.

    :param private: whether the key must be able to sign.
    :raises InvalidKeyError: the key does not fit *algorithm*.
    """
    if algorithm in HMAC_HASHES:
        if not isinstance(value, (str, bytes)):
            raise InvalidKeyError(f"{algorithm} needs a secret as a string or bytes, not {type(value).__name__}")
        return symmetric(value, algorithm)
    if algorithm not in ASYMMETRIC:
        raise InvalidKeyError(f"algorithm {str(algorithm)[:20]!r} is not one of {', '.join(sorted(ALGORITHMS))}")
    from flask_signet.tokens import asymmetric

    return asymmetric.from_config(value, algorithm, private=private)


def generate(algorithm: str, token_bytes: Callable[[int], bytes]) -> Key:
    """Return a new key for *algorithm*. The ``kid`` of an asymmetric key is its thumbprint.

    :raises InvalidKeyError: the algorithm is unknown.
    """
    if algorithm in HMAC_HASHES:
        size = hashlib.new(HMAC_HASHES[algorithm]).digest_size
        key_id = base64url.encode(token_bytes(12)).decode()
        return symmetric(token_bytes(size), algorithm, key_id=key_id)
    if algorithm not in ASYMMETRIC:
        raise InvalidKeyError(f"algorithm {algorithm[:20]!r} is not one of {', '.join(sorted(ALGORITHMS))}")
    from flask_signet.tokens import asymmetric

    return asymmetric.generate(algorithm)


def _secret_of(jwk: Mapping[str, Any], algorithm: str) -> bytes:
    text = jwk.get("k")
    if not isinstance(text, str):
        raise InvalidKeyError("an oct key needs its secret in k")
    try:
        secret = base64url.decode(text.encode())
    except ValueError:
        raise InvalidKeyError("k of an oct key is not base64url") from None
    least = hashlib.new(HMAC_HASHES[algorithm]).digest_size
    if len(secret) < least:
        raise InvalidKeyError(f"an oct key for {algorithm} needs at least {least} bytes (RFC 7518 section 3.2)")
    return secret


def _check_operations(operations: Any) -> None:
    if operations is None:
        return
    names = [str(name) for name in cast(list[Any], operations)] if isinstance(operations, list) else []
    if len(set(names)) != len(names) or not isinstance(operations, list):
        raise InvalidKeyError("key_ops of a JWK must be a list without duplicates")
    if not {"sign", "verify"} & set(names):
        raise InvalidKeyError("key_ops of a JWK must contain 'verify' or 'sign'")
