"""The token of a pending login.

``sgm_`` and the canonical base64url of version (1 byte), number of the root key (2), id of the pending login (16) and
the HMAC-SHA-256 of all before it (32). It gives no access. It only names a row, and it cannot be forged without the
root key.
"""

from __future__ import annotations

import hmac
import struct
from typing import Final
from uuid import UUID

from flask_signet.clock import Clock
from flask_signet.exceptions import InvalidSignature, MalformedToken
from flask_signet.sessions.session_tokens import MacKeys, RootKeys
from flask_signet.store.root_key_labels import Label
from flask_signet.tokens import base64url

PREFIX = "sgm_"
LABEL: Final[Label] = "pending-login"
VERSION = 1

_BODY = struct.Struct(">BH16s")
_MAC_BYTES = 32
LENGTH = len(PREFIX) + -(-(_BODY.size + _MAC_BYTES) * 4 // 3)


class LoginTokens:
    """Makes and reads tokens of pending logins."""

    def __init__(self, root_keys: RootKeys, clock: Clock) -> None:
        self._keys = MacKeys(root_keys, LABEL, clock)

    def make(self, login_id: UUID) -> str:
        """Return the token of a pending login, under the current root key."""
        number = self._keys.current_number
        body = _BODY.pack(VERSION, number, login_id.bytes)
        mac = hmac.digest(self._keys.key(number), body, "sha256")
        return PREFIX + base64url.encode(body + mac).decode("ascii")

    def parse(self, text: str) -> UUID:
        """Verify the MAC and return the id of the pending login.

        :raises MalformedToken: *text* has the wrong form or length.
        :raises InvalidSignature: not made under one of the root keys.
        """
        if len(text) != LENGTH or not text.startswith(PREFIX):
            raise MalformedToken("Not a token of a pending login")
        try:
            data = base64url.decode(text[len(PREFIX) :].encode("ascii"))
        except ValueError:
            raise MalformedToken("Not a token of a pending login") from None
        body, mac = data[: _BODY.size], data[_BODY.size :]
        version, number, login_id = _BODY.unpack(body)
        if version != VERSION:
            raise MalformedToken("Not a token of a pending login of this version")
        try:
            key = self._keys.key(number)
        except LookupError:
            raise InvalidSignature("Invalid token of a pending login") from None
        # Before any SQL: forged tokens must not cause database queries.
        if not hmac.compare_digest(hmac.digest(key, body, "sha256"), mac):
            raise InvalidSignature("Invalid token of a pending login")
        return UUID(bytes=login_id)
