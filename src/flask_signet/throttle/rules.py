"""The rules of counters: pure functions of the state and the time.

All moments are milliseconds on one clock. If that clock was set back or a database was restored, a counter may contain
a moment in the future. A state that no attempt could have produced is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_signet.throttle.ports import NOBODY, State, Tally

_MOST_USERS = 32  # users with one folded name that have separate tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Delay the next attempt after consecutive failures: 1 s, and twice as long each time.

    A tally has the number of failures aimed at one user, and the moment of the last failure.

    :param free: the number of failures without a delay.
    :param longest: the longest wait, in seconds.
    :param memory: seconds without an attempt after which all failures are forgotten.
    """

    free: int
    longest: int
    memory: int

    def wait(self, state: State, now: int) -> int:
        """Return the milliseconds until the next attempt is accepted."""
        failures = sum(tally.number for tally in state)
        if failures < self.free or self._is_over(state, now):
            return 0
        pause = min(self.longest, 1 << min(failures - self.free, 30)) * 1_000
        return max(0, min(pause, _last(state) + pause - now))

    def add(self, state: State, now: int, user: bytes = NOBODY) -> State:
        """Return *state* with an attempt on *user* counted as a failure."""
        tallies = {} if self._is_over(state, now) else {tally.user: tally for tally in state}
        if user not in tallies and len(tallies) >= _MOST_USERS:
            user = NOBODY
        before = tallies.pop(user, None)
        return (*tallies.values(), Tally(user, 1 if before is None else before.number + 1, now))

    def take_back(self, state: State, user: bytes = NOBODY) -> State:
        """Return *state* with one attempt less."""
        return tuple(
            tally._replace(number=max(0, tally.number - 1)) if tally.user == user else tally for tally in state
        )

    def clear(self, state: State, user: bytes) -> State:
        """Return *state* without the failures aimed at *user*; those aimed at other users or at no user stay."""
        return tuple(tally for tally in state if tally.user != user)

    def until(self, state: State) -> int:
        """Return the moment after which *state* has no effect."""
        return _last(state) + self.memory * 1_000

    def held_until(self, state: State) -> int:
        """Return the moment until which *state* can make a client wait."""
        return self.until(state) if sum(tally.number for tally in state) >= self.free else 0

    def _is_over(self, state: State, now: int) -> bool:
        age = now - _last(state)
        return age > self.memory * 1_000 or age < -self.longest * 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Allow a burst of attempts, then one in each period. Successes and failures both count.

    The only tally has the moment at which the bucket is full again: the generic cell rate algorithm (ITU-T I.371).

    :param burst: the number of attempts without a delay.
    :param every: seconds after which one more attempt is allowed.
    """

    burst: int
    every: float

    def wait(self, state: State, now: int) -> int:
        """Return the milliseconds until the next attempt is accepted."""
        return max(0, self._used(state, now) - (self.burst - 1) * self._period)

    def add(self, state: State, now: int, user: bytes = NOBODY) -> State:
        """Return *state* with one more attempt."""
        return (Tally(NOBODY, 0, now + self._used(state, now) + self._period),)

    def take_back(self, state: State, user: bytes = NOBODY) -> State:
        """Return *state* with one attempt less."""
        return tuple(tally._replace(at=tally.at - self._period) for tally in state)

    def until(self, state: State) -> int:
        """Return the moment after which *state* has no effect."""
        return _last(state)

    def held_until(self, state: State) -> int:
        """Return the moment until which *state* can make a client wait."""
        return _last(state) - (self.burst - 1) * self._period

    def times(self, factor: int) -> Rate:
        """Return the combined rate of *factor* clients."""
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

    The only tally has the moment of the last login.

    :param memory: seconds for which a network is remembered.
    """

    memory: int

    def known(self, state: State, now: int) -> bool:
        """Return whether the user has logged in from this network."""
        return bool(state) and now <= self.until(state)

    def remember(self, now: int) -> State:
        """Return the state after a login."""
        return (Tally(NOBODY, 0, now),)

    def until(self, state: State) -> int:
        """Return the moment after which *state* has no effect."""
        return _last(state) + self.memory * 1_000

    def held_until(self, state: State) -> int:
        """Return the moment until which *state* can make a client wait: never."""
        return 0


def _last(state: State) -> int:
    return max((tally.at for tally in state), default=0)
