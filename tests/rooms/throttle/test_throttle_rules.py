"""The rules as functions of the state and the time, where the clock did what it should not."""

from __future__ import annotations

import pytest

from flask_signet.throttle.policies import LOGINS, NAME
from flask_signet.throttle.ports import NOBODY, State, Tally

NOW = 1_000_000_000
YEAR = 365 * 86_400_000


def failures(number: int, at: int) -> State:
    return (Tally(NOBODY, number, at),)


def test_a_failure_from_a_future_that_a_clock_set_back_left_holds_nobody_up() -> None:
    """Otherwise a server that started under a wrong clock once would lock its users out for years."""
    assert NAME.wait(failures(30, NOW), NOW) > 0
    assert NAME.wait(failures(30, NOW + YEAR), NOW) == 0
    assert NAME.add(failures(30, NOW + YEAR), NOW) == failures(1, NOW)


def test_a_bucket_that_is_full_in_a_year_is_empty() -> None:
    assert LOGINS.wait(failures(0, NOW + 60_000), NOW) > 0
    assert LOGINS.wait(failures(0, NOW + YEAR), NOW) == 0


@pytest.mark.parametrize("ahead", [1, 500, 3_000])
def test_two_clocks_a_little_apart_make_no_wait_longer_than_the_policy_says(ahead: int) -> None:
    number = NAME.free + 2

    assert NAME.wait(failures(number, NOW + ahead), NOW) == 4_000
    assert NAME.wait(failures(number, NOW), NOW) == 4_000


def test_a_state_says_until_when_it_matters() -> None:
    state = failures(NAME.free, NOW)

    assert NAME.until(state) == NOW + NAME.memory * 1_000
    assert NAME.held_until(state) == NAME.until(state)
    assert NAME.held_until(failures(NAME.free - 1, NOW)) == 0
    assert NAME.wait(state, NAME.until(state) + 1) == 0
