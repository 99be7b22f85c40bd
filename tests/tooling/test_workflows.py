"""The workflows run only code that was looked at: a tag or a branch of another repository can be moved."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WORKFLOWS = sorted(path for path in (Path(__file__).parents[2] / ".github").rglob("*.y*ml"))
USES = re.compile(r"^\s*(?:-\s+)?[\"']?uses[\"']?\s*:\s*(.*)$")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def used(path: Path) -> list[str]:
    """Return what the file takes from other repositories."""
    found = (USES.match(line) for line in path.read_text().splitlines())
    return [match[1].strip() for match in found if match is not None and not match[1].startswith("./")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(path: Path) -> None:
    assert [action for action in used(path) if not PINNED.fullmatch(action)] == []


def test_no_use_of_an_action_escapes_the_check() -> None:
    """The word stands in no form that the expression above would not see."""
    text = "".join(path.read_text() for path in WORKFLOWS)

    assert WORKFLOWS
    assert len(re.findall(r"\buses\b", text)) == sum(len(used(path)) for path in WORKFLOWS) > 0
