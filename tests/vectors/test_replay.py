"""657 published tokens and keys: every one accepted or refused as its publishers say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flask_signet.exceptions import SignetError
from flask_signet.tokens import verify_signature


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shared_data / "replay" / "jose_replay.jsonl").read_text().splitlines()]


def verdict(row: dict[str, Any]) -> str:
    """Any exception other than our errors is a failure of the test itself."""
    try:
        verify_signature(row["token"], row["key"])
    except SignetError:
        return "reject"
    return "accept"


def test_every_must_verdict_is_the_published_one(rows: list[dict[str, Any]]) -> None:
    wrong = [row["id"] for row in rows if row["level"] == "must" and verdict(row) != row["expect"]]

    assert [] == wrong


def test_every_should_verdict_is_the_published_one(rows: list[dict[str, Any]]) -> None:
    wrong = [row["id"] for row in rows if row["level"] == "should" and verdict(row) != row["expect"]]

    assert [] == wrong


def test_the_file_holds_what_it_is_known_to_hold(rows: list[dict[str, Any]]) -> None:
    """A verifier that refuses everything, or a file cut short, would pass unseen without this."""
    counted = Counter((row["level"], row["expect"]) for row in rows)

    assert {("must", "accept"): 56, ("must", "reject"): 597, ("should", "reject"): 4} == counted
