"""A release publishes both packages in one version, and only what passed the checks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "check_release.py"
TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
FILES = ("pyproject.toml", "js/package.json", "package-lock.json", "CHANGELOG.md", "scripts/check_release.py")


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = JOBS[job]["steps"]
    return found


def commands(job: str) -> str:
    return "\n".join(step.get("run", "") for step in steps(job))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What of the repository the check reads, with a section for its version."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    change(tmp_path / "pyproject.toml", r'^version = ".*"', 'version = "1.2.3"')
    change(tmp_path / "js" / "package.json", r'^  "version": ".*"', '  "version": "1.2.3"')
    change(tmp_path / "package-lock.json", r'("name": "flask-signet",\n\s*"version": )".*"', r'\g<1>"1.2.3"')
    change(tmp_path / "CHANGELOG.md", r"^## Unreleased", "## Unreleased\n\n## 1.2.3 – 2026-12-01")
    return tmp_path


def change(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text("utf-8"), flags=re.M)
    assert count == 1, (path.name, count)
    path.write_text(text, "utf-8")


def check(root: Path, tag: str) -> tuple[int, str]:
    command = [sys.executable, str(root / "scripts" / "check_release.py"), tag]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_tag_that_fits_both_packages_passes(checkout: Path) -> None:
    assert (0, "") == check(checkout, "v1.2.3")


@pytest.mark.parametrize("tag", ["v1.2.4", "1.2.3", "v1.2.3rc1", "v"])
def test_a_tag_that_does_not_fit_fails(checkout: Path, tag: str) -> None:
    status, output = check(checkout, tag)

    assert status == 1
    assert "tag" in output


@pytest.mark.parametrize(
    ("name", "pattern", "replacement"),
    [
        ("pyproject.toml", r'^version = "1.2.3"', 'version = "1.2.2"'),
        ("js/package.json", r'^  "version": "1.2.3"', '  "version": "1.2.2"'),
        ("package-lock.json", r'("name": "flask-signet",\n\s*"version": )"1.2.3"', r'\g<1>"1.2.2"'),
        ("CHANGELOG.md", r"^## 1.2.3 .*", "## 1.2.2"),
    ],
)
def test_a_file_that_was_forgotten_fails(checkout: Path, name: str, pattern: str, replacement: str) -> None:
    change(checkout / name, pattern, replacement)

    status, output = check(checkout, "v1.2.3")

    assert status == 1
    assert name in output


def test_a_tag_alone_starts_it() -> None:
    # YAML 1.1 reads the word `on` as true.
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}


def test_what_is_published_was_compared_linted_and_tested_first() -> None:
    order = [commands("build").index(command) for command in ("check_release.py", ".ci/run", "uv build", "npm pack")]

    assert sorted(order) == order
    assert {name: job.get("needs") for name, job in JOBS.items()} == {"build": None, "python": "build", "npm": "build"}
    assert not any(step.get("continue-on-error") or "if" in step for name in JOBS for step in steps(name))


def test_what_a_change_must_pass_is_lint_and_both_stages_of_the_tests() -> None:
    """One after the other, ended by the first that fails."""
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()

    assert "set -eu" in lines
    assert [line for line in lines if line.startswith("make")] == ["make lint", "make test", "make test-processes"]


def test_only_the_jobs_that_publish_may_ask_for_an_identity() -> None:
    """And these run nothing of the repository, which would then speak in its name."""
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in JOBS.items()} == {
        "build": None,
        "python": {"id-token": "write"},
        "npm": {"id-token": "write"},
    }
    for name in ("python", "npm"):
        assert "checkout" not in str(steps(name))
    assert "secrets." not in TEXT


def test_npm_is_told_where_the_repository_lies_before_it_packs() -> None:
    """Provenance fails without; the repository does not know its own address, and no registry is named."""
    build = commands("build")

    assert build.index("git+$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git") < build.index("npm pack")
    assert "--provenance" in commands("npm")
    assert "registry" not in TEXT
    assert "://" not in TEXT
