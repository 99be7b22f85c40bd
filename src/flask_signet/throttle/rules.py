"""The rules of a counter: pure functions of what it holds and of the time.

All moments are milliseconds of one clock. Where that clock was set back, or a database was restored, a counter may
hold a moment that lies in the future: what no try could have left there does not count.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_signet.throttle.ports import NOBODY, State, Tally

_MOST_USERS = 32  # of one folded name that are told apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Failures in a row make the next try wait: 1 s, and twice as long each time.

    A tally is the number of failures aimed at one user, and the moment of the last.

    :param free: failures that cost nothing.
    :param longest: the longest wait, in seconds.
    :param memory: seconds without a try after which everything is forgotten.
    """

    free: int
    longest: int
    memory: int

    def wait(self, state: State, now: int) -> int:
        """Return the milliseconds until the next try is taken."""
        failures = sum(tally.number for tally in state)
        if failures < self.free or self._is_over(state, now):
            return 0
        pause = min(self.longest, 1 << min(failures - self.free, 30)) * 1_000
        return max(0, min(pause, _last(state) + pause - now))

    def add(self, state: State, now: int, user: bytes = NOBODY) -> State:
        """Count a try aimed at *user* as a failure."""
        tallies = {} if self._is_over(state, now) else {tally.user: tally for tally in state}
        if user not in tallies and len(tallies) >= _MOST_USERS:
            user = NOBODY
        before = tallies.pop(user, None)
        return (*tallies.values(), Tally(user, 1 if before is None else before.number + 1, now))

    def take_back(self, state: State, user: bytes = NOBODY) -> State:
        """Count one try less."""
        return tuple(
            tally._replace(number=max(0, tally.number - 1)) if tally.user == user else tally for tally in state
        )

    def clear(self, state: State, user: bytes) -> State:
        """Forget the failures aimed at *user*; those aimed at others, or at a name without a user, stay."""
        return tuple(tally for tally in state if tally.user != user)

    def until(self, state: State) -> int:
        """Return the moment after which *state* says nothing any more."""
        return _last(state) + self.memory * 1_000

    def held_until(self, state: State) -> int:
        """Return the moment until which *state* can make a client wait."""
        return self.until(state) if sum(tally.number for tally in state) >= self.free else 0

    def _is_over(self, state: State, now: int) -> bool:
        age = now - _last(state)
        return age > self.memory * 1_000 or age < -self.longest * 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many tries at once, then one in each period; every try counts, right or wrong.

    The one tally is the moment at which the bucket is full again: the generic cell rate algorithm (ITU-T I.371).

    :param burst: tries that never wait.
    :param every: seconds after which one more is free.
    """

    burst: int
    every: float

    def wait(self, state: State, now: int) -> int:
        """Return the milliseconds until the next try is taken."""
        return max(0, self._used(state, now) - (self.burst - 1) * self._period)

    def add(self, state: State, now: int, user: bytes = NOBODY) -> State:
        """Count a try."""
        return (Tally(NOBODY, 0, now + self._used(state, now) + self._period),)

    def take_back(self, state: State, user: bytes = NOBODY) -> State:
        """Count one try less."""
        return tuple(tally._replace(at=tally.at - self._period) for tally in state)

    def until(self, state: State) -> int:
        """Return the moment after which *state* says nothing any more."""
        return _last(state)

    def held_until(self, state: State) -> int:
        """Return the moment until which *state* can make a client wait."""
        return _last(state) - (self.burst - 1) * self._period

    def times(self, factor: int) -> Rate:
        """Return the rate of *factor* clients together."""
        return Rate(burst=factor * self.burst, every=self.every / factor)

    @property
    def _period(self) -> int:
        return round(self.every * 1_000)

    def _used(self, state: State, now: int) -> int:
        used = max(0, _last(state) - now)
        return used if used <= self.burst * self._period else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Networks from which a user has logged in.

    The one tally has the moment of the last login.

    :param memory: seconds for which a place is known.
    """

    memory: int

    def known(self, state: State, now: int) -> bool:
        """Return whether the user has logged in here."""
        return bool(state) and now <= self.until(state)

    def remember(self, now: int) -> State:
        """Return what to hold after a login."""
        return (Tally(NOBODY, 0, now),)

    def until(self, state: State) -> int:
        """Return the moment after which *state* says nothing any more."""
        return _last(state) + self.memory * 1_000

    def held_until(self, state: State) -> int:
        """Return the moment until which *state* can make a client wait: never."""
        return 0


def _last(state: State) -> int:
    return max((tally.at for tally in state), default=0)
