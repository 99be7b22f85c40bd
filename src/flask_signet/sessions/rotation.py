"""Decide what to do with a presented refresh token, without a store and without a clock.

All times are whole milliseconds. There are two kinds: *ages* of exchanges, measured at the arrival of the request on
a clock that ignores steps, and *ends* of sessions, compared with a clock that follows steps forward only.
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from flask_signet.clock import Moment
from flask_signet.sessions.session_tokens import LAST_GENERATION

REMEMBERED = 16  # number of exchange times that a row holds

# An exchange time may be this far in the future: the clocks of two workers are never exactly equal.
_SKEW_MS = 5_000


class Decision(enum.Enum):
    """What to do with a presented refresh token."""

    ROTATE = "rotate"
    """The token is the current one: exchange it for the next."""
    SAME = "same"
    """Return the current token again; generation, idle end and last use do not change."""
    THEFT = "theft"
    """Two clients hold this session: end it."""
    WENT_BACK = "went_back"
    """The token is newer than the stored state: an old copy of the database is in use. End the session."""
    ENDED = "ended"
    """The session has ended: by a logout, a revocation, or an earlier detected theft."""
    EXPIRED = "expired"
    """The session has reached its idle or its absolute end."""


class Snapshot(NamedTuple):
    """The columns of a ``signet_sessions`` row that a decision needs.

    :param exchanged: when the last generations were exchanged, newest first, at most 16.
    """

    generation: int
    exchanged: tuple[int, ...]
    used_at: int
    idle_ends_at: int
    ends_at: int
    ended: bool


def is_over(row: Snapshot, today: int) -> Decision | None:
    """Return why the session of *row* is over, or ``None`` if it is active.

    :param today: milliseconds on the clock of the ends. If ``used_at`` of the row is later, the clock went back, and
        ``used_at`` counts instead.
    """
    if row.ended:
        return Decision.ENDED
    today = max(today, row.used_at)
    if today >= row.idle_ends_at or today >= row.ends_at or row.generation >= LAST_GENERATION:
        return Decision.EXPIRED
    return None


def decide(row: Snapshot, generation: int, moment: Moment, *, grace_ms: int) -> Decision:
    """Return what to do with a genuine token of *generation* for the session of *row*.

    :param grace_ms: maximum age of an exchange that counts as a lost response; 0 for never.
    """
    over = is_over(row, moment.today)
    if over is not None:
        return over
    if generation > row.generation:
        return Decision.WENT_BACK
    if generation == row.generation:
        storm = len(row.exchanged) >= REMEMBERED and _recent(row.exchanged[REMEMBERED - 1], moment, grace_ms)
        return Decision.SAME if storm else Decision.ROTATE
    age = row.generation - generation - 1
    if age < len(row.exchanged) and _recent(row.exchanged[age], moment, grace_ms):
        return Decision.SAME
    return Decision.THEFT


def push(exchanged: tuple[int, ...], now: int) -> tuple[int, ...]:
    """Return *exchanged* with *now* added at the front; beyond 16 entries the oldest is dropped."""
    return (now, *exchanged[: REMEMBERED - 1])


def pack(exchanged: tuple[int, ...]) -> bytes:
    """Return the times in the format of the row: 8 bytes each, big-endian, newest first."""
    return struct.pack(f">{len(exchanged)}q", *exchanged)


def unpack(blob: bytes) -> tuple[int, ...]:
    """Return the times that :func:`pack` wrote.

    :raises ValueError: :func:`pack` did not write *blob*.
    """
    if len(blob) % 8 or len(blob) > REMEMBERED * 8:
        raise ValueError("not a list of exchange times")
    return struct.unpack(f">{len(blob) // 8}q", blob)


def _recent(exchanged_at: int, moment: Moment, grace_ms: int) -> bool:
    # A request that arrived before the exchange and waited has a negative age: this is not a theft. An exchange time
    # later than *now* means that a clock went back, and says nothing about the age.
    return grace_ms > 0 and moment.arrived - exchanged_at < grace_ms and exchanged_at <= moment.now + _SKEW_MS
