"""The state of a counter, and the port that stores counters: in the memory of a process, or in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")

NOBODY = bytes(16)  # the user of an attempt on a name that no user has


class Tally(NamedTuple):
    """The count of one user in a counter.

    :param user: 16 bytes that identify the user, or :data:`NOBODY`.
    :param number: the number of attempts.
    :param at: a time in milliseconds; the rule of the counter defines its meaning.
    """

    user: bytes
    number: int
    at: int


#: The state of one counter, one tally for each user; empty: nothing was counted.
State = tuple[Tally, ...]


class Key(NamedTuple):
    """The key of one counter.

    :param kind: the action and what it is counted by, such as ``"login:pair"``.
    :param digest: 16 bytes that identify the name, the network or the user.
    """

    kind: str
    digest: bytes


class Seen(NamedTuple):
    """The states of counters at one moment.

    :param now: milliseconds on the clock that is common to all processes that share the counters.
    :param states: by key; a counter without an entry is empty.
    """

    now: int
    states: Mapping[Key, State]


class Entry(NamedTuple):
    """The next state of a counter.

    :param until: the moment after which the state has no effect and can be deleted.
    :param held_until: until when the state can make a client wait; other counters are deleted first.
    """

    state: State
    until: int
    held_until: int


#: A pure function from the current states to a result and the next states. It may be called again.
Decision = Callable[[Seen], tuple[T, Mapping[Key, Entry]]]


class Counters(Protocol):
    """Store counters. The rules are in a :data:`Decision`, not here."""

    def read(self, keys: Collection[Key]) -> Seen:
        """Return the states of the counters, without a lock.

        :raises Unavailable: the database does not answer.
        """
        ...

    def change(self, keys: Collection[Key], decide: Decision[T]) -> T:
        """Let *decide* change the counters in one atomic step, and return its result.

        :param keys: all counters that *decide* may read and change.
        :raises Unavailable: the database does not answer.
        """
        ...

    def forget(self) -> None:
        """Delete all counts."""
        ...
