"""Make a token: sign claims and return a compact JWS.

Source: RFC 7515 section 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.tokens import base64url, strict_json
from flask_signet.tokens.key import Key
from flask_signet.tokens.verifier import header_text


class Issuer:
    """Signs tokens with one key. The header is encoded once.

    :param key: a key with a private part.
    :raises InvalidKeyError: the key can only verify.
    """

    __slots__ = ("_prefix", "_sign", "key")

    def __init__(self, key: Key) -> None:
        if key.sign is None:
            raise InvalidKeyError(f"the {key.algorithm} key can only verify; a private key is needed to make tokens")
        self.key = key
        self._sign = key.sign
        self._prefix = header_text(key) + b"."

    def issue(
        self,
        claims: Mapping[str, Any],
        *,
        headers: Mapping[str, Any] | None = None,
        default: Callable[[Any], Any] | None = None,
    ) -> str:
        """Return a signed token that contains *claims*.

        :param headers: additional members of the header; may replace ``typ`` and ``kid``.
        :param default: converts a value that JSON cannot express.
        :raises SettingsError: ``alg`` in *headers* is not the algorithm of the key.
        """
        prefix = self._prefix if not headers else self._other_header(headers, default)
        signing_input = prefix + base64url.encode(strict_json.dumps(claims, default))
        return (signing_input + b"." + base64url.encode(self._sign(signing_input))).decode("ascii")

    def _other_header(self, headers: Mapping[str, Any], default: Callable[[Any], Any] | None) -> bytes:
        if headers.get("alg", self.key.algorithm) != self.key.algorithm:
            raise SettingsError(
                f"additional headers cannot change alg: the key signs with {self.key.algorithm}. "
                "Set JWT_ALGORITHM and a key of that algorithm."
            )
        header = {"alg": self.key.algorithm, "typ": "JWT"}
        if self.key.key_id is not None:
            header["kid"] = self.key.key_id
        return base64url.encode(strict_json.dumps({**header, **headers}, default)) + b"."
