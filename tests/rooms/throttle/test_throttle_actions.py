"""Limits of what costs work or tells something: registering, changing a password, renaming."""

from __future__ import annotations

import pytest

from flask_signet.exceptions import Conflict, InvalidRequest, RateLimited, SignetError, Unavailable, WeakPassword
from flask_signet.throttle import Action, Throttle
from flask_signet.throttle.memory import MemoryCounters
from tests.rooms.throttle.conftest import SECRET, MovedClock
from tests.support.throttling import rate

ACTIONS: tuple[Action, ...] = ("register", "password", "account")


def admitted(
    throttle: Throttle, action: Action, name: str, address: str | None, error: type[SignetError] | None = None
) -> bool:
    """Return whether the block was run."""
    ran = False
    try:
        with throttle.attempt(action, name=name, network=address):
            ran = True
            if error is not None:
                raise error()
    except (RateLimited, SignetError):
        pass
    return ran


@pytest.mark.parametrize("action", ACTIONS)
def test_one_network_has_its_burst_and_then_one_in_each_period(
    throttle: Throttle, moved: MovedClock, action: Action
) -> None:
    allowed = rate(action, "network")
    at_once = sum(admitted(throttle, action, f"user{number}", "192.0.2.1") for number in range(5 * allowed.burst))
    later = 0
    for number in range(10):
        moved.seconds += allowed.every
        later += admitted(throttle, action, f"late{number}", "192.0.2.1")
        later += admitted(throttle, action, f"too soon{number}", "192.0.2.1")

    assert (allowed.burst, 10) == (at_once, later)


@pytest.mark.parametrize("action", ACTIONS)
def test_one_name_has_its_burst_from_all_networks_together(throttle: Throttle, action: Action) -> None:
    count = sum(admitted(throttle, action, "ada", f"10.0.{number // 250}.{number % 250}") for number in range(500))

    assert rate(action, "name").burst == count


@pytest.mark.parametrize("action", ACTIONS)
def test_retry_after_is_when_the_next_try_is_taken(throttle: Throttle, moved: MovedClock, action: Action) -> None:
    while admitted(throttle, action, "ada", None):
        pass
    with pytest.raises(RateLimited) as caught, throttle.attempt(action, name="ada", network=None):
        pass
    moved.seconds += caught.value.retry_after - 1
    before = admitted(throttle, action, "ada", None)
    moved.seconds += 1

    assert (False, True) == (before, admitted(throttle, action, "ada", None))


def test_actions_have_counts_of_their_own(throttle: Throttle) -> None:
    while admitted(throttle, "register", "ada", "192.0.2.1"):
        pass

    assert admitted(throttle, "password", "ada", "192.0.2.1")


def test_ipv6_counts_by_its_64_and_ipv4_by_the_address(throttle: Throttle) -> None:
    burst = rate("register", "network").burst
    six = sum(admitted(throttle, "register", f"a{number}", f"2001:db8::{number:x}") for number in range(3 * burst))
    four = sum(admitted(throttle, "register", f"b{number}", f"192.0.2.{number}") for number in range(3 * burst))

    assert (burst, 3 * burst) == (six, four)


def test_where_there_is_no_address_only_names_count(throttle: Throttle) -> None:
    assert all(admitted(throttle, "register", f"user{number}", None) for number in range(500))


@pytest.mark.parametrize("error", [InvalidRequest, WeakPassword])
def test_what_cost_and_told_nothing_does_not_count(throttle: Throttle, error: type[SignetError]) -> None:
    assert all(admitted(throttle, "register", "ada", "192.0.2.1", error) for _ in range(500))


@pytest.mark.parametrize("error", [Conflict, Unavailable])
def test_the_answers_that_a_name_is_taken_or_the_server_busy_count(
    throttle: Throttle, error: type[SignetError]
) -> None:
    count = sum(admitted(throttle, "register", f"user{number}", "192.0.2.1", error) for number in range(500))

    assert rate("register", "network").burst == count


def test_a_flood_of_names_pushes_no_blocked_one_out(small: MemoryCounters) -> None:
    throttle = Throttle(small, lambda: SECRET)
    while admitted(throttle, "register", "ada", None):
        pass
    for number in range(1_000):
        admitted(throttle, "register", f"user{number}", None)

    assert not admitted(throttle, "register", "ada", None)
    assert small.size("register:name") <= 100


def test_the_memory_stays_bounded_where_every_entry_holds_somebody_up(small: MemoryCounters) -> None:
    throttle = Throttle(small, lambda: SECRET)
    for number in range(150):
        while admitted(throttle, "register", f"user{number}", None):
            pass

    assert small.size("register:name") <= 100


def test_switched_off_nothing_counts() -> None:
    throttle = Throttle.off()

    assert all(admitted(throttle, "register", "ada", "192.0.2.1") for _ in range(500))
