"""Commands beside each other: nothing of what they say is lost, and a failure of any is a failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "side_by_side.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_all_that_end_well_are_a_success_and_all_output_is_there() -> None:
    done = run("echo one; echo two >&2", "echo three", "--", "echo", "live")

    assert (done.returncode, done.stderr) == (0, "")
    assert "echo three\nthree\n" in done.stdout
    assert "one\ntwo\n" in done.stdout
    assert "live\n" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("false", "true", "--", "true"),
        ("true", "exit 3", "--", "true"),
        ("true", "--", "false"),
        ("false",),
        ("--", "false"),
        ("no-such-program-anywhere",),
        ("true", "--", "no-such-program-anywhere"),
        ("kill -9 $$", "--", "true"),
    ],
    ids=str,
)
def test_a_failure_of_any_is_a_failure_and_named(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    (failed,) = [one for one in arguments if one not in ("true", "--")]

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Failed: {failed}"


def test_what_a_failed_one_said_is_shown_though_others_go_on() -> None:
    done = run("echo the reason; exit 1", "--", "sh", "-c", "sleep 0.5; echo the rest")

    assert done.returncode == 1
    assert "the reason\n" in done.stdout
    assert "the rest\n" in done.stdout


def test_outputs_do_not_mix() -> None:
    loop = "for i in 1 2 3 4 5; do echo {0}; sleep 0.02; done"
    done = run(loop.format("left"), loop.format("right"))

    assert "left\n" * 5 in done.stdout
    assert "right\n" * 5 in done.stdout
