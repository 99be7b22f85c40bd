"""The sources of time and randomness, and the time by which sessions and counters are judged.

No other module reads the time or random bytes from the system (a lint rule forbids it). So a test can move the clock
instead of sleeping, and a test vector can fix the random bytes.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple


@dataclass(slots=True)
class Clock:
    """A source of time and random bytes.

    Each application gets its own copy, which a test may stop or move.

    :param time: seconds since 1970-01-01 UTC, with a fraction.
    :param monotonic: seconds since an arbitrary moment, never stepping back.
    :param token_bytes: *n* unpredictable bytes.
    :param boot: names the moment since which ``monotonic`` counts, where all processes of the machine share it;
        empty if they do not, or if that is unknown.
    """

    # Looked up at each call and not bound here: an application's tests may replace `time.time`.
    time: Callable[[], float] = lambda: time.time()
    monotonic: Callable[[], float] = lambda: time.monotonic()
    token_bytes: Callable[[int], bytes] = secrets.token_bytes
    boot: Callable[[], str] = lambda: ""

    def now(self) -> int:
        """Return the time as a NumericDate in whole seconds (RFC 7519 section 2)."""
        return int(self.time())

    def uuid4(self) -> uuid.UUID:
        """Return a random UUID (RFC 9562 section 5.4)."""
        return uuid.UUID(bytes=self.token_bytes(16), version=4)

    def uuid7(self) -> uuid.UUID:
        """Return a UUID that sorts by its millisecond; its other 74 bits are random.

        Source: RFC 9562 section 5.7.
        """
        milliseconds = int(self.time() * 1000) & 0xFFFF_FFFF_FFFF
        random = int.from_bytes(self.token_bytes(10), "big")
        value = (
            (milliseconds << 80)
            | (0x7 << 76)
            | ((random >> 68 & 0xFFF) << 64)
            | (0b10 << 62)
            | (random & 0x3FFF_FFFF_FFFF_FFFF)
        )
        return uuid.UUID(int=value)


class Moment(NamedTuple):
    """One reading of :class:`SteadyTime`, in milliseconds since 1970 UTC.

    :param arrived: when the request arrived, before it waited for any lock; on the same time as *now*.
    :param now: the current time that ignores steps of the system clock.
    :param today: the current time that follows the system clock forward and never back.
    :param here: the same as read on this machine, by which tokens are dated; a database server has a clock of its own.
    """

    arrived: int
    now: int
    today: int
    here: int


class SteadyTime:
    """Milliseconds since 1970 UTC, derived from the clock of the application: one time for ages, one for ends.

    The system clock may be set while a process runs. If ages followed a step forward, an honest retry would look like
    a stolen token. If ends did not follow it, a session would outlive its end on a laptop that slept. So ages are
    measured by a time that ignores steps, and ends by a time that follows steps forward only.

    :param agree: called once with the seconds from the monotonic clock to 1970, as read from the system clock when this
        object was created; returns the seconds to use. All processes of a machine have to use the same, or an exchange
        by one of them would look old to another after a clock step, and the session would end as stolen.
    """

    def __init__(self, clock: Clock, agree: Callable[[float], float] | None = None) -> None:
        self._clock = clock
        self._agree = agree
        self._offset: float | None = None
        self._furthest = clock.time() - clock.monotonic()

    def now(self) -> int:
        """Return the time that ignores steps of the system clock; ages are measured with it."""
        return int((self._clock.monotonic() + self._agreed_offset()) * 1000)

    def today(self) -> int:
        """Return the time that follows the system clock forward and never back; ends are compared with it."""
        return self._today(self._clock.monotonic())

    def moment(self, arrived: float | None = None) -> Moment:
        """Return both times from one reading of the clock; a transaction takes one and hands it on.

        :param arrived: when the request arrived, on the monotonic clock; now if ``None``.
        """
        monotonic = self._clock.monotonic()
        now = int((monotonic + self._agreed_offset()) * 1000)
        today = self._today(monotonic)
        waited = 0 if arrived is None else max(0, int((monotonic - arrived) * 1000))
        return Moment(arrived=now - waited, now=now, today=today, here=today)

    def waited(self, arrived: float) -> int:
        """Return the milliseconds since *arrived*, a value of the monotonic clock."""
        return max(0, int((self._clock.monotonic() - arrived) * 1000))

    def _agreed_offset(self) -> float:
        if self._offset is None:
            self._offset = self._furthest if self._agree is None else self._agree(self._furthest)
        return self._offset

    def _today(self, monotonic: float) -> int:
        self._furthest = max(self._furthest, self._clock.time() - monotonic)
        return int((monotonic + self._furthest) * 1000)


def milliseconds_of(moment: datetime) -> int:
    """Return an aware ``datetime`` as milliseconds since 1970 UTC, from which :func:`moment` made it."""
    return round(moment.timestamp() * 1000)


def moment(milliseconds: int) -> datetime:
    """Return milliseconds since 1970 UTC, as the tables hold them, as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def _boot_id() -> str:
    """Return Linux's name for the present run of the machine (random(4))."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


SYSTEM = Clock(boot=_boot_id)
