"""Counters in the memory of one process. With W worker processes a guesser has up to W times the attempts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from typing import TypeVar

from flask_signet.clock import Clock
from flask_signet.per_process import PerProcess
from flask_signet.throttle.ports import Decision, Entry, Key, Seen, State

T = TypeVar("T")

MAX_ENTRIES = 50_000  # of each kind
_LOOKS = 16  # how many entries are examined to find one that can be removed


class MemoryCounters:
    """Counters in the memory of one process, a limited number of each kind.

    :param most: the maximum number of counters of each kind.
    """

    def __init__(self, clock: Clock, *, most: int = MAX_ENTRIES) -> None:
        self._clock = clock
        self._most = most
        self._lock = PerProcess(threading.Lock)
        self._tables: dict[str, OrderedDict[bytes, Entry]] = {}

    def read(self, keys: Collection[Key]) -> Seen:
        """Return the states of the counters."""
        with self._lock():
            return self._seen(keys)

    def change(self, keys: Collection[Key], decide: Decision[T]) -> T:
        """Let *decide* change the counters while no other thread can."""
        with self._lock():
            seen = self._seen(keys)
            result, changes = decide(seen)
            for key, entry in changes.items():
                table = self._tables.setdefault(key.kind, OrderedDict())
                table.pop(key.digest, None)
                if entry.state:
                    table[key.digest] = entry
                    self._make_room(table, seen.now)
        return result

    def forget(self) -> None:
        """Delete all counts."""
        with self._lock():
            self._tables.clear()

    def size(self, kind: str) -> int:
        """Return the number of counters of one kind."""
        return len(self._tables.get(kind, ()))

    def _seen(self, keys: Collection[Key]) -> Seen:
        states: dict[Key, State] = {}
        for key in keys:
            table = self._tables.get(key.kind)
            if table is not None and key.digest in table:
                # A counter that is read is in use: others are removed first.
                table.move_to_end(key.digest)
                states[key] = table[key.digest].state
        return Seen(int(self._clock.monotonic() * 1_000), states)

    def _make_room(self, table: OrderedDict[bytes, Entry], now: int) -> None:
        """Remove an old entry if there are too many, if possible one that makes no client wait.

        Otherwise a flood of new names would remove the entry of the name that is being guessed.
        """
        if len(table) <= self._most:
            return
        for _ in range(_LOOKS):
            digest, entry = next(iter(table.items()))
            if entry.held_until < now:
                break
            table.move_to_end(digest)
        table.popitem(last=False)
