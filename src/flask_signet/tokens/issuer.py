"""Make a token: claims in, compact JWS out.

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
    """Signs with one key; its header is made once.

    :param key: a key with a private part.
    :raises InvalidKeyError: the key only verifies.
    """

    __slots__ = ("_prefix", "_sign", "key")

    def __init__(self, key: Key) -> None:
        if key.sign is None:
            raise InvalidKeyError(f"the {key.algorithm} key only verifies; a private one is needed to make tokens")
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
        """Return the token that carries *claims*.

        :param headers: members of the header beside ``alg``, ``typ`` and ``kid``; may replace the last two.
        :param default: turns what JSON cannot express into what it can.
        :raises SettingsError: *headers* would change the algorithm.
        """
        prefix = self._prefix if not headers else self._other_header(headers, default)
        signing_input = prefix + base64url.encode(strict_json.dumps(claims, default))
        return (signing_input + b"." + base64url.encode(self._sign(signing_input))).decode("ascii")

    def _other_header(self, headers: Mapping[str, Any], default: Callable[[Any], Any] | None) -> bytes:
        if headers.get("alg", self.key.algorithm) != self.key.algorithm:
            raise SettingsError(
                f"additional headers cannot change alg: the key signs with {self.key.algorithm}. "
                "Set JWT_ALGORITHM, and a key that fits it."
            )
        header = {"alg": self.key.algorithm, "typ": "JWT"}
        if self.key.key_id is not None:
            header["kid"] = self.key.key_id
        return base64url.encode(strict_json.dumps({**header, **headers}, default)) + b"."
