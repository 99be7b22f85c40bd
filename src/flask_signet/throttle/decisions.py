"""The one rule of the throttle: from what the counters hold to whether a try is taken, and what they hold next.

Pure functions, the same over every kind of :class:`~flask_signet.throttle.ports.Counters`. A try counts as failed
until it has succeeded, so a hundred at once are a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask_signet.throttle.policies import Counter
from flask_signet.throttle.ports import NOBODY, Entry, Key, Seen, State
from flask_signet.throttle.rules import Places, Rate, Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try: where it counts.

    :param counted: the counters that it touches.
    :param user: 16 bytes that stand for the user that it is aimed at, or :data:`NOBODY`.
    :param place: the counter that says whether this user is known on this network, and its rule.
    """

    counted: tuple[tuple[Key, Counter], ...]
    user: bytes = NOBODY
    place: tuple[Key, Places] | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """All counters that a decision about the try looks at."""
        keys = tuple(key for key, _ in self.counted)
        return keys if self.place is None else (*keys, self.place[0])

    def wait(self, seen: Seen) -> int:
        """Return the milliseconds until such a try is taken; 0: now."""
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
        """Count the try if it is taken now; return the milliseconds to wait where it is not."""
        wait = self.wait(seen)
        if wait > 0:
            return wait, {}
        return 0, {
            key: _entry(counter.rule, counter.rule.add(seen.states.get(key, ()), seen.now, self.user))
            for key, counter in self.counted
        }

    def succeed(self, seen: Seen) -> tuple[None, Mapping[Key, Entry]]:
        """Clear what a success proves wrong: the failures aimed at this user, and no others."""
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
        """Count the try less: it was not decided."""
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
