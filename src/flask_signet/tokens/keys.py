"""Keys: one algorithm each, checked when they are imported, printed by nobody.

A key knows how to verify and, where it has a private part, how to sign. Which algorithm that is
stands with the key and never with the token (RFC 8725 section 3.1).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Any, Final, Literal, cast

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import base64url, known_secrets, strict_json

Status = Literal["next", "current", "retired"]

HMAC_HASHES: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
ASYMMETRIC: Final = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
ALGORITHMS: Final = frozenset(HMAC_HASHES) | ASYMMETRIC
# Of a ring or set. No honest one comes near it; what an issuer publishes is read within a request.
MAX_KEYS: Final = 100

# A secret that people typed holds one of these; a random one hardly ever does.
_MAY_BE_WORDS: Final = re.compile(
    b"auth|change|clave|default|de[mv]|example|flask|jwt|key|llave|login|pass|place|prod|replace|sampl|sec|sign|super|"
    b"test|token|tutor"
).search


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Key:
    """One key with its one algorithm.

    :param algorithm: the JWA name (RFC 7518 section 3.1, RFC 8037 section 3.1).
    :param key_id: the ``kid``, or ``None`` for a key that is not named.
    :param verify: ``(message, signature) -> bool``.
    :param sign: ``message -> signature``; ``None`` for a key that only verifies.
    :param public_jwk: what may be published; ``None`` for a symmetric key.
    :param private_jwk: the whole key as a JWK, made when asked for; ``None`` where there is none.
    :param weakness: why the key must not sign for real users, in words; ``None`` for a good one.
    :param status: its place in a ring.
    """

    algorithm: str
    verify: Callable[[bytes, bytes], bool]
    sign: Callable[[bytes], bytes] | None = None
    key_id: str | None = None
    public_jwk: Mapping[str, Any] | None = None
    private_jwk: Callable[[], dict[str, Any]] | None = None
    weakness: str | None = None
    status: Status = "current"

    def __repr__(self) -> str:
        """Return what tells keys apart, and nothing of the key itself."""
        return f"<Key {self.algorithm} {self.key_id or 'without kid'} {self.status}>"

    def named(self, key_id: str | None, status: Status = "current") -> Key:
        """Return the same key under another name and in another place of the ring."""
        public = None if self.public_jwk is None else {**self.public_jwk}
        if public is not None:
            public.pop("kid", None)
            if key_id is not None:
                public["kid"] = key_id
        return replace(self, key_id=key_id, public_jwk=public, status=status)


def symmetric(secret: bytes | str, algorithm: str, *, key_id: str | None = None) -> Key:
    """Return an HMAC key.

    :param secret: raw bytes, or a text that stands for its UTF-8 bytes.
    :param algorithm: ``HS256``, ``HS384`` or ``HS512``.
    :raises InvalidKeyError: empty, or the text of a public key (RFC 8725 section 2.1).

    Source: RFC 7518 section 3.2.
    """
    from flask_signet.tokens import key_material  # not at import: an application with an asymmetric key needs none

    name = HMAC_HASHES[algorithm]
    try:
        data = secret.encode() if isinstance(secret, str) else bytes(secret)
    except UnicodeEncodeError:
        raise InvalidKeyError(f"the secret for {algorithm} is no text: it holds half a surrogate pair") from None
    if not data:
        raise InvalidKeyError(f"the secret for {algorithm} is empty")
    if key_material.looks_public(data):
        raise InvalidKeyError(
            f"the secret for {algorithm} is the text of an asymmetric key, which anybody may know: "
            "set JWT_ALGORITHM to the algorithm of that key and give it as JWT_PRIVATE_KEY / JWT_PUBLIC_KEY"
        )

    def verify(message: bytes, signature: bytes) -> bool:
        return compare_digest(hmac_digest(data, message, name), signature)

    def sign(message: bytes) -> bytes:
        return hmac_digest(data, message, name)

    def private_jwk() -> dict[str, Any]:
        jwk = {"kty": "oct", "alg": algorithm, "k": base64url.encode(data).decode()}
        return jwk if key_id is None else {**jwk, "kid": key_id}

    return Key(
        algorithm=algorithm,
        verify=verify,
        sign=sign,
        key_id=key_id,
        private_jwk=private_jwk,
        weakness=_symmetric_weakness(data, algorithm, hashlib.new(name).digest_size),
    )


def _symmetric_weakness(data: bytes, algorithm: str, least: int) -> str | None:
    if known_secrets.contains(data):
        return "the secret is on the public list of JWT secrets"
    if len(data) < least:
        return f"the secret has {len(data)} bytes; {algorithm} needs at least {least} (RFC 7518 section 3.2)"
    if len(set(data)) < 4:
        return "the secret repeats the same few bytes"
    if _MAY_BE_WORDS(data.lower()):
        from flask_signet.tokens import word_secrets  # few keys pay for it

        if word_secrets.is_made_of_words(data):
            return "the secret is made of common words, so it can be guessed"
    return None


def from_jwk(jwk: Mapping[str, Any]) -> Key:
    """Return the key that a JWK describes, private where the JWK is.

    Without ``alg`` an ``oct`` key is HS256 and an RSA key RS256. The name is ``kid``, if any.

    :raises InvalidKeyError: a member is missing, malformed, or does not fit the others.

    Source: RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2.
    """
    kty, alg, kid = jwk.get("kty"), jwk.get("alg"), jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise InvalidKeyError("kid of a JWK must be a text")
    if alg is not None and (not isinstance(alg, str) or alg not in ALGORITHMS):
        raise InvalidKeyError(f"alg {str(alg)[:20]!r} of a JWK is none of {', '.join(sorted(ALGORITHMS))}")
    if jwk.get("use", "sig") != "sig":
        raise InvalidKeyError("use of a JWK must be 'sig': a key for encryption signs nothing")
    _check_operations(jwk.get("key_ops"))
    if kty == "oct":
        algorithm = alg or "HS256"
        if algorithm not in HMAC_HASHES:
            raise InvalidKeyError(f"an oct key cannot be used with {algorithm}")
        return symmetric(_secret_of(jwk, algorithm), algorithm, key_id=kid)
    if kty in ("RSA", "EC", "OKP"):
        from flask_signet.tokens import asymmetric

        return asymmetric.from_jwk(jwk, alg).named(kid)
    raise InvalidKeyError(f"kty {str(kty)[:20]!r} of a JWK is none of 'EC', 'OKP', 'RSA', 'oct'")


def from_jwk_set(jwks: Mapping[str, Any], algorithm: str | None = None) -> tuple[Key, ...]:
    """Return the keys of a JWK set that verify; each other one is passed over, as RFC 7517 section 5 wants it.

    Passed over are keys for encryption, of unknown types and algorithms, with missing or malformed members.

    :param algorithm: of an RSA key that says none; RS256 otherwise.
    :raises InvalidKeyError: no usable key, a secret among public keys, or two keys of one name.

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
            if jwk["kty"] == "oct":  # no issuer publishes secrets: who wrote this set can correct it
                raise
            refused = refused or error
    if len(kinds) > 1:
        raise InvalidKeyError("a JWK set must not mix secrets with public keys (RFC 7517 section 9.2)")
    if not found:
        raise refused or InvalidKeyError("no key of the set is of a known type")
    return _distinct(found)


def _distinct(found: list[Key]) -> tuple[Key, ...]:
    """Return *found* with each key once: some issuers publish one under two uses.

    :raises InvalidKeyError: two different keys share a name.
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
    """Return the key of a setting: secret, PEM text, or a key object of ``cryptography``.

    :param private: whether the key must be able to sign.
    :raises InvalidKeyError: the key does not fit *algorithm*.
    """
    if algorithm in HMAC_HASHES:
        if not isinstance(value, (str, bytes)):
            raise InvalidKeyError(f"{algorithm} needs a secret as text or bytes, not {type(value).__name__}")
        return symmetric(value, algorithm)
    if algorithm not in ASYMMETRIC:
        raise InvalidKeyError(f"algorithm {str(algorithm)[:20]!r} is none of {', '.join(sorted(ALGORITHMS))}")
    from flask_signet.tokens import asymmetric

    return asymmetric.from_config(value, algorithm, private=private)


def thumbprint(public_jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of a public JWK, base64url."""
    members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
    required = members[public_jwk["kty"]]
    text = strict_json.dumps({name: public_jwk[name] for name in required})
    return base64url.encode(hashlib.sha256(text).digest()).decode()


def generate(algorithm: str, token_bytes: Callable[[int], bytes]) -> Key:
    """Return a new key of *algorithm*; an asymmetric one is named by its thumbprint.

    :raises InvalidKeyError: unknown algorithm.
    """
    if algorithm in HMAC_HASHES:
        size = hashlib.new(HMAC_HASHES[algorithm]).digest_size
        key_id = base64url.encode(token_bytes(12)).decode()
        return symmetric(token_bytes(size), algorithm, key_id=key_id)
    if algorithm not in ASYMMETRIC:
        raise InvalidKeyError(f"algorithm {algorithm[:20]!r} is none of {', '.join(sorted(ALGORITHMS))}")
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
        raise InvalidKeyError("key_ops of a JWK must be a list without repetition")
    if not {"sign", "verify"} & set(names):
        raise InvalidKeyError("key_ops of a JWK must hold 'verify' or 'sign'")
