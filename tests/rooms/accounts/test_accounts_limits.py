"""Limits of what costs work or tells something: registering, changing a password, renaming."""

from __future__ import annotations

import pytest

from flask_signet.accounts import limits as module
from flask_signet.accounts.limits import POLICIES, Action, Limits
from flask_signet.exceptions import Conflict, InvalidRequest, RateLimited, SignetError, Unavailable, WeakPassword
from tests.rooms.accounts.conftest import MovedClock


@pytest.fixture
def limits(moved: MovedClock) -> Limits:
    return Limits(clock=moved.clock)


def admitted(
    limits: Limits, action: Action, name: str, address: str | None, error: type[SignetError] | None = None
) -> bool:
    """Return whether the block was run."""
    ran = False
    try:
        with limits.attempt(action, name=name, address=address):
            ran = True
            if error is not None:
                raise error()
    except (RateLimited, SignetError):
        pass
    return ran


@pytest.mark.parametrize("action", POLICIES)
def test_one_network_has_its_burst_and_then_one_in_each_period(
    limits: Limits, moved: MovedClock, action: Action
) -> None:
    rate = POLICIES[action].network
    at_once = sum(admitted(limits, action, f"user{number}", "192.0.2.1") for number in range(5 * rate.burst))
    later = 0
    for number in range(10):
        moved.seconds += rate.every
        later += admitted(limits, action, f"late{number}", "192.0.2.1")
        later += admitted(limits, action, f"too soon{number}", "192.0.2.1")

    assert (rate.burst, 10) == (at_once, later)


@pytest.mark.parametrize("action", POLICIES)
def test_one_name_has_its_burst_from_all_networks_together(limits: Limits, action: Action) -> None:
    count = sum(admitted(limits, action, "ada", f"10.0.{number // 250}.{number % 250}") for number in range(500))

    assert POLICIES[action].name.burst == count


@pytest.mark.parametrize("action", POLICIES)
def test_retry_after_is_when_the_next_try_is_taken(limits: Limits, moved: MovedClock, action: Action) -> None:
    while admitted(limits, action, "ada", None):
        pass
    with pytest.raises(RateLimited) as caught, limits.attempt(action, name="ada", address=None):
        pass
    moved.seconds += caught.value.retry_after - 1
    before = admitted(limits, action, "ada", None)
    moved.seconds += 1

    assert (False, True) == (before, admitted(limits, action, "ada", None))


def test_actions_have_counts_of_their_own(limits: Limits) -> None:
    while admitted(limits, "register", "ada", "192.0.2.1"):
        pass

    assert admitted(limits, "password", "ada", "192.0.2.1")


def test_ipv6_counts_by_its_64_and_ipv4_by_the_address(limits: Limits) -> None:
    burst = POLICIES["register"].network.burst
    six = sum(admitted(limits, "register", f"a{number}", f"2001:db8::{number:x}") for number in range(3 * burst))
    four = sum(admitted(limits, "register", f"b{number}", f"192.0.2.{number}") for number in range(3 * burst))

    assert (burst, 3 * burst) == (six, four)


def test_where_there_is_no_address_only_names_count(limits: Limits) -> None:
    assert all(admitted(limits, "register", f"user{number}", None) for number in range(500))


@pytest.mark.parametrize("error", [InvalidRequest, WeakPassword])
def test_what_cost_and_told_nothing_does_not_count(limits: Limits, error: type[SignetError]) -> None:
    assert all(admitted(limits, "register", "ada", "192.0.2.1", error) for _ in range(500))


@pytest.mark.parametrize("error", [Conflict, Unavailable])
def test_the_answers_that_a_name_is_taken_or_the_server_busy_count(limits: Limits, error: type[SignetError]) -> None:
    count = sum(admitted(limits, "register", f"user{number}", "192.0.2.1", error) for number in range(500))

    assert POLICIES["register"].network.burst == count


def test_a_flood_of_names_pushes_no_blocked_one_out(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 100)
    while admitted(limits, "register", "ada", None):
        pass
    for number in range(1_000):
        admitted(limits, "register", f"user{number}", None)

    assert not admitted(limits, "register", "ada", None)
    assert len(limits._names["register"]._full_at) <= 100


def test_the_memory_stays_bounded_where_every_entry_holds_somebody_up(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 40)
    for number in range(100):
        while admitted(limits, "register", f"user{number}", None):
            pass

    assert len(limits._names["register"]._full_at) <= 40


def test_switched_off_nothing_counts(moved: MovedClock) -> None:
    limits = Limits(clock=moved.clock, enabled=False)

    assert all(admitted(limits, "register", "ada", "192.0.2.1") for _ in range(500))
