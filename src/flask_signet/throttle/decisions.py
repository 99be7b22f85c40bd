"""Decide from the counters whether an attempt is accepted, and compute the next state of the counters.

These are pure functions, the same for every kind of :class:`~flask_signet.throttle.ports.Counters`. An attempt counts
as failed until it succeeds, so a hundred concurrent attempts count as a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask_signet.throttle.policies import Counter
from flask_signet.throttle.ports import NOBODY, Entry, Key, Seen, State
from flask_signet.throttle.rules import Places, Rate, Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt and the counters that it belongs to.

    :param counted: the counters that count the attempt.
    :param user: 16 bytes that identify the target user, or :data:`NOBODY`.
    :param place: the counter that records whether this user is known on this network, and its rule.
    """

    counted: tuple[tuple[Key, Counter], ...]
    user: bytes = NOBODY
    place: tuple[Key, Places] | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys of all counters that a decision about the attempt reads."""
        keys = tuple(key for key, _ in self.counted)
        return keys if self.place is None else (*keys, self.place[0])

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
