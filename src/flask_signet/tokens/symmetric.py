"""Create HMAC keys from secrets, and find weak secrets."""

from __future__ import annotations

import hashlib
import re
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Any, Final

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import base64url, known_secrets
from flask_signet.tokens.key import HMAC_HASHES, Key

# A typed secret contains one of these words. A random secret almost never does.
_MAY_BE_WORDS: Final = re.compile(
    b"auth|change|clave|default|de[mv]|example|flask|jwt|key|llave|login|pass|place|prod|replace|sampl|sec|sign|super|"
    b"test|token|tutor"
).search


def symmetric(secret: bytes | str, algorithm: str, *, key_id: str | None = None) -> Key:
    """Return the HMAC key of a secret.

    :param secret: bytes, or a string, which is encoded as UTF-8.
    :param algorithm: ``HS256``, ``HS384`` or ``HS512``.
    :raises InvalidKeyError: the secret is empty, or is an asymmetric key (RFC 8725 section 2.1).

    Source: RFC 7518 section 3.2.
    """
    from flask_signet.tokens import key_material  # an application with an asymmetric key never imports it

    name = HMAC_HASHES[algorithm]
    try:
        data = secret.encode() if isinstance(secret, str) else bytes(secret)
    except UnicodeEncodeError:
        raise InvalidKeyError(
            f"the secret for {algorithm} is not valid Unicode: it contains half a surrogate pair"
        ) from None
    if not data:
        raise InvalidKeyError(f"the secret for {algorithm} is empty")
    if key_material.looks_public(data):
        raise InvalidKeyError(
            f"the secret for {algorithm} is an asymmetric key, which may be public: "
            "set JWT_ALGORITHM to the algorithm of that key, and JWT_PRIVATE_KEY / JWT_PUBLIC_KEY to the key"
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
        from flask_signet.tokens import word_secrets  # imported only for the few secrets that need the check

        if word_secrets.is_made_of_words(data):
            return "the secret is made of common words, so it can be guessed"
    return None
