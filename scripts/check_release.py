"""Compare the tag of a release with the versions of both packages: ``check_release.py v1.2.3``.

Exits with 1 and prints each difference. The changelog must have a section for the version too.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def problems(tag: str, root: Path) -> list[str]:
    """Return the reasons why *root* cannot be released as *tag* (``v`` and the version)."""
    versions = {
        "the tag": tag.removeprefix("v"),
        "pyproject.toml": tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"],
        "js/package.json": json.loads((root / "js" / "package.json").read_text("utf-8"))["version"],
        "package-lock.json": json.loads((root / "package-lock.json").read_text("utf-8"))["packages"]["js"]["version"],
    }
    found: list[str] = []
    if not tag.startswith("v"):
        found.append(f"the tag must begin with v, not {tag!r}")
    if len(set(versions.values())) > 1:
        found.append("the versions disagree: " + ", ".join(f"{where} {version}" for where, version in versions.items()))
    version = versions["pyproject.toml"]
    if not re.search(rf"^## \[?{re.escape(version)}\]?(\s|$)", (root / "CHANGELOG.md").read_text("utf-8"), re.M):
        found.append(f"CHANGELOG.md has no section {version}")
    return found


def main(arguments: list[str]) -> int:
    """Print each problem; return the exit status."""
    if len(arguments) != 1:
        print("usage: check_release.py TAG", file=sys.stderr)
        return 2
    found = problems(arguments[0], ROOT)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
