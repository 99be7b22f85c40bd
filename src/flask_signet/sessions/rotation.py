"""What a presented refresh token means: the whole decision, without a store and without a clock.

All times are whole milliseconds. Two kinds of them meet here: *ages* of exchanges, judged by the arrival of the
request on a clock that no step moves, and *ends* of sessions, judged by a clock that follows every step forward
and none back.
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from flask_signet.sessions.refresh_token import LAST_GENERATION

REMEMBERED = 16  # exchanges whose times a row holds

# An exchange may lie this far in the future: the clocks of two workers are never quite equal.
_SKEW_MS = 5_000


class Decision(enum.Enum):
    """What to do with the token that came."""

    ROTATE = "rotate"
    """It is the current one: exchange it for the next."""
    SAME = "same"
    """Give the current token again; generation, idle end and last use stay."""
    THEFT = "theft"
    """Two hold this session: end it."""
    WENT_BACK = "went_back"
    """The token knows more than the store: an old copy of the database is in use. End the session."""
    ENDED = "ended"
    """The session is over: logged out, revoked, or stolen before."""
    EXPIRED = "expired"
    """The session has reached its idle or its absolute end."""


class Snapshot(NamedTuple):
    """A row of ``signet_sessions`` as far as a decision needs it.

    :param exchanged: when the last generations were exchanged, newest first, at most 16.
    """

    generation: int
    exchanged: tuple[int, ...]
    used_at: int
    idle_ends_at: int
    ends_at: int
    ended: bool


class Moment(NamedTuple):
    """When a request is judged.

    :param arrived: when the request came, before it waited for any lock; on the clock of the exchanges.
    :param now: the same clock, now.
    :param today: the clock of the ends, now.
    """

    arrived: int
    now: int
    today: int


def is_over(row: Snapshot, today: int) -> Decision | None:
    """Return why the session of *row* is not alive, or ``None`` if it is.

    :param today: milliseconds on the clock of the ends; a row that was used later than that says that the
        clock went back, and then the row is right.
    """
    if row.ended:
        return Decision.ENDED
    today = max(today, row.used_at)
    if today >= row.idle_ends_at or today >= row.ends_at or row.generation >= LAST_GENERATION:
        return Decision.EXPIRED
    return None


def decide(row: Snapshot, generation: int, moment: Moment, *, grace_ms: int) -> Decision:
    """Return what the genuine token of *generation* means for the session of *row*.

    :param grace_ms: how long ago an exchange may lie to be taken for a lost answer; 0 for never.
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
    """Return *exchanged* with one more exchange at its head, the oldest dropped."""
    return (now, *exchanged[: REMEMBERED - 1])


def pack(exchanged: tuple[int, ...]) -> bytes:
    """Return the times as the row holds them: 8 bytes each, big-endian, newest first."""
    return struct.pack(f">{len(exchanged)}q", *exchanged)


def unpack(blob: bytes) -> tuple[int, ...]:
    """Return the times that :func:`pack` wrote.

    :raises ValueError: *blob* is none of ours.
    """
    if len(blob) % 8 or len(blob) > REMEMBERED * 8:
        raise ValueError("not a list of exchange times")
    return struct.unpack(f">{len(blob) // 8}q", blob)


def _recent(exchanged_at: int, moment: Moment, grace_ms: int) -> bool:
    # A request that arrived before the exchange and waited has a negative age: it is no thief. An exchange that
    # lies in the future of *now* says that a clock went back, and proves nothing about age.
    return grace_ms > 0 and moment.arrived - exchanged_at < grace_ms and exchanged_at <= moment.now + _SKEW_MS
