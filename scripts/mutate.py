"""Mutation testing of the modules that decide about a token: change one thing at a time, and check that a test fails.

Works on a copy in a temporary folder and does not change the checkout. Prints one row for each module, and
every mutant that no test killed. Exits with 1 if too few were killed.

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
from concurrent.futures import ThreadPoolExecutor
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
    "tokens/key.py",
    "tokens/key_material.py",
    "tokens/symmetric.py",
    "tokens/keys.py",
    "tokens/asymmetric.py",
    "tokens/asymmetric_jwk.py",
    "tokens/ring.py",
    "tokens/known_secrets.py",
    "tokens/revocations.py",
    "tokens/compact_map.py",
    "tokens/inspect.py",
    "web/guards.py",
    "web/search.py",
    "web/principal.py",
    "web/locations.py",
    "web/loaders.py",
    "web/token_layer.py",
    "web/configured_keys.py",
    "web/chosen_keys.py",
    "web/issuing.py",
    "web/added_claims.py",
    "sessions/rotation.py",
    "sessions/session_tokens.py",
    "sessions/login_flow.py",
    "accounts/password_check.py",
    "throttle/rules.py",
    "throttle/attempts.py",
)
# The tests that call the modules of a folder. Tests with servers and other programs say little about single lines and
# take the most time: `MARKS` leaves them out.
_OF_TOKENS = ("tests/tokens", "tests/vectors", "tests/attacks", "tests/unit", "tests/compat")
TESTS = {
    "tokens": _OF_TOKENS,
    "web": (*_OF_TOKENS, "tests/house"),
    "sessions": ("tests/unit", "tests/attacks/test_session_routes.py", "tests/rooms/sessions"),
    "accounts": ("tests/unit", "tests/rooms/accounts", "tests/rooms/sessions"),
    "throttle": ("tests/unit", "tests/rooms/throttle"),
}
MARKS = "not slow and not process and not postgres"
TOO_SLOW = (
    "tests/attacks/test_rotation_under_load.py",
    # These measure milliseconds, and the wrappers of mutmut around every function take too long.
    "tests/attacks/test_transport.py::test_row_25_a_huge_token_is_refused_unread",
    "tests/attacks/test_transport.py::test_row_25_hostile_tokens_within_the_cap_are_judged_at_once",
)
WANTED = 90.0  # per cent killed

# What `mutmut run` does before it judges: the mutants, and which test meets which function.
GENERATE = """
from mutmut import __main__ as mutmut

mutmut.set_mutant_under_test("mutant_generation")
mutmut.makedirs(mutmut.Path("mutants"), exist_ok=True)
mutmut.copy_src_dir()
mutmut.copy_also_copy_files()
mutmut.setup_source_paths()
mutmut.store_lines_covered_by_tests()
mutmut.create_mutants(1)
mutmut.collect_or_load_stats(mutmut.get_mutant_runner(1))
"""
OUTCOMES = {0: "survived", 1: "killed", 3: "killed", 33: "no tests", 36: "timeout"}  # mutmut's numbers


def prepare(folder: Path, modules: list[str]) -> None:
    """Copy what the run needs into *folder*, with its own settings."""
    for name in ("src", "tests", "scripts", "docs"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "_build")
        )
    config = {
        "source_paths": ["src"],
        "only_mutate": [f"{PACKAGE}/{name}" for name in modules],
        "also_copy": ["tests", "scripts", "docs"],
        "pytest_add_cli_args_test_selection": selection(modules),
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in config.items()]
    text = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n")


def selection(modules: list[str]) -> list[str]:
    """Return the arguments of pytest that choose the tests of *modules*, and the plugin that judges."""
    chosen = {test: None for name in modules for test in TESTS[name.partition("/")[0]]}
    deselected = (f"--deselect={name}" for name in TOO_SLOW)
    return [*chosen, "-m", MARKS, *deselected, "-p", "no:cacheprovider", "-p", "judge_mutants"]


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this virtual environment in *folder* and return its output."""
    program = str(Path(sys.executable).parent / command[0])
    given = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", **environment}
    given["PYTHONPATH"] = os.pathsep.join((given.get("PYTHONPATH", ""), str(ROOT / "scripts"))).strip(os.pathsep)
    return subprocess.run([program, *command[1:]], cwd=folder, env=given, capture_output=True, text=True, check=False)


def mutants(folder: Path) -> list[str]:
    """Create the mutants, measure the tests, and return the names of the mutants."""
    done = run(folder, "python", "-c", GENERATE)
    if done.returncode:
        raise SystemExit(done.stdout[-4000:] + done.stderr[-4000:])
    files = sorted((folder / "mutants" / "src").rglob("*.meta"))
    return [name for file in files for name in json.loads(file.read_text())["exit_code_by_key"]]


def outcomes(folder: Path, names: list[str], number: int = 0) -> dict[str, str]:
    """Test the mutants and return the result of each.

    :param number: a different one for each process that runs at the same time.
    """
    wanted, written = folder / f"wanted-{number}.json", folder / f"outcomes-{number}.txt"
    wanted.write_text(json.dumps(names))
    where = {
        "PYTHONPATH": str(folder / "mutants" / "src"),
        "SIGNET_MUTANTS": str(wanted),
        "SIGNET_OUTCOMES": str(written),
    }
    tests = selection(sorted({module_of(name) for name in names}))
    done = run(folder / "mutants", "pytest", "--rootdir=.", "--tb=native", "-q", *tests, **where)
    if done.returncode:
        raise SystemExit(done.stdout[-4000:] + done.stderr[-4000:])
    pairs = (line.rsplit(" ", 1) for line in written.read_text().splitlines())
    return {name: OUTCOMES.get(int(status), "suspicious") for name, status in pairs}


def outcomes_of_all(folder: Path, names: list[str], children: int) -> dict[str, str]:
    """Do the same as :func:`outcomes` in *children* parallel processes."""
    with ThreadPoolExecutor(children) as pool:
        shares = [pool.submit(outcomes, folder, names[n::children], n) for n in range(children)]
        return {name: outcome for share in shares for name, outcome in share.result().items()}


def module_of(mutant: str) -> str:
    """Return the module of a mutant, such as ``tokens/jws.py``."""
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
    """Run, print, and return 0 if enough mutants were killed."""
    parser = argparse.ArgumentParser(description="Mutation testing of the token engine and its guards.")
    parser.add_argument("modules", nargs="*", default=list(MODULES), help="such as tokens/jws.py")
    parser.add_argument("--children", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="processes at once")
    parser.add_argument("--most", type=int, default=0, help="tests for each mutant at most: a quick, low estimate")
    parser.add_argument("--diffs", action="store_true", help="show what each survivor changed")
    given = parser.parse_args()
    os.environ["SIGNET_MOST_TESTS"] = str(given.most)
    with tempfile.TemporaryDirectory(prefix="signet-mutants-") as name:
        folder = Path(name)
        prepare(folder, given.modules)
        found = outcomes_of_all(folder, mutants(folder), given.children)
        killed = report(found)
        left = sorted(mutant for mutant, outcome in found.items() if outcome in ("survived", "no tests", "suspicious"))
        print(f"\n{len(left)} left:")
        for mutant in left:
            print(run(folder, "mutmut", "show", mutant).stdout if given.diffs else f"  {mutant}: {found[mutant]}")
    print(f"\n{killed:.1f} % killed; the goal is {WANTED} %")
    return 0 if killed >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
