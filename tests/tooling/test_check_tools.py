"""A machine that lacks something is told so in one line, before anything is fetched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "check_tools.py"


def check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT)], env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )


def program(folder: Path, name: str, says: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho {says}\n")
    file.chmod(0o755)


def test_without_node_the_message_names_it(tmp_path: Path) -> None:
    """And the status stops make."""
    done = check(tmp_path)

    assert done.returncode == 1
    assert done.stderr == "Node.js 20.19 or newer with npm is required: https://nodejs.org\n"


@pytest.mark.parametrize(("version", "status"), [("v18.20.4", 1), ("v20.18.0", 1), ("v20.19.0", 0), ("v24.1.0", 0)])
def test_an_old_node_is_refused_and_a_new_one_taken(tmp_path: Path, version: str, status: int) -> None:
    """The border is the version that the tools ask for."""
    program(tmp_path, "node", version)
    program(tmp_path, "npm", "11")

    done = check(tmp_path)

    assert done.returncode == status
    assert (version in done.stderr) is (status == 1)
