"""Accounts over each kind of store."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from flask_signet.accounts import Accounts, AccountSettings, Passwords, Throttle
from flask_signet.clock import SYSTEM, Clock
from flask_signet.store import Store


@dataclass
class MovedClock:
    """A monotonic clock that stands still until it is moved."""

    seconds: float = 1_000.0

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.seconds)


def cheap() -> Passwords:
    """Passwords with the cheapest hash, as with `TESTING`."""
    return Passwords(AccountSettings(testing=True, passwords_at_once=100), clock=SYSTEM)


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store, cheap(), None)


@pytest.fixture
def file_accounts(file_store: Store) -> Accounts:
    return Accounts(file_store, cheap(), None)


@pytest.fixture
def moved() -> MovedClock:
    return MovedClock()


@pytest.fixture
def throttle(moved: MovedClock) -> Throttle:
    return Throttle(clock=moved.clock)
