"""Decide whether an attempt is accepted, and compute the next states of its counters.

Everything here is a pure function of states and time, and is the same for every kind of
:class:`~flask_signet.throttle.ports.Counters`. First the three rules that a counter may have, then the decision about
an attempt, which has several counters. An attempt counts as failed until it succeeds, so a hundred concurrent attempts
count as a hundred.

All moments are milliseconds on one clock. If that clock was set back or a database was restored, a counter may contain
a moment in the future. A state that no attempt could have produced is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flask_signet.throttle.ports import NOBODY, Entry, Key, Seen, State, Tally

#: What attempts are counted by. ``pair``: name and network together; ``reporter``: a neighbouring proxy that reports
#: client addresses and may have invented them.
By = Literal["pair", "name", "network", "user", "reporter"]

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


# --- The decision about an attempt ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One counter of an action.

    :param known_pass: whether the counter is ignored for a user who has logged in from this network before.
    :param after_success: the effect of a successful attempt: ``clear`` forgets the failures aimed at its user,
        ``take_back`` removes the attempt from the count, ``keep`` leaves it counted.
    """

    by: By
    rule: Waits | Rate
    known_pass: bool = False
    after_success: Literal["clear", "take_back", "keep"] = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt and the counters that it belongs to.

    :param counted: the counters that count the attempt.
    :param keys: the keys of all counters that a decision about the attempt reads.
    :param user: 16 bytes that identify the target user, or :data:`NOBODY`.
    :param place: the counter that records whether this user is known on this network, and its rule.
    """

    counted: tuple[tuple[Key, Counter], ...]
    keys: tuple[Key, ...]
    user: bytes = NOBODY
    place: tuple[Key, Places] | None = None

    def wait(self, seen: Seen) -> int:
        """Return the milliseconds until the attempt is accepted; 0: now."""
        known = self._is_known(seen)
        return max(
            (
                counter.rule.wait(seen.states.get(key, ()), seen.now)
                for key, counter in self.counted
                if not (known and counter.known_pass)
            ),
            default=0,
        )

    def admit(self, seen: Seen) -> tuple[int, Mapping[Key, Entry]]:
        """Count the attempt if it is accepted now, and return 0; otherwise return the milliseconds to wait."""
        wait = self.wait(seen)
        if wait > 0:
            return wait, {}
        return 0, {
            key: _entry(counter.rule, counter.rule.add(seen.states.get(key, ()), seen.now, self.user))
            for key, counter in self.counted
        }

    def succeed(self, seen: Seen) -> tuple[None, Mapping[Key, Entry]]:
        """Clear the failures that a success disproves: only those aimed at this user."""
        changes: dict[Key, Entry] = {}
        for key, counter in self.counted:
            state = seen.states.get(key)
            if state is None or counter.after_success == "keep":
                continue
            if counter.after_success == "clear" and isinstance(counter.rule, Waits):
                changes[key] = _entry(counter.rule, counter.rule.clear(state, self.user))
            else:
                changes[key] = _entry(counter.rule, counter.rule.take_back(state, self.user))
        if self.place is not None:
            key, places = self.place
            changes[key] = _entry(places, places.remember(seen.now))
        return None, changes

    def take_back(self, seen: Seen) -> tuple[None, Mapping[Key, Entry]]:
        """Remove the attempt from the counts: it was not decided."""
        return None, {
            key: _entry(counter.rule, counter.rule.take_back(seen.states[key], self.user))
            for key, counter in self.counted
            if key in seen.states
        }

    def _is_known(self, seen: Seen) -> bool:
        if self.place is None:
            return False
        key, places = self.place
        return places.known(seen.states.get(key, ()), seen.now)


def _entry(rule: Waits | Rate | Places, state: State) -> Entry:
    return Entry(state, rule.until(state), rule.held_until(state))
