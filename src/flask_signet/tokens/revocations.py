"""What one worker knows of ended sessions and signed-out users.

It is small enough for millions of entries and fast enough for every request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_signet.per_process import PerProcess
from flask_signet.tokens.compact_map import CompactMap

# The claim that names the user by the canonical id, where the identity in the token is another text.
USER_CLAIM = "sub_user"


class RevocationMemory:
    """The ended sessions and the epochs that one worker knows of.

    A hit is final: nothing here brings a session back.

    :param now: whole seconds since 1970; an ended session is forgotten after its time.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._sessions = CompactMap()
        self._epochs = CompactMap()
        self._floor = 0
        # Most of the time most workers remember nothing, and one look at this answers every request.
        self._is_empty = True
        self._write = PerProcess(threading.Lock)

    def __len__(self) -> int:
        return len(self._sessions) + len(self._epochs)

    def is_revoked(self, claims: Mapping[str, Any], identity_claim: str = "sub") -> bool:
        """Return whether the session of *claims* ended or its epoch is older than the user's.

        :param identity_claim: the claim that names the user.
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
        # A token that says nothing of an epoch was made without one: as good as the first.
        return (epoch if type(epoch) is int else 0) < oldest

    def has_ended(self, sid: str) -> bool:
        """Return whether the session of this id is remembered as ended."""
        return bool(self._sessions.get(sid))

    def epoch(self, user_id: str) -> int:
        """Return the epoch that a token of this user must at least have."""
        return self._floor + self._epochs.get(user_id)

    def end_sessions(self, sids: Iterable[tuple[str, int]], *, about: int = 0) -> None:
        """Remember pairs of an ended session and the second until which that matters.

        :param about: how many will come, where that is known.
        """
        dead = self._dead
        with self._write():
            try:
                self._sessions.reserve(about)
                self._sessions.put_all(sids, dead=dead)
            finally:
                self._recount()  # also where the store fails in the middle: what came before counts

    def raise_epochs(self, epochs: Iterable[tuple[str, int]]) -> None:
        """Remember pairs of a user and the epoch that their tokens must at least have (without the floor)."""
        with self._write():
            try:
                for user_id, epoch in epochs:
                    if epoch > self._epochs.get(user_id):
                        self._epochs.put(user_id, epoch)
            finally:
                self._recount()

    def set_floor(self, floor: int) -> None:
        """Set what is added to the epoch of everybody."""
        with self._write():
            self._floor = floor
            self._recount()

    def keep_sessions_of(self, other: RevocationMemory) -> None:
        """Go on with the ended sessions of *other*: a store that went back must not revive them."""
        with self._write():
            self._sessions = other._sessions
            self._recount()

    def sweep(self) -> None:
        """Forget some of what no longer matters; each call a small step."""
        with self._write():
            self._sessions.sweep(self._dead)
            self._recount()

    def _recount(self) -> None:
        self._is_empty = not (self._floor or len(self._sessions) or len(self._epochs))

    def _dead(self, until: int) -> bool:
        return until <= self._now()
