"""The page of Python names is what ``scripts/api_page.py`` makes of the package, and the check notices if it is not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import flask_signet
from flask_signet import exceptions
from tests.docs.markdown import DOCS, ROOT, code, rows

SCRIPTS = ("api_page.py", "api_parts.py")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The scripts and the page in a folder of their own."""
    for folder in ("scripts", "docs"):
        (tmp_path / folder).mkdir()
    for name in SCRIPTS:
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts" / name)
    shutil.copy(DOCS / "api.md", tmp_path / "docs" / "api.md")
    return tmp_path


def run(root: Path, *arguments: str) -> tuple[int, str]:
    """Run the script of *root*; return its status and what it wrote to standard error."""
    command = [sys.executable, str(root / "scripts" / "api_page.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def headings() -> set[str]:
    """Return the names that have a heading of their own."""
    return set(re.findall(r"^### `([\w.]+)`$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE))


def test_the_page_is_what_the_script_makes() -> None:
    assert run(ROOT, "--check") == (0, "")


def test_every_public_name_is_on_the_page_of_python_names() -> None:
    assert set(flask_signet.__all__) <= headings()


def test_every_public_exception_is_on_the_page_of_python_names() -> None:
    listed = {code(row[0])[0] for row in rows(DOCS / "api.md", within="Exceptions")}

    assert listed == {
        name
        for name, kind in vars(exceptions).items()
        if isinstance(kind, type) and issubclass(kind, Exception) and not name.startswith("_")
    }


def test_a_changed_page_is_refused_with_the_command_that_writes_it(copied: Path) -> None:
    page = copied / "docs" / "api.md"
    right = page.read_text("utf-8")
    page.write_text(right.replace("get_jti(encoded_token: str)", "get_jti(token: str)"), "utf-8")

    status, words = run(copied, "--check")

    assert status == 1
    assert "Run: make format" in words
    assert run(copied) == (0, "")
    assert page.read_text("utf-8") == right


def test_the_page_shows_nothing_that_differs_from_one_machine_to_the_next() -> None:
    page = (DOCS / "api.md").read_text("utf-8")

    assert re.findall(r"0x[0-9a-f]+|<function|<factory>|<class|/src/|/home/|typing\.", page) == []


def test_lint_checks_the_page_and_format_writes_it() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    lint, form = (re.split(r"\n\n", makefile.split(f"\n{target}: ")[1])[0] for target in ("lint", "format"))

    assert '"$(BIN)/python scripts/api_page.py --check"' in lint
    assert "$(BIN)/python scripts/api_page.py\n" in form + "\n"
