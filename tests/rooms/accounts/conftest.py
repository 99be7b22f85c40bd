"""Accounts over each kind of store."""

from __future__ import annotations

import pytest

from flask_signet.accounts import Accounts, AccountSettings, Passwords
from flask_signet.accounts.service import built_in_accounts
from flask_signet.clock import SYSTEM
from flask_signet.events import Events
from flask_signet.store import Store
from flask_signet.throttle import Throttle
from tests.rooms.throttle.conftest import MovedClock


def cheap() -> Passwords:
    """Passwords with the cheapest hash, as with `TESTING`."""
    return Passwords(AccountSettings(testing=True, passwords_at_once=100), clock=SYSTEM)


@pytest.fixture
def events(store: Store) -> Events:
    return Events(store)


@pytest.fixture
def accounts(store: Store, events: Events) -> Accounts:
    return built_in_accounts(store, cheap(), None, events)


@pytest.fixture
def file_accounts(file_store: Store) -> Accounts:
    return built_in_accounts(file_store, cheap(), None)


@pytest.fixture
def moved() -> MovedClock:
    return MovedClock()


@pytest.fixture
def throttle(moved: MovedClock) -> Throttle:
    return Throttle.in_memory(moved.clock)
