"""The rules and the decision as functions of the state and the time, also where the clock did what it should not."""

from __future__ import annotations

import pytest

from flask_signet.throttle.policies import LOGINS, NAME
from flask_signet.throttle.ports import NOBODY, Entry, Key, Seen, State, Tally
from flask_signet.throttle.rules import Counter, Places, Rate, Try, Waits

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


# --- Waits after failures ---------------------------------------------------------------------------

WAITS = Waits(free=2, longest=5, memory=60)
ADA, BEN = b"a" * 16, b"b" * 16


@pytest.mark.parametrize(("number", "seconds"), [(1, 0), (2, 1), (3, 2), (4, 4), (5, 5), (6, 5), (10**6, 5)])
def test_each_failure_doubles_the_wait_up_to_the_longest(number: int, seconds: int) -> None:
    assert WAITS.wait(failures(number, NOW), NOW) == seconds * 1_000


def test_a_wait_ends_to_the_millisecond() -> None:
    state = failures(3, NOW)

    assert [WAITS.wait(state, NOW + ms) for ms in (1, 1_999, 2_000, 2_001)] == [1_999, 1, 0, 0]


def test_failures_on_all_users_of_a_name_wait_together_from_the_last() -> None:
    state = (Tally(ADA, 2, NOW), Tally(BEN, 1, NOW - 500))

    assert WAITS.wait(state, NOW) == 2_000
    assert WAITS.wait(state, NOW + 1_999) == 1


def test_failures_are_counted_for_their_user_alone() -> None:
    state = WAITS.add(WAITS.add(WAITS.add((), NOW, ADA), NOW + 1, BEN), NOW + 2, ADA)

    assert set(state) == {Tally(ADA, 2, NOW + 2), Tally(BEN, 1, NOW + 1)}
    assert set(WAITS.take_back(state, ADA)) == {Tally(ADA, 1, NOW + 2), Tally(BEN, 1, NOW + 1)}
    assert WAITS.clear(state, ADA) == (Tally(BEN, 1, NOW + 1),)
    assert WAITS.clear(state, NOBODY) == state


def test_no_more_failures_are_taken_back_than_were_counted() -> None:
    assert WAITS.take_back(WAITS.take_back(failures(1, NOW))) == failures(0, NOW)


def test_thirty_two_users_of_one_name_are_counted_apart_and_more_together() -> None:
    state: State = ()
    for n in range(34):
        state = WAITS.add(state, NOW, bytes([n + 1]) * 16)

    assert len(state) == 33
    assert {tally.user: tally.number for tally in state}[NOBODY] == 2
    assert WAITS.add(state, NOW, bytes([1]) * 16)[-1] == Tally(bytes([1]) * 16, 2, NOW)


@pytest.mark.parametrize(("moved", "number"), [(60_000, 4), (60_001, 1), (-5_000, 4), (-5_001, 1)])
def test_failures_are_remembered_as_long_as_the_rule_says_and_no_longer(moved: int, number: int) -> None:
    (tally,) = WAITS.add(failures(3, NOW), NOW + moved)

    assert tally == Tally(NOBODY, number, NOW + moved)
    assert bool(WAITS.wait(failures(3, NOW), NOW + moved)) is (moved == -5_000)


# --- Rates ------------------------------------------------------------------------------------------

RATE = Rate(burst=3, every=1.5)


def test_a_rate_takes_its_burst_and_then_one_in_each_period() -> None:
    state: State = ()
    for _ in range(3):
        assert RATE.wait(state, NOW) == 0
        state = RATE.add(state, NOW, ADA)

    assert state == (Tally(NOBODY, 0, NOW + 4_500),)
    assert [RATE.wait(state, NOW + ms) for ms in (0, 1_499, 1_500, 9_999)] == [1_500, 1, 0, 0]
    assert RATE.wait(RATE.take_back(state, ADA), NOW) == 0
    assert (RATE.until(state), RATE.held_until(state)) == (NOW + 4_500, NOW + 1_500)


def test_a_bucket_is_believed_to_be_full_and_not_to_be_fuller() -> None:
    assert RATE.wait(failures(0, NOW + 4_500), NOW) == 1_500
    assert RATE.wait(failures(0, NOW + 4_501), NOW) == 0
    assert RATE.add(failures(0, NOW + 4_501), NOW) == failures(0, NOW + 1_500)
    assert RATE.add(failures(0, NOW - 10_000), NOW) == failures(0, NOW + 1_500)


def test_many_clients_have_a_burst_and_a_pace_as_many_times_as_large() -> None:
    assert RATE.times(10) == Rate(burst=30, every=0.15)


# --- Places -----------------------------------------------------------------------------------------


def test_a_network_is_known_for_as_long_as_it_is_remembered() -> None:
    places = Places(memory=60)
    state = places.remember(NOW)

    assert state == failures(0, NOW)
    assert [places.known(state, NOW + ms) for ms in (0, 60_000, 60_001)] == [True, True, False]
    assert not places.known((), -1)
    assert (places.until(state), places.held_until(state)) == (NOW + 60_000, 0)


# --- The decision about an attempt -------------------------------------------------------------------

PAIR, NAMED, BUCKET, PLACE = (Key(f"test:{kind}", kind.encode()) for kind in ("pair", "name", "user", "place"))
HOME = Places(memory=60)
ATTEMPT = Try(
    counted=(
        (PAIR, Counter(by="pair", rule=WAITS, after_success="clear")),
        (NAMED, Counter(by="name", rule=WAITS, after_success="take_back", known_pass=True)),
        (BUCKET, Counter(by="user", rule=RATE)),
    ),
    keys=(PAIR, NAMED, BUCKET, PLACE),
    user=ADA,
    place=(PLACE, HOME),
)


def seen(states: dict[Key, State] | None = None) -> Seen:
    return Seen(NOW, states or {})


def test_an_attempt_waits_for_the_counter_that_waits_longest() -> None:
    assert ATTEMPT.wait(seen()) == 0
    assert ATTEMPT.wait(seen({PAIR: failures(2, NOW), NAMED: failures(4, NOW)})) == 4_000
    assert ATTEMPT.wait(seen({PAIR: failures(4, NOW), NAMED: failures(2, NOW)})) == 4_000
    assert Try(counted=(), keys=()).wait(seen()) == 0


def test_at_a_known_place_only_what_counts_there_makes_wait() -> None:
    known = HOME.remember(NOW)

    assert ATTEMPT.wait(seen({NAMED: failures(4, NOW), PLACE: known})) == 0
    assert ATTEMPT.wait(seen({PAIR: failures(3, NOW), NAMED: failures(4, NOW), PLACE: known})) == 2_000
    assert ATTEMPT.wait(seen({NAMED: failures(4, NOW), PLACE: HOME.remember(NOW - 60_001)})) == 4_000


def test_an_attempt_that_is_admitted_counts_everywhere_and_another_nowhere() -> None:
    once = (Tally(ADA, 1, NOW),)
    until = NOW + WAITS.memory * 1_000
    bucket = failures(0, NOW + 1_500)

    assert ATTEMPT.admit(seen()) == (
        0,
        {
            PAIR: Entry(once, until, 0),
            NAMED: Entry(once, until, 0),
            BUCKET: Entry(bucket, NOW + 1_500, NOW - 1_500),
        },
    )
    assert ATTEMPT.admit(seen({PAIR: failures(2, NOW - 999)})) == (1, {})


def test_an_attempt_counts_on_top_of_those_before() -> None:
    _, changes = ATTEMPT.admit(seen({PAIR: failures(1, NOW - 10), BUCKET: failures(0, NOW + 1_000)}))

    assert set(changes[PAIR].state) == {Tally(NOBODY, 1, NOW - 10), Tally(ADA, 1, NOW)}
    assert changes[BUCKET].state == failures(0, NOW + 2_500)


def test_without_a_place_no_counter_is_passed_over() -> None:
    nowhere = Try(counted=ATTEMPT.counted, keys=ATTEMPT.keys, user=ADA)

    assert nowhere.wait(seen({NAMED: failures(4, NOW), PLACE: HOME.remember(NOW)})) == 4_000


def test_a_success_undoes_what_its_counter_says_and_remembers_the_place() -> None:
    mixed = (Tally(ADA, 2, NOW), Tally(BEN, 1, NOW))
    states = {PAIR: mixed, NAMED: mixed, BUCKET: failures(0, NOW)}
    _, changes = ATTEMPT.succeed(seen(states))

    assert {key: entry.state for key, entry in changes.items()} == {
        PAIR: (Tally(BEN, 1, NOW),),
        NAMED: (Tally(ADA, 1, NOW), Tally(BEN, 1, NOW)),
        PLACE: failures(0, NOW),
    }
    assert changes[NAMED][1:] == (NOW + 60_000, NOW + 60_000)
    assert changes[PLACE][1:] == (NOW + 60_000, 0)


def test_a_success_changes_no_counter_that_was_pushed_out() -> None:
    _, changes = ATTEMPT.succeed(seen({NAMED: failures(1, NOW)}))

    assert set(changes) == {NAMED, PLACE}
    assert Try(counted=ATTEMPT.counted, keys=ATTEMPT.keys).succeed(seen())[1] == {}


def test_a_rate_takes_a_success_back_where_failures_would_be_cleared() -> None:
    attempt = Try(counted=((BUCKET, Counter(by="user", rule=RATE, after_success="clear")),), keys=(BUCKET,))

    assert attempt.succeed(seen({BUCKET: failures(0, NOW + 3_000)}))[1][BUCKET].state == failures(0, NOW + 1_500)


def test_an_attempt_that_was_not_decided_is_taken_back_everywhere() -> None:
    states = {PAIR: (Tally(ADA, 2, NOW), Tally(BEN, 1, NOW)), BUCKET: failures(0, NOW + 3_000)}
    _, changes = ATTEMPT.take_back(seen(states))

    assert {key: entry.state for key, entry in changes.items()} == {
        PAIR: (Tally(ADA, 1, NOW), Tally(BEN, 1, NOW)),
        BUCKET: failures(0, NOW + 1_500),
    }
    assert changes[BUCKET][1:] == (NOW + 1_500, NOW - 1_500)
