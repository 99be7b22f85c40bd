"""The offset from the monotonic clock to 1970 that the processes of a machine share, in a file of our folder."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path

from flask_signet.clock import Clock, SteadyTime
from flask_signet.files import write_private

log = logging.getLogger(__name__)

ANCHOR_NAME = "clock.json"


def steady_time(clock: Clock, folder: Path | None) -> SteadyTime:
    """Return the time that all processes of this machine share.

    :param folder: where they share the offset. With ``None`` each process uses its own.
    """
    return SteadyTime(clock, None if folder is None else partial(_agreed, clock, folder))


def _agreed(clock: Clock, folder: Path, offset: float) -> float:
    """Return the offset that the first process since the boot wrote.

    Two processes that start at once may both write. They read the same clock, so their offsets differ only by the
    time between the two readings.
    """
    boot = clock.boot()
    if not boot:
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
