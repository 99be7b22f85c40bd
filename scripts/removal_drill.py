"""Show that an optional ability can be removed: copy the project without its folder and its line, and run tests there.

    python scripts/removal_drill.py                  every ability, with the quick tests of the house
    python scripts/removal_drill.py totp -- -q tests  one of them, with other arguments for pytest

An ability is one line of `src/flask_signet/rooms.py` and the folders `src/flask_signet/features/<name>` and
`tests/rooms/<name>`. If anything else needs them, a test of the copy fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIST = Path("src/flask_signet/rooms.py")
FEATURES = Path("src/flask_signet/features")
TESTS = Path("tests/rooms")
QUICK = ["-q", "-x", "tests/house", "tests/docs/test_tables.py", "-m", "not slow and not process"]
# Every module is imported: a test may never touch the one that needs the removed ability.
IMPORT_ALL = """
import importlib, pkgutil, flask_signet
for module in pkgutil.walk_packages(flask_signet.__path__, "flask_signet."):
    if "migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def names(root: Path) -> list[str]:
    """Return the names of the abilities of the project in *root*, by their folders."""
    return sorted(folder.parent.name for folder in (root / FEATURES).glob("*/__init__.py"))


def without(name: str, root: Path, copy: Path) -> None:
    """Copy the project to *copy* without one ability.

    :raises ValueError: `rooms.py` does not name it in lines of its own.
    """
    kept_out = shutil.ignore_patterns(".git", ".venv", "node_modules", "__pycache__", "dist", "_build", ".hypothesis")
    shutil.copytree(root, copy, ignore=kept_out, symlinks=True)
    shutil.rmtree(copy / FEATURES / name)
    shutil.rmtree(copy / TESTS / name, ignore_errors=True)
    listed = (copy / LIST).read_text()
    word = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    kept = [line for line in listed.splitlines(keepends=True) if not word.search(line)]
    if len(kept) == len(listed.splitlines()):
        raise ValueError(f"{LIST} does not name {name!r}")
    (copy / LIST).write_text("".join(kept))


def works(copy: Path, arguments: list[str]) -> bool:
    """Return whether every module of a copy can be imported and its tests pass."""
    environment = {"PYTHONPATH": f"{copy / 'src'}:{copy}", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    commands = [[sys.executable, "-c", IMPORT_ALL]]
    if arguments:
        commands.append([sys.executable, "-m", "pytest", *arguments])
    return all(subprocess.run(command, cwd=copy, env=environment).returncode == 0 for command in commands)


def main(arguments: list[str]) -> int:
    """Run the drill; return 1 if an ability cannot be removed."""
    chosen, _, rest = " ".join(arguments).partition("-- ")
    failed: list[str] = []
    for name in chosen.split() or names(ROOT):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "project"
            without(name, ROOT, copy)
            if not works(copy, rest.split() or QUICK):
                failed.append(name)
        print(f"{name}: {'something else needs it' if name in failed else 'can be removed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
