"""The check for deep nesting takes a time that grows with the length of the text, whatever is in it."""

from __future__ import annotations

import time

import pytest

from flask_signet.tokens import strict_json


def _seconds(data: bytes) -> float:
    best = float("inf")
    for _ in range(7):
        begin = time.thread_time()
        with pytest.raises(ValueError, match=r"\w"):
            strict_json.loads(data)
        best = min(best, time.thread_time() - begin)
    return best


@pytest.mark.parametrize("tail", [b"", b"\\", b"\\\n", b"\n", b"\\u", b"\\u12", b'"', b'\\"'])
def test_a_string_that_never_ends_takes_linear_time(tail: bytes) -> None:
    shorter, longer = (b'"' + b'\\"' * n + tail + b"[" * 260 for n in (4_000, 8_000))

    assert _seconds(longer) <= 3 * _seconds(shorter)


def test_brackets_within_a_string_that_never_ends_are_no_depth() -> None:
    with pytest.raises(ValueError, match=r"\w"):
        strict_json.loads(b'"' + b"[" * 260)
