"""What a counter holds, and what keeps the counters: the memory of a process, or the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")

NOBODY = bytes(16)  # the user of a try that is aimed at a name without one


class Tally(NamedTuple):
    """What one user has in a counter.

    :param user: 16 bytes that stand for the user, or :data:`NOBODY`.
    :param number: how many tries.
    :param at: milliseconds; the rule of the counter says of what.
    """

    user: bytes
    number: int
    at: int


#: What one counter holds, one tally for each user; empty: nothing was counted.
State = tuple[Tally, ...]


class Key(NamedTuple):
    """Names one counter.

    :param kind: the action and what it is counted by, such as ``"login:pair"``.
    :param digest: 16 bytes that stand for the name, the network or the user.
    """

    kind: str
    digest: bytes


class Seen(NamedTuple):
    """What counters held at one moment.

    :param now: milliseconds by the clock that all who share the counters share.
    :param states: by key; a counter without an entry is empty.
    """

    now: int
    states: Mapping[Key, State]


class Entry(NamedTuple):
    """What a counter is to hold.

    :param until: the moment after which it says nothing any more and can be deleted.
    :param held_until: it can make a client wait until then: others are deleted first.
    """

    state: State
    until: int
    held_until: int


#: A pure function from what is seen to a result and to what the counters hold next; it may be called again.
Decision = Callable[[Seen], tuple[T, Mapping[Key, Entry]]]


class Counters(Protocol):
    """Keeps the counters. They know no rule: a :data:`Decision` has it."""

    def read(self, keys: Collection[Key]) -> Seen:
        """Return what the counters hold; nothing is locked.

        :raises Unavailable: the database does not answer.
        """
        ...

    def change(self, keys: Collection[Key], decide: Decision[T]) -> T:
        """Let *decide* change the counters in one atomic step, and return its result.

        :param keys: all that *decide* may look at and change.
        :raises Unavailable: the database does not answer.
        """
        ...

    def forget(self) -> None:
        """Empty every counter."""
        ...
