"""The time for an attacker's bytes grows with their length, not with its square."""

from __future__ import annotations

import gc
import re
import time

import pytest

from flask_signet.tokens import strict_json
from tests.attacks.entry_points import EntryPoint, entry_points
from tests.attacks.shapes import JSON, Shape, shapes

# At most: on a busy machine few rounds do not meet an undisturbed moment of both lengths. The first good one ends it.
ROUNDS = 201
DOUBLINGS = 3
FLOOR = 300e-6  # seconds: below it the clock and the caches decide, and what stays below it is no attack

ENTRY_POINTS = list(entry_points())


def seconds(entry: EntryPoint, text: str, best: float = float("inf")) -> float:
    begin = time.thread_time()
    entry.judge(text)
    return min(best, time.thread_time() - begin)


def growth(entry: EntryPoint, shape: Shape, length: int, most: float) -> float:
    """Return by how much twice the length takes longer, up to *length*.

    One doubling can cross a step that has nothing to do with growth: a buffer that no longer fits in a cache, or a
    string that happens to be base64 at one length and not at the other. So more than *most* is measured again over
    three doublings, and the mean of one of them is returned. Code that takes the square of the length takes four times
    as long at each of them.
    """
    once = _ratio(entry, shape.make(length // 2), shape.make(length), most)
    if once <= most:
        return once
    part = 2 ** (DOUBLINGS - 1)
    several = _ratio(entry, shape.make(length // part // 2), shape.make(length), most**DOUBLINGS, FLOOR / part)
    return several ** (1 / DOUBLINGS)


def _ratio(entry: EntryPoint, shorter: str, longer: str, most: float, floor: float = FLOOR) -> float:
    """Return how much longer the longer one takes; the best of some rounds of each, fewer if these are good."""
    low = high = float("inf")
    gc.disable()  # what others left behind would be counted
    try:
        for _ in range(ROUNDS):
            low, high = seconds(entry, shorter, low), seconds(entry, longer, high)
            if high <= most * max(low, floor) / 1.1:
                break
    finally:
        gc.enable()
    return high / max(low, floor)


@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=str)
def test_twice_the_length_takes_no_more_than_three_times_as_long(entry: EntryPoint) -> None:
    """Up to the limit of the entry point, for a sample of the shapes."""
    for shape in shapes(entry.grammar, pairs=1):
        assert growth(entry, shape, entry.limit, 3.0) <= 3.0, shape.name


@pytest.mark.parametrize("entry", [entry for entry in ENTRY_POINTS if entry.sent], ids=str)
def test_beyond_its_limit_a_header_takes_no_more_than_at_it(entry: EntryPoint) -> None:
    """It is refused unread: four times as much takes at most three times as long."""
    assert entry.sent is not None
    for shape in shapes(entry.grammar, pairs=1):
        assert _ratio(entry, shape.make(entry.limit), shape.make(entry.sent), 3.0) <= 3.0, shape.name


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=str)
def test_twice_the_length_takes_about_twice_as_long(entry: EntryPoint) -> None:
    """Every shape, and every pair of pieces."""
    for shape in shapes(entry.grammar):
        assert growth(entry, shape, entry.limit, 2.3) <= 2.3, shape.name


def test_brackets_within_a_string_that_never_ends_are_no_depth() -> None:
    with pytest.raises(ValueError, match=r"\w"):
        strict_json.loads(b'"' + b"[" * 260)


def test_the_measurement_finds_what_takes_the_square() -> None:
    """The search of an earlier release: at each quote of a string that never ends it looked to the end again."""
    search = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL).finditer
    earlier = EntryPoint(name="earlier", grammar=JSON, limit=4_000, read=lambda text: sum(1 for _ in search(text)))
    unclosed = [shape for shape in shapes(JSON, pairs=0) if shape.name.startswith("'\"' then")]

    assert any(growth(earlier, shape, 4_000, 3.0) > 3.0 for shape in unclosed)
