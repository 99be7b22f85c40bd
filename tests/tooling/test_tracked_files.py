"""What is committed runs on any machine and names none."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PYTHON_LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
NPM_LOCKS = [ROOT / "package-lock.json", ROOT / "scripts" / "browser" / "package-lock.json"]

# Written apart, so that this file is not its own finding.
MACHINE_PATH = re.compile(rb"(?<![\w.~-])/(?:" + b"|".join((b"home", b"Users", b"work", b"root")) + rb")/[\w.-]+")

REGISTRY = re.compile(
    rb"\b(?:" + b"|".join((rb"pypi\." + b"org", rb"npmjs\." + b"(?:org|com)", rb"pythonhosted\." + b"org")) + rb")\b"
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("lock", PYTHON_LOCKS, ids=lambda path: path.name)
def test_python_locks_hold_names_versions_and_hashes_only(lock: Path) -> None:
    """No index, no address: everyone fetches from where their own pip points."""
    for line in lock.read_text().splitlines():
        assert re.fullmatch(
            r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[\w.!+]+( ;[^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line
        )


def test_the_small_python_locks_agree_with_the_large_one() -> None:
    """What the demo runs on is what the tests ran on."""
    pins = {lock.name: set(re.findall(r"^[a-z0-9-]+==[\w.!+]+", lock.read_text(), re.M)) for lock in PYTHON_LOCKS}

    assert pins["run.lock"] <= pins["dev.lock"]
    assert pins["uv.lock"] <= pins["dev.lock"]
    assert len(pins["uv.lock"]) == 1


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda path: path.parent.name)
def test_npm_locks_hold_versions_and_hashes_and_no_registry(lock: Path) -> None:
    """Each package that npm fetches has its hash; what has a place has one in this checkout."""
    packages = json.loads(lock.read_text())["packages"]
    fetched = {name: entry for name, entry in packages.items() if "node_modules/" in name and not entry.get("link")}

    assert fetched
    assert [name for name, entry in fetched.items() if not entry.get("integrity") and not entry.get("inBundle")] == []
    assert [entry["resolved"] for entry in packages.values() if ":" in entry.get("resolved", "")] == []


def test_no_tracked_text_names_a_folder_of_some_machine() -> None:
    """Absolute paths of a home folder or a workspace are useless on other machines."""
    found = {
        f"{path.relative_to(ROOT)}: {match.decode()}"
        for path in tracked()
        if b"\0" not in (content := path.read_bytes())
        for match in MACHINE_PATH.findall(content)
    }

    assert found == set()


def test_no_tracked_text_names_a_registry() -> None:
    """Each machine configures its own package index; an address in a file would override it."""
    found = {
        f"{path.relative_to(ROOT)}: {match.decode()}"
        for path in tracked()
        for match in REGISTRY.findall(path.read_bytes())
    }

    assert found == set()


def test_the_versions_of_both_packages_are_one() -> None:
    """The client of a release belongs to the server of the same release."""
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    javascript = json.loads((ROOT / "js" / "package.json").read_text())["version"]

    assert python == javascript
