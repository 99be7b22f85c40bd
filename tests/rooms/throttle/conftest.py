"""Throttles over each kind of counters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flask_signet.clock import Clock
from flask_signet.store import Store, StoreSettings
from flask_signet.throttle import Throttle
from flask_signet.throttle.memory import MemoryCounters
from flask_signet.throttle.ports import Counters
from flask_signet.throttle.sql import SqlCounters

SECRET = bytes(range(32))


@dataclass
class MovedClock:
    """A monotonic clock that stands still until it is moved."""

    seconds: float = 1_000.0

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.seconds)

    def milliseconds(self) -> int:
        return int(self.seconds * 1_000)


@pytest.fixture
def moved() -> MovedClock:
    return MovedClock()


@pytest.fixture(params=["memory", "sql"])
def counters(request: pytest.FixtureRequest, moved: MovedClock, folder: Path) -> Iterator[Counters]:
    """Counters whose time stands still: what a test says of the rule holds for both kinds."""
    if request.param == "memory":
        yield MemoryCounters(moved.clock)
        return
    store = Store(StoreSettings(folder=folder))
    yield SqlCounters(store, now=moved.milliseconds)
    store.dispose()


@pytest.fixture
def throttle(counters: Counters) -> Throttle:
    return Throttle(counters, lambda: SECRET)


@pytest.fixture
def in_memory(moved: MovedClock) -> Throttle:
    """For what takes thousands of tries."""
    return Throttle.in_memory(moved.clock)


@pytest.fixture
def small(moved: MovedClock) -> MemoryCounters:
    """Counters with little room in memory."""
    return MemoryCounters(moved.clock, most=100)
