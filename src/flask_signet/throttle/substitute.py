"""Counters in memory for attempts inside a transaction of the application.

While that transaction writes to an SQLite database, no other connection can write the counts, so a login would wait for
itself. Counts written inside that transaction would be rolled back with it: a guesser's failures would be forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask_signet.clock import Clock
from flask_signet.throttle.memory import MemoryCounters

log = logging.getLogger(__name__)


class Substitute:
    """Provide counters of this process while the shared counters cannot be written.

    :param needed: returns whether a transaction of the caller blocks writes to the shared counters.
    """

    def __init__(self, clock: Clock, needed: Callable[[], bool]) -> None:
        self._counters = MemoryCounters(clock)
        self._needed = needed
        self._said = False

    def __call__(self) -> MemoryCounters | None:
        """Return the counters to use instead of the shared ones, or ``None``."""
        if not self._needed():
            return None
        if not self._said:
            self._said = True
            log.warning(
                "A password was checked within an open transaction of the application, which keeps SQLite from "
                "counting the attempt for all workers. It was counted in the memory of this worker. "
                "Write before the check: db.session.commit()"
            )
        return self._counters
