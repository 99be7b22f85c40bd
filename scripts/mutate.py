"""Mutation testing of what decides about a token: change one thing at a time, and see whether a test notices.

Works on a copy in a temporary folder, so nothing of the checkout is touched. Prints one row for each
module and every mutant that no test killed; ends with status 1 below the wanted share.

    python scripts/mutate.py                      all modules
    python scripts/mutate.py tokens/jws.py        some of them
    python scripts/mutate.py --diffs …            with what each survivor changed
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "src/flask_signet"
MODULES = (
    "tokens/base64url.py",
    "tokens/strict_json.py",
    "tokens/jws.py",
    "tokens/claims.py",
    "tokens/verifier.py",
    "tokens/signature.py",
    "tokens/issuer.py",
    "tokens/keys.py",
    "tokens/asymmetric.py",
    "tokens/ring.py",
    "tokens/known_secrets.py",
    "tokens/revocations.py",
    "tokens/inspect.py",
    "web/guards.py",
    "web/locations.py",
    "web/layer.py",
)
# The fast tests. Those with servers and other programs say little about single lines and cost the most.
TESTS = ("tests/tokens", "tests/vectors", "tests/attacks", "tests/unit", "tests/web", "tests/compat")
TOO_SLOW = (
    "tests/attacks/test_rotation_under_load.py",
    "tests/tokens/test_verifier.py::test_a_forked_process_goes_on_by_itself",
)
WANTED = 90.0  # per cent killed

# Fewer examples, the same ones in every run: a mutant must not survive or die by chance. The quickest test first, for
# most mutants die in it; and a loop that a mutant made endless is ended in the test that meets it, by the CPU time that
# the test needs without a mutant (36 is mutmut's own status of a time-out).
PROFILE = """

import json as _json
import os as _os
import signal as _signal

from hypothesis import HealthCheck as _Health, Phase as _Phase, settings as _settings

_settings.register_profile(
    "mutation",
    max_examples=25,
    phases=(_Phase.explicit, _Phase.generate),  # nobody reads the example, so none is made smaller
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(_Health),
)
_settings.load_profile("mutation")
_seconds = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    measured = ROOT / "mutmut-stats.json"
    if measured.is_file():  # not in the run that measures
        _seconds.update(_json.loads(measured.read_text())["duration_by_test"])
    items.sort(key=lambda item: _seconds.get(item.nodeid, 0))
    _signal.signal(_signal.SIGPROF, lambda *_: _os._exit(36))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if item.nodeid in _seconds:
        _signal.setitimer(_signal.ITIMER_PROF, 5 + 10 * _seconds[item.nodeid])
    try:
        return (yield)
    finally:
        _signal.setitimer(_signal.ITIMER_PROF, 0)
"""


def prepare(folder: Path, modules: list[str]) -> None:
    """Copy what the run needs into *folder*, with its own settings."""
    for name in ("src", "tests", "scripts", "docs"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "_build")
        )
    with (folder / "tests" / "conftest.py").open("a") as conftest:
        conftest.write(PROFILE)
    present = [name for name in TESTS if (ROOT / name).is_dir()]
    selection = [*present, *(f"--deselect={name}" for name in TOO_SLOW), "-p", "no:cacheprovider"]
    config = {
        "source_paths": ["src"],
        "only_mutate": [f"{PACKAGE}/{name}" for name in modules],
        "also_copy": ["tests", "scripts", "docs"],
        "pytest_add_cli_args_test_selection": selection,
        # By the clock on the wall, which says little on a machine that does other things too: only the last resort.
        "timeout_constant": 10.0,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in config.items()]
    text = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n")


def mutmut(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run mutmut in *folder*; what it says is returned."""
    command = [str(Path(sys.executable).parent / "mutmut"), *arguments]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def outcomes(folder: Path) -> dict[str, str]:
    """Return mutant → what became of it."""
    said = mutmut(folder, "results", "--all", "true").stdout
    pairs = (line.strip().rpartition(": ") for line in said.splitlines() if ": " in line)
    return {name: outcome for name, _, outcome in pairs}


def module_of(mutant: str) -> str:
    """Return ``tokens/jws.py`` for a mutant of it."""
    return "/".join(mutant.split(".")[1:3]) + ".py"


def report(found: dict[str, str]) -> float:
    """Print the table and return the share that was killed, in per cent."""
    by_module: dict[str, Counter[str]] = {}
    for mutant, outcome in found.items():
        by_module.setdefault(module_of(mutant), Counter())[outcome] += 1
    total: Counter[str] = Counter()
    print("| module | mutants | killed | by time-out | survived | no test | share |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for module, counted in sorted(by_module.items()):
        total += counted
        print(row(f"`{module}`", counted))
    print(row("all", total))
    return share(total)


def share(counted: Counter[str]) -> float:
    """Return how much of the judged mutants was killed, in per cent."""
    judged = sum(counted.values()) - counted["skipped"] - counted["not checked"]
    return 100 * (counted["killed"] + counted["timeout"]) / judged if judged else 100.0


def row(name: str, counted: Counter[str]) -> str:
    """Return one line of the table."""
    shown = (counted["killed"], counted["timeout"], counted["survived"], counted["no tests"])
    return f"| {name} | {sum(counted.values())} | " + " | ".join(map(str, shown)) + f" | {share(counted):.1f} % |"


def main() -> int:
    """Run, print, and say by the exit status whether enough was killed."""
    parser = argparse.ArgumentParser(description="Mutation testing of the token engine and its guards.")
    parser.add_argument("modules", nargs="*", default=list(MODULES), help="such as tokens/jws.py")
    parser.add_argument("--children", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="processes at once")
    parser.add_argument("--diffs", action="store_true", help="show what each survivor changed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="signet-mutants-") as name:
        folder = Path(name)
        prepare(folder, given.modules)
        done = mutmut(folder, "run", "--max-children", str(given.children))
        found = outcomes(folder)
        if not found or "not checked" in found.values():
            # The tests fail without any mutant, or the run was cut short: no share would mean anything.
            print(done.stdout[-4000:], done.stderr[-4000:], file=sys.stderr)
            return 2
        killed = report(found)
        left = sorted(mutant for mutant, outcome in found.items() if outcome in ("survived", "no tests", "suspicious"))
        print(f"\n{len(left)} left:")
        for mutant in left:
            print(mutmut(folder, "show", mutant).stdout if given.diffs else f"  {mutant}: {found[mutant]}")
    print(f"\n{killed:.1f} % killed; {WANTED} % are wanted")
    return 0 if killed >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
