"""The sources of time and randomness.

No other module reads the time or random bytes from the system (a lint rule forbids it). So a test can move the clock
instead of sleeping, and a test vector can fix the random bytes.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


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


def _boot_id() -> str:
    """Return Linux's name for the present run of the machine (random(4))."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


SYSTEM = Clock(boot=_boot_id)
