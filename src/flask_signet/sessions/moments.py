"""The two clocks of a session, made from the one that is handed in.

The time of day may be set while a process runs, and both answers to that are wrong somewhere: following a step
forward would take an honest retry for a thief, not following it would let a session outlive its end on a laptop
that slept. So ages are judged by a clock that no step moves, and ends by one that follows steps forward only.
"""

from __future__ import annotations

from flask_signet.clock import Clock


class SteadyTime:
    """Milliseconds since 1970 UTC as they were known when this object was made, and counted on from there.

    :param clock: the clock of the application.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.time() - clock.monotonic()
        self._furthest = self._offset

    def now(self) -> int:
        """Return the time that no step of the wall clock moves: what ages are measured with."""
        return int((self._clock.monotonic() + self._offset) * 1000)

    def today(self) -> int:
        """Return the time that follows the wall clock forward and never back: what ends are compared with."""
        monotonic = self._clock.monotonic()
        self._furthest = max(self._furthest, self._clock.time() - monotonic)
        return int((monotonic + self._furthest) * 1000)

    def waited(self, arrived: float) -> int:
        """Return the milliseconds since *arrived*, a value of the monotonic clock."""
        return max(0, int((self._clock.monotonic() - arrived) * 1000))
