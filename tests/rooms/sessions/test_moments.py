"""The clocks of sessions: what a step does to the workers that saw it and to those that began after it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import RevokedTokenError
from flask_signet.store.clock_offset import ANCHOR_NAME, steady_time
from tests.rooms.sessions.world import HandClock, World


@pytest.mark.parametrize("step", [-86_400.0, -60.0, 31.0, 60.0, 3_600.0])
def test_a_worker_that_began_after_a_step_gives_an_honest_retry_the_same_token(tmp_path: Path, step: float) -> None:
    """Only some workers restart after the clock was set: both sides must agree on the age of an exchange."""
    world = World(tmp_path / "signet")
    before = world.worker()
    granted = before.sessions.open(7)
    first = before.sessions.rotate(granted.refresh_token).refresh_token
    world.hand.step(step)
    after = world.worker()
    world.hand.pass_(1)

    by_after = after.sessions.rotate(first).refresh_token
    world.hand.pass_(1)
    again_by_before = before.sessions.rotate(first).refresh_token
    by_before = before.sessions.rotate(by_after).refresh_token
    world.hand.pass_(1)
    again_by_after = after.sessions.rotate(by_after).refresh_token
    world.close()

    assert again_by_before == by_after
    assert again_by_after == by_before


def test_a_thief_is_noticed_across_workers_after_a_step(tmp_path: Path) -> None:
    """The agreement makes nothing look younger: what is older than the grace stays so."""
    world = World(tmp_path / "signet")
    before = world.worker()
    granted = before.sessions.open(7)
    first = before.sessions.rotate(granted.refresh_token).refresh_token
    before.sessions.rotate(first)
    world.hand.step(-3_600)
    after = world.worker()
    world.hand.pass_(world.settings.grace + 1)

    with pytest.raises(RevokedTokenError):
        after.sessions.rotate(first)
    world.close()


def test_another_boot_begins_anew(tmp_path: Path) -> None:
    """The monotonic clock counts from another moment then: what was written down means nothing."""
    hand = HandClock(wall=1_800_000_000.0, steady=50_000.0)
    steady_time(hand.clock, tmp_path).now()
    hand.boot, hand.steady = "two", 10.0

    assert steady_time(hand.clock, tmp_path).now() == 1_800_000_000_000


def test_where_nobody_knows_the_boot_each_process_counts_from_its_own_start(tmp_path: Path) -> None:
    hand = HandClock(wall=1_800_000_000.0, boot="")
    steady_time(hand.clock, tmp_path).now()
    hand.step(60)

    assert steady_time(hand.clock, tmp_path).now() == 1_800_000_060_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"boot": "one", "offset": "soon"}', "\xff"])
def test_a_broken_file_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / ANCHOR_NAME).write_bytes(text.encode("latin-1"))
    hand = HandClock(wall=1_800_000_000.0, steady=0.0)

    assert steady_time(hand.clock, tmp_path).now() == 1_800_000_000_000
    assert json.loads((tmp_path / ANCHOR_NAME).read_text()) == {"boot": "one", "offset": 1_800_000_000.0}


def test_a_folder_that_cannot_be_written_is_no_reason_to_refuse(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "no folder"
    file.touch()
    with caplog.at_level(logging.WARNING):
        now = steady_time(HandClock(wall=1_800_000_000.0).clock, file).now()

    assert now == 1_800_000_000_000
    assert "workers may disagree after a clock step" in caplog.text


def test_on_linux_all_processes_of_a_machine_name_one_boot() -> None:
    boot = SYSTEM.boot()

    assert boot == SYSTEM.boot()
    assert boot == "" or len(boot) == 36
