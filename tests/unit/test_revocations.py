"""What a worker remembers of revocations: exact at every size, small, and forgetful in time."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.tokens.compact_map import CompactMap
from flask_signet.tokens.revocations import RevocationMemory


def memory(now: int = 1_000) -> RevocationMemory:
    return RevocationMemory(lambda: now)


@pytest.mark.parametrize("small", [0, 3, 1_000])
@given(entries=st.lists(st.tuples(st.text(max_size=8), st.integers(1, 2**32 - 1)), max_size=120))
def test_a_compact_map_answers_as_a_dict_does(small: int, entries: list[tuple[str, int]]) -> None:
    compact = CompactMap(small=small)
    for text, value in entries:
        compact.put(text, value)

    expected = dict(entries)

    assert len(expected) == len(compact)
    assert expected == {text: compact.get(text) for text in expected}
    assert compact.get("never put anywhere") == 0


@pytest.mark.parametrize("small", [0, 3, 1_000])
@given(entries=st.lists(st.tuples(st.text(max_size=2), st.integers(-5, 2**40)), max_size=300))
def test_many_at_once_are_as_good_as_one_by_one(small: int, entries: list[tuple[str, int]]) -> None:
    at_once, one_by_one = CompactMap(small=small), CompactMap(small=small)
    at_once.put_all(entries)
    for text, value in entries:
        one_by_one.put(text, value)

    assert len(at_once) == len(one_by_one)
    assert [at_once.get(text) for text, _ in entries] == [one_by_one.get(text) for text, _ in entries]


def test_a_map_stays_a_dict_up_to_its_small_number_of_entries() -> None:
    compact = CompactMap(small=3)
    for text in "abc":
        compact.put(text, 1)
    assert [] == compact._segments

    compact.put("d", 1)
    assert [] != compact._segments


@pytest.mark.parametrize("value", [-1, 0, 1, 2, 2**32 - 1, 2**32])
def test_a_value_beyond_the_bounds_becomes_the_bound(value: int) -> None:
    compact = CompactMap(small=0)
    compact.put_all([("first", 7), ("a", value)])
    compact.put("b", value)

    expected = min(max(value, 1), 2**32 - 1)

    assert (7, expected, expected) == (compact.get("first"), compact.get("a"), compact.get("b"))


@pytest.mark.parametrize("at_once", [False, True])
def test_every_entry_survives_the_growth_of_its_segment(at_once: bool) -> None:
    compact = CompactMap(small=100)
    if at_once:
        compact.put_all((f"session-{i}", i + 1) for i in range(60_000))
    else:
        for i in range(60_000):
            compact.put(f"session-{i}", i + 1)

    assert len(compact) == 60_000
    assert all(compact.get(f"session-{i}") == i + 1 for i in range(60_000))
    assert not any(compact.get(f"other-{i}") for i in range(60_000))


def test_an_entry_costs_at_most_32_bytes_at_every_size() -> None:
    """Counted in the arrays themselves; the benchmark counts resident memory."""
    compact = CompactMap(small=0)
    for i in range(1, 120_001):
        compact.put(f"session-{i}", 1)
        if i > 20_000 and i % 5_000 == 0:
            arrays: list[array[int]] = [part for s in compact._segments for part in (s.keys, s.values)]
            assert sum(map(sys.getsizeof, arrays)) / i <= 32


@pytest.mark.parametrize("at_once", [False, True])
def test_dead_entries_make_room_instead_of_growth(at_once: bool) -> None:
    compact = CompactMap(small=0)
    for round_ in range(1, 30):

        def dead(value: int, live: int = round_) -> bool:
            return value < live

        if at_once:
            compact.put_all(((f"{round_}-{i}", round_) for i in range(10_000)), dead=dead)
        else:
            for i in range(10_000):
                compact.put(f"{round_}-{i}", round_, dead=dead)

    assert len(compact) < 25_000


def test_where_room_was_made_nothing_grows() -> None:
    compact = CompactMap(small=10)
    compact.put("known before", 3)
    compact.reserve(10)
    assert [] == compact._segments  # so few fit a dict

    compact.reserve(50_000)
    made = list(compact._segments)
    compact.put_all((f"session-{i}", i + 1) for i in range(50_000))
    compact.reserve(50_000)

    assert all(after is before for after, before in zip(compact._segments, made, strict=True))
    assert (50_001, 3, 50_000) == (len(compact), compact.get("known before"), compact.get("session-49999"))


def test_a_memory_forgets_what_is_over_while_it_learns() -> None:
    now = 0
    known = RevocationMemory(lambda: now)
    for now in range(1, 8):
        known.end_sessions(((f"{now}-{i}", now + 1) for i in range(30_000)), about=30_000)

    assert len(known) < 110_000
    assert known.is_revoked({"sid": "7-0"})


def test_sessions_and_users_are_counted_together() -> None:
    known = memory()
    known.end_sessions([("a", 2_000), ("b", 2_000)])
    known.raise_epochs([("1", 2)])

    assert len(known) == 3


def test_sweeping_all_segments_forgets_all_that_is_dead() -> None:
    compact = CompactMap(small=0)
    for i in range(5_000):
        compact.put(f"session-{i}", 1 + i % 2)
    for _ in range(256):
        compact.sweep(lambda value: value == 1)

    assert len(compact) == 2_500
    assert all(compact.get(f"session-{i}") == 2 for i in range(1, 5_000, 2))


def test_sweeping_a_segment_in_which_nothing_died_leaves_it_as_it_is() -> None:
    compact = CompactMap(small=0)
    for i in range(1_000):
        compact.put(f"session-{i}", 1)
    before = list(compact._segments)
    for _ in range(256):
        compact.sweep(lambda value: value == 2)

    assert all(after is segment for after, segment in zip(compact._segments, before, strict=True))


def test_an_ended_session_is_refused_and_another_is_not() -> None:
    known = memory()
    known.end_sessions([("a", 2_000)])

    assert known.is_revoked({"sub": "1", "sid": "a", "epoch": 0})
    assert not known.is_revoked({"sub": "1", "sid": "b", "epoch": 0})
    assert not known.is_revoked({"sub": "1"})


def test_a_session_is_known_to_have_ended_by_its_id_alone() -> None:
    known = memory()
    known.end_sessions([("one", 2_000)])

    assert [known.has_ended(sid) for sid in ("one", "two", "")] == [True, False, False]


def test_tokens_of_an_older_epoch_are_refused() -> None:
    known = memory()
    known.raise_epochs([("1", 2)])

    assert known.is_revoked({"sub": "1", "epoch": 1})
    assert not known.is_revoked({"sub": "1", "epoch": 2})
    assert not known.is_revoked({"sub": "2", "epoch": 0})


def test_the_canonical_id_of_the_user_counts_before_the_identity() -> None:
    known = memory()
    known.raise_epochs([("5", 2)])

    assert known.is_revoked({"sub": "ada@example.com", "sub_user": "5", "epoch": 1})
    assert not known.is_revoked({"sub": "5", "sub_user": "6", "epoch": 1})
    assert known.is_revoked({"user": "5", "epoch": 1}, "user")


@pytest.mark.parametrize("epoch", [None, True, "9", 9.0, [9]])
def test_an_epoch_that_is_no_number_counts_as_the_first(epoch: object) -> None:
    known = memory()
    known.raise_epochs([("1", 1)])

    assert known.is_revoked({"sub": "1", "epoch": epoch})


def test_a_token_of_nobody_has_no_epoch() -> None:
    known = memory()
    known.raise_epochs([("None", 1)])

    assert not known.is_revoked({})
    assert known.is_revoked({"sub": "None"})


def test_a_token_without_a_subject_is_judged_as_one_of_the_empty_subject() -> None:
    known = memory()
    known.raise_epochs([("", 1)])

    assert known.is_revoked({})
    assert not known.is_revoked({"epoch": 1})


def test_an_epoch_never_goes_down() -> None:
    known = memory()
    known.raise_epochs([("1", 3), ("1", 2)])

    assert known.epoch("1") == 3


def test_the_floor_lifts_everybody() -> None:
    known = memory()
    known.raise_epochs([("1", 2)])
    known.set_floor(100)

    assert (known.epoch("1"), known.epoch("2")) == (102, 100)
    assert known.is_revoked({"sub": "2", "epoch": 99})


def test_an_entry_is_forgotten_after_its_time() -> None:
    now = 1_000
    known = RevocationMemory(lambda: now)
    known.end_sessions([("a", 1_500), ("b", 3_000)])
    now = 1_500
    known.sweep()

    assert not known.is_revoked({"sub": "1", "sid": "a"})
    assert known.is_revoked({"sub": "1", "sid": "b"})


def test_a_store_that_went_back_revives_no_session() -> None:
    before = memory()
    before.end_sessions([("a", 2_000)])
    before.raise_epochs([("1", 5)])
    after = memory()
    after.keep_sessions_of(before)
    after.raise_epochs([("1", 3)])

    assert after.is_revoked({"sub": "1", "sid": "a", "epoch": 3})
    assert after.epoch("1") == 3


def test_what_came_before_the_store_failed_counts() -> None:
    def failing(*before: tuple[str, int]) -> Iterator[tuple[str, int]]:
        yield from before
        raise OSError("the store does not answer")

    sessions, epochs = memory(), memory()
    with pytest.raises(OSError, match="does not answer"):
        sessions.end_sessions(failing(("a", 2_000)))
    with pytest.raises(OSError, match="does not answer"):
        epochs.raise_epochs(failing(("1", 5)))

    assert sessions.is_revoked({"sub": "1", "sid": "a"})
    assert epochs.is_revoked({"sub": "1", "epoch": 4})


def test_each_kind_of_revocation_counts_alone() -> None:
    floor, kept, empty = memory(), memory(), memory()
    floor.set_floor(3)
    ended = memory()
    ended.end_sessions([("a", 2_000)])
    kept.keep_sessions_of(ended)

    assert floor.is_revoked({"sub": "1", "epoch": 2})
    assert kept.is_revoked({"sub": "1", "sid": "a"})
    assert not empty.is_revoked({"sub": "1", "sid": "a", "epoch": 0})
