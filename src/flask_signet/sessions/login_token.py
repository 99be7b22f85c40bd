"""The token of a pending login.

``sgm_`` and the canonical base64url of version (1 byte), number of the root key (2), id of the pending login (16) and
the HMAC-SHA-256 of all before it (32). It gives no access. It only names a row, and it cannot be forged without the
root key.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask_signet.clock import Clock
from flask_signet.sessions.session_tokens import MacKeys, MacTokens, RootKeys
from flask_signet.store.root_key_labels import Label

PREFIX = "sgm_"
LABEL: Final[Label] = "pending-login"


class LoginTokens:
    """Makes and reads tokens of pending logins."""

    def __init__(self, root_keys: RootKeys, clock: Clock) -> None:
        self._tokens = MacTokens(MacKeys(root_keys, LABEL, clock), PREFIX, "16s", "token of a pending login")

    def make(self, login_id: UUID) -> str:
        """Return the token of a pending login, under the current root key."""
        return self._tokens.make(self._tokens.keys.current_number, login_id.bytes)

    def parse(self, text: str) -> UUID:
        """Verify the MAC and return the id of the pending login.

        :raises MalformedToken: *text* has the wrong form or length.
        :raises InvalidSignature: not made under one of the root keys.
        """
        _, login_id = self._tokens.parse(text)
        return UUID(bytes=login_id)
