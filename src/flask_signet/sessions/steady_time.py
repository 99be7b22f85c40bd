"""The two clocks of a session, made from the one that is handed in.

The time of day may be set while a process runs, and both answers to that are wrong somewhere: following a step
forward would take an honest retry for a thief, not following it would let a session outlive its end on a laptop
that slept. So ages are judged by a clock that no step moves, and ends by one that follows steps forward only.
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
    """Milliseconds since 1970 UTC as they were known once, and counted on from there.

    :param clock: the clock of the application.
    :param folder: where the processes of this machine agree on that moment. Each of them would else take its own
        start for it, and after a step of the clock an exchange of the one would look old to the other: a theft.
    """

    def __init__(self, clock: Clock, folder: Path | None = None) -> None:
        self._clock = clock
        self._folder = folder
        self._offset: float | None = None
        self._furthest = clock.time() - clock.monotonic()

    def now(self) -> int:
        """Return the time that no step of the wall clock moves: what ages are measured with."""
        offset = self._offset
        if offset is None:
            offset = self._offset = _agreed(self._clock, self._furthest, self._folder)
        return int((self._clock.monotonic() + offset) * 1000)

    def today(self) -> int:
        """Return the time that follows the wall clock forward and never back: what ends are compared with."""
        monotonic = self._clock.monotonic()
        self._furthest = max(self._furthest, self._clock.time() - monotonic)
        return int((monotonic + self._furthest) * 1000)

    def waited(self, arrived: float) -> int:
        """Return the milliseconds since *arrived*, a value of the monotonic clock."""
        return max(0, int((self._clock.monotonic() - arrived) * 1000))


def _agreed(clock: Clock, offset: float, folder: Path | None) -> float:
    """Return the seconds from the monotonic clock to 1970 that the first process since the boot took for right.

    Two first ones at once may each write theirs: they have read one clock, and are apart by no more than that took.
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
        log.warning("%s cannot be written (%s): after a step of the clock workers may disagree.", file, error.strerror)
    return offset


def read_anchor(file: Path) -> tuple[str, float] | None:
    """Return what the first process wrote: the name of the boot, and the offset. ``None`` where nothing can be read."""
    try:
        written = json.loads(file.read_bytes())
        return str(written["boot"]), float(written["offset"])
    except (OSError, ValueError, TypeError, LookupError):
        return None  # none yet, or none of ours
