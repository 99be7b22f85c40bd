"""A key with one algorithm. It is checked when it is read, and never printed.

A key can verify. A key with a private part can also sign. The algorithm is stored with the key and never taken from the
token (RFC 8725 section 3.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from flask_signet.tokens import base64url, strict_json

Status = Literal["next", "current", "retired"]

HMAC_HASHES: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
ASYMMETRIC: Final = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
ALGORITHMS: Final = frozenset(HMAC_HASHES) | ASYMMETRIC


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Key:
    """A key and its algorithm.

    :param algorithm: the JWA name (RFC 7518 section 3.1, RFC 8037 section 3.1).
    :param key_id: the ``kid``, or ``None``.
    :param verify: ``(message, signature) -> bool``.
    :param sign: ``message -> signature``; ``None`` for a key that can only verify.
    :param public_jwk: the public part, which may be published; ``None`` for a symmetric key.
    :param private_jwk: returns the whole key as a JWK; ``None`` for a key without a private part.
    :param weakness: the reason why the key must not sign for real users; ``None`` for a good key.
    :param status: the status of the key in its key ring.
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
        """Return algorithm, ``kid`` and status, and no part of the key itself."""
        return f"<Key {self.algorithm} {self.key_id or 'without kid'} {self.status}>"

    def named(self, key_id: str | None, status: Status = "current") -> Key:
        """Return the same key with another ``kid`` and another status."""
        public = None if self.public_jwk is None else {**self.public_jwk}
        if public is not None:
            public.pop("kid", None)
            if key_id is not None:
                public["kid"] = key_id
        return replace(self, key_id=key_id, public_jwk=public, status=status)


def thumbprint(public_jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of a public JWK, in base64url."""
    members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
    required = members[public_jwk["kty"]]
    text = strict_json.dumps({name: public_jwk[name] for name in required})
    return base64url.encode(hashlib.sha256(text).digest()).decode()
