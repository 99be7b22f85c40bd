"""The refresh token: only a holder of the root key can make one.

``sgr_`` and the canonical base64url of version (1 byte), number of the root key (2), id of the session (16),
generation (4) and the HMAC-SHA-256 of all before it (32); numbers are big-endian. The token is not stored: a copy of
the database contains no tokens, an old token is recognised as genuine and old without a list, and the token of a lost
response can be computed again.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask_signet.clock import Clock
from flask_signet.exceptions import InvalidSignature, MalformedToken
from flask_signet.sessions.mac_keys import MacKeys, RootKeys
from flask_signet.store.root_key_labels import Label
from flask_signet.tokens import base64url

PREFIX = "sgr_"
LABEL: Final[Label] = "refresh-token"
VERSION = 1
LAST_GENERATION = 2**32 - 1

_BODY = struct.Struct(">BH16sI")
_MAC_BYTES = 32
LENGTH = len(PREFIX) + -(-(_BODY.size + _MAC_BYTES) * 4 // 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """The content of a genuine refresh token."""

    key_number: int
    session_id: UUID
    generation: int


class RefreshTokens:
    """Makes and reads refresh tokens.

    :param root_keys: the ring that the MAC keys are derived from.
    :param clock: limits how often an unknown key number causes another read of the ring.
    """

    def __init__(self, root_keys: RootKeys, clock: Clock) -> None:
        self._keys = MacKeys(root_keys, LABEL, clock)

    @property
    def current_number(self) -> int:
        """Number of the root key that new generations are made with."""
        return self._keys.current_number

    def make(self, session_id: UUID, generation: int, key_number: int) -> str:
        """Return the one token of this session and generation under this root key.

        :raises LookupError: the ring has no key of this number.
        """
        body = _BODY.pack(VERSION, key_number, session_id.bytes, generation)
        mac = hmac.digest(self._keys.key(key_number), body, "sha256")
        return PREFIX + base64url.encode(body + mac).decode("ascii")

    def parse(self, text: str) -> Presented:
        """Verify the MAC of *text* and return its content.

        :raises MalformedToken: *text* has the wrong form or length.
        :raises InvalidSignature: *text* was not made under one of the root keys.
        """
        if len(text) != LENGTH or not text.startswith(PREFIX):
            raise MalformedToken("Not a refresh token")
        try:
            data = base64url.decode(text[len(PREFIX) :].encode("ascii"))
        except ValueError:
            raise MalformedToken("Not a refresh token") from None
        body, mac = data[: _BODY.size], data[_BODY.size :]
        version, key_number, session_id, generation = _BODY.unpack(body)
        if version != VERSION:
            raise MalformedToken("Not a refresh token of this version")
        try:
            key = self._keys.key(key_number)
        except LookupError:
            raise InvalidSignature("Invalid refresh token") from None
        # Before any SQL: forged tokens must not cause database queries, and a forged session id must not be able to
        # end a user's session.
        if not hmac.compare_digest(hmac.digest(key, body, "sha256"), mac):
            raise InvalidSignature("Invalid refresh token")
        return Presented(key_number=key_number, session_id=UUID(bytes=session_id), generation=generation)
