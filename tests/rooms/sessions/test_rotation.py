"""The six cases of a presented refresh token, each at both sides of its border."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.clock import Moment
from flask_signet.sessions.rotation import Decision, Snapshot, decide, is_over, pack, push, unpack

GRACE = 30_000
NOW = 1_000_000_000

ROW = Snapshot(
    generation=5,
    exchanged=(NOW - 10_000, NOW - 100_000, NOW - 200_000),
    used_at=NOW - 10_000,
    idle_ends_at=NOW + 1_000,
    ends_at=NOW + 2_000,
    ended=False,
)


def at(moment: int, *, waited: int = 0) -> Moment:
    return Moment(arrived=moment - waited, now=moment, today=moment, here=moment)


def judge(generation: int, row: Snapshot = ROW, moment: Moment | None = None, grace_ms: int = GRACE) -> Decision:
    return decide(row, generation, moment or at(NOW), grace_ms=grace_ms)


def test_the_current_generation_is_exchanged() -> None:
    assert judge(5) is Decision.ROTATE


def test_one_exchanged_within_the_grace_gives_the_same_again() -> None:
    assert judge(4) is Decision.SAME


@pytest.mark.parametrize(("age", "expected"), [(GRACE - 1, Decision.SAME), (GRACE, Decision.THEFT)])
def test_the_grace_ends_to_the_millisecond(age: int, expected: Decision) -> None:
    row = ROW._replace(exchanged=(NOW - age,))

    assert judge(4, row) is expected


def test_any_of_the_last_sixteen_has_its_own_grace() -> None:
    row = ROW._replace(generation=40, exchanged=tuple(NOW - 1_900 * i for i in range(16)))

    assert [judge(39 - i, row) for i in range(16)] == [Decision.SAME] * 16
    assert judge(23, row) is Decision.THEFT


def test_an_older_one_is_theft() -> None:
    assert judge(3) is Decision.THEFT
    assert judge(0) is Decision.THEFT


def test_no_grace_means_none() -> None:
    assert judge(4, grace_ms=0) is Decision.THEFT
    assert judge(4, ROW._replace(exchanged=(NOW + 1,)), grace_ms=0) is Decision.THEFT
    assert judge(5, grace_ms=0) is Decision.ROTATE


def test_a_request_that_waited_is_judged_by_its_arrival() -> None:
    row = ROW._replace(exchanged=(NOW - GRACE - 50_000,))

    assert judge(4, row, at(NOW, waited=60_000)) is Decision.SAME
    assert judge(4, row, at(NOW, waited=0)) is Decision.THEFT


def test_an_exchange_in_the_far_future_proves_nothing_about_age() -> None:
    row = ROW._replace(exchanged=(NOW + 86_400_000,))

    assert judge(4, row) is Decision.THEFT


def test_clocks_of_two_workers_may_differ_a_little() -> None:
    row = ROW._replace(exchanged=(NOW + 2_000,))

    assert judge(4, row) is Decision.SAME


@pytest.mark.parametrize(("ahead", "expected"), [(5_000, Decision.SAME), (5_001, Decision.THEFT)])
def test_five_seconds_are_the_most_that_clocks_may_differ(ahead: int, expected: Decision) -> None:
    assert judge(4, ROW._replace(exchanged=(NOW + ahead,))) is expected


def test_a_token_newer_than_the_row_says_that_the_store_went_back() -> None:
    assert judge(6) is Decision.WENT_BACK


def test_a_storm_gets_the_same_token_and_calm_ends_it() -> None:
    storm = ROW._replace(generation=20, exchanged=tuple(NOW - 100 * i for i in range(16)))

    assert judge(20, storm) is Decision.SAME
    assert judge(20, storm, at(NOW, waited=0), grace_ms=1_501) is Decision.SAME
    assert judge(20, storm, at(NOW, waited=0), grace_ms=1_500) is Decision.ROTATE
    calm = storm._replace(idle_ends_at=NOW + 10**6, ends_at=NOW + 10**6)
    assert judge(20, calm, at(NOW - 1_500 + GRACE)) is Decision.ROTATE


def test_fifteen_exchanges_are_no_storm() -> None:
    busy = ROW._replace(generation=20, exchanged=tuple(NOW - i for i in range(15)))

    assert judge(20, busy) is Decision.ROTATE


@pytest.mark.parametrize("generation", [3, 4, 5, 6])
def test_an_ended_session_stays_ended_whatever_comes(generation: int) -> None:
    assert judge(generation, ROW._replace(ended=True)) is Decision.ENDED


@pytest.mark.parametrize("field", ["idle_ends_at", "ends_at"])
def test_both_ends_hold_to_the_millisecond(field: str) -> None:
    row = ROW._replace(**{"idle_ends_at": NOW + 9, "ends_at": NOW + 9, field: NOW})

    assert is_over(row, NOW) is Decision.EXPIRED
    assert is_over(row, NOW - 1) is None


def test_a_clock_that_goes_back_revives_no_session() -> None:
    """The row was used later than "today": so the row is right."""
    row = ROW._replace(used_at=NOW, idle_ends_at=NOW)

    assert is_over(row, NOW - 86_400_000) is Decision.EXPIRED


def test_a_session_that_ran_out_of_generations_is_over() -> None:
    assert judge(2**32 - 1, ROW._replace(generation=2**32 - 1)) is Decision.EXPIRED


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=16).map(tuple))
def test_times_survive_the_row(times: tuple[int, ...]) -> None:
    assert unpack(pack(times)) == times


def test_sixteen_times_fill_a_row() -> None:
    times = tuple(range(NOW, NOW - 16, -1))

    assert unpack(pack(times)) == times


@pytest.mark.parametrize("blob", [b"1234567", b"x" * 136])
def test_a_foreign_blob_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a list of exchange times$"):
        unpack(blob)


def test_only_the_last_sixteen_exchanges_are_kept() -> None:
    times: tuple[int, ...] = ()
    for moment in range(40):
        times = push(times, moment)

    assert times == tuple(range(39, 23, -1))
