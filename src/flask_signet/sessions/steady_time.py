"""The two clocks of a session, derived from the application's clock.

The system clock may be set while a process runs. If ages followed a step forward, an honest retry would look like
a stolen token. If ends did not follow it, a session would outlive its end on a laptop that slept. So ages are
measured by a clock that ignores steps, and ends by a clock that follows steps forward only.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from flask_signet.clock import Clock
from flask_signet.files import write_private

log = logging.getLogger(__name__)

ANCHOR_NAME = "clock.json"


class SteadyTime:
    """Milliseconds since 1970 UTC, read from the system clock once and counted from there by the monotonic clock.

    :param clock: the clock of the application.
    :param folder: where the processes of this machine share the offset. Without it each process reads the system
        clock at its own start. After a clock step, an exchange by one process would then look old to another, and
        the session would end as stolen.
    """

    def __init__(self, clock: Clock, folder: Path | None = None) -> None:
        self._clock = clock
        self._folder = folder
        self._offset: float | None = None
        self._furthest = clock.time() - clock.monotonic()

    def now(self) -> int:
        """Return the time that ignores steps of the wall clock; ages are measured with it."""
        offset = self._offset
        if offset is None:
            offset = self._offset = _agreed(self._clock, self._furthest, self._folder)
        return int((self._clock.monotonic() + offset) * 1000)

    def today(self) -> int:
        """Return the time that follows the wall clock forward and never back; ends are compared with it."""
        monotonic = self._clock.monotonic()
        self._furthest = max(self._furthest, self._clock.time() - monotonic)
        return int((monotonic + self._furthest) * 1000)

    def waited(self, arrived: float) -> int:
        """Return the milliseconds since *arrived*, a value of the monotonic clock."""
        return max(0, int((self._clock.monotonic() - arrived) * 1000))


def _agreed(clock: Clock, offset: float, folder: Path | None) -> float:
    """Return the offset in seconds from the monotonic clock to 1970 that the first process since the boot wrote.

    Two processes that start at once may both write. They read the same clock, so their offsets differ only by the
    time between the two readings.
    """
    boot = clock.boot()
    if folder is None or not boot:
        return offset
    file = folder / ANCHOR_NAME
    known = read_anchor(file)
    if known is not None and known[0] == boot:
        return known[1]
    try:
        write_private(file, json.dumps({"boot": boot, "offset": offset}).encode())
    except OSError as error:
        log.warning("Cannot write %s (%s): workers may disagree after a clock step.", file, error.strerror)
    return offset


def read_anchor(file: Path) -> tuple[str, float] | None:
    """Return the boot id and the offset that the first process wrote; ``None`` if the file is missing or invalid."""
    try:
        written = json.loads(file.read_bytes())
        return str(written["boot"]), float(written["offset"])
    except (OSError, ValueError, TypeError, LookupError):
        return None  # the file does not exist yet, or Flask-Signet did not write it
