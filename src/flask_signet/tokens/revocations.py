"""Keep ended sessions and the epochs of users in the memory of one worker.

The memory is small enough for millions of entries and fast enough for every request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_signet.per_process import PerProcess
from flask_signet.tokens.compact_map import CompactMap

# The claim with the canonical id of the user. It is present if the identity in the token is a different string.
USER_CLAIM = "sub_user"


class RevocationMemory:
    """Ended sessions and epochs in the memory of one worker.

    An ended session never becomes valid again.

    :param now: returns whole seconds since 1970; an ended session is removed when its tokens have expired.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._sessions = CompactMap()
        self._epochs = CompactMap()
        self._floor = 0
        # Most workers have no entries most of the time. This attribute then answers every request.
        self._is_empty = True
        self._write = PerProcess(threading.Lock)

    def __len__(self) -> int:
        return len(self._sessions) + len(self._epochs)

    def is_revoked(self, claims: Mapping[str, Any], identity_claim: str = "sub") -> bool:
        """Return whether the session of *claims* ended, or its epoch is older than the epoch of the user.

        :param identity_claim: the claim that contains the identity.
        """
        if self._is_empty:
            return False
        sid = claims.get("sid")
        if isinstance(sid, str) and self._sessions.get(sid):
            return True
        oldest = self.epoch(str(claims.get(USER_CLAIM) or claims.get(identity_claim, "")))
        if not oldest:
            return False
        epoch = claims.get("epoch")
        # A token without an epoch counts as epoch 0.
        return (epoch if type(epoch) is int else 0) < oldest

    def has_ended(self, sid: str) -> bool:
        """Return whether the session *sid* is known to have ended."""
        return bool(self._sessions.get(sid))

    def epoch(self, user_id: str) -> int:
        """Return the lowest epoch that a token of this user may have."""
        return self._floor + self._epochs.get(user_id)

    def end_sessions(self, sids: Iterable[tuple[str, int]], *, about: int = 0) -> None:
        """Add ended sessions.

        :param sids: pairs of a session id and the time until which the entry is needed, in seconds since 1970.
        :param about: the approximate number of pairs; 0 if it is unknown.
        """
        dead = self._dead
        with self._write():
            try:
                self._sessions.reserve(about)
                self._sessions.put_all(sids, dead=dead)
            finally:
                self._recount()  # also if the store fails halfway: the pairs before that count

    def raise_epochs(self, epochs: Iterable[tuple[str, int]]) -> None:
        """Raise the lowest epochs of users.

        :param epochs: pairs of a user id and the lowest epoch that a token of this user may have, without the floor.
        """
        with self._write():
            try:
                for user_id, epoch in epochs:
                    if epoch > self._epochs.get(user_id):
                        self._epochs.put(user_id, epoch)
            finally:
                self._recount()

    def set_floor(self, floor: int) -> None:
        """Set the number that is added to the epoch of every user."""
        with self._write():
            self._floor = floor
            self._recount()

    def keep_sessions_of(self, other: RevocationMemory) -> None:
        """Take over the ended sessions of *other*, so that a store restored from a backup does not revive them."""
        with self._write():
            self._sessions = other._sessions
            self._recount()

    def sweep(self) -> None:
        """Remove some entries that are no longer needed. Each call is a small step."""
        with self._write():
            self._sessions.sweep(self._dead)
            self._recount()

    def _recount(self) -> None:
        self._is_empty = not (self._floor or len(self._sessions) or len(self._epochs))

    def _dead(self, until: int) -> bool:
        return until <= self._now()
