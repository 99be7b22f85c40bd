"""The ring of signing keys in the database, in the form that the token layer needs."""

from __future__ import annotations

import logging

from flask_signet.clock import Clock
from flask_signet.exceptions import Unavailable
from flask_signet.signing_keys.table import KeyTable
from flask_signet.tokens import keys
from flask_signet.tokens.key import Key
from flask_signet.tokens.ring import Ring

log = logging.getLogger("flask_signet")

# A new key is known as "next" long before it signs, and a token with an unknown kid makes a worker look at once. So
# this only limits how long a worker still accepts a revoked key.
LOOK_EVERY = 5.0  # seconds
LOOK_AGAIN_AFTER = 0.2  # seconds between reloads for unknown kids, so that invented kids do not load the database


class DatabaseRing:
    """Keeps a ring in step with the key table.

    :param table: the keys.
    :param clock: determines when to look again.
    """

    def __init__(self, table: KeyTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._ring: Ring | None = None
        self._version = -1
        self._looked = float("-inf")

    def current(self) -> Ring:
        """Return the ring, from memory unless it may have changed; the first call creates keys if none exist.

        :raises Unavailable: the store does not answer, and there has never been a ring.
        """
        if self._ring is not None and self._clock.monotonic() - self._looked < LOOK_EVERY:
            return self._ring
        return self._look()

    def refresh(self) -> Ring:
        """Reload the ring now, unless it was checked within the last 0.2 s."""
        if self._ring is not None and self._clock.monotonic() - self._looked < LOOK_AGAIN_AFTER:
            return self._ring
        return self._look()

    def _look(self) -> Ring:
        self._looked = self._clock.monotonic()
        try:
            if self._ring is None:
                stored = self._table.ensure()
                version = self._table.version()
            else:
                version = self._table.version()
                if version == self._version:
                    return self._ring
                stored = self._table.load()
        except Unavailable as error:
            if self._ring is None:
                raise
            log.error("The signing keys cannot be read (%s); using the keys that are known.", error)
            return self._ring
        ring = tuple(keys.from_jwk(key.jwk).named(key.kid, key.status) for key in stored if key.status != "revoked")
        current: Key | None = next((key for key in ring if key.status == "current"), None)
        self._ring, self._version = Ring(current, ring), version
        return self._ring
