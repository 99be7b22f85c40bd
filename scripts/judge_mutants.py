"""A pytest plugin for ``scripts/mutate.py``: collect the tests once, then test every mutant in its own fork.

mutmut creates the mutants and records which tests call which function. mutmut itself starts pytest for every mutant,
which takes longer than the tests.

Environment variables: ``SIGNET_MUTANTS`` is a JSON file with the names of the mutants, ``SIGNET_OUTCOMES`` the file for
the results (one line for each mutant, with its name and mutmut's status number), and ``SIGNET_MOST_TESTS`` the highest
number of tests for one mutant, 0 for no limit.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.format_utils import mangled_name_from_mutant_name

SURVIVED, KILLED, BROKEN, NO_TESTS, TIMEOUT = 0, 1, 3, 33, 36

# Fewer examples, the same ones in every run: a mutant must not survive or die by chance.
settings.register_profile(
    "mutation",
    max_examples=25,
    phases=(Phase.explicit, Phase.generate),  # no shrinking: the examples are not read
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutation")


def late(*_: object) -> None:
    """End this process: its test takes much longer than without a mutant."""
    os._exit(TIMEOUT)


class Judge:
    """Tests the mutants one by one, each with the tests that run its function.

    Tests that killed mutants of the same function come first, then one set of parameters of each test. Of these, tests
    that are fast and run few other functions come first.
    """

    def __init__(self, session: pytest.Session, measured: dict[str, Any], outcomes: Path) -> None:
        self.session = session
        self.seconds: dict[str, float] = measured["duration_by_test"]
        self.tests_of: dict[str, list[str]] = measured["tests_by_mangled_function_name"]
        self.items = {item.nodeid: item for item in session.items}
        self.functions_of = Counter(name for names in self.tests_of.values() for name in names)
        self.killers: dict[str, list[str]] = defaultdict(list)
        self.most = int(os.environ.get("SIGNET_MOST_TESTS", "0")) or None
        self.outcomes = outcomes
        self.killer = outcomes.with_suffix(".killer")

    def in_turn(self, names: Iterable[str]) -> list[str]:
        """Return *names* in the order in which they are likely to kill a mutant."""
        seen: Counter[str] = Counter()
        order: list[tuple[int, str]] = []
        for name in sorted(names, key=self.cost):
            test = name.partition("[")[0]
            order.append((seen[test], name))
            seen[test] += 1
        return [name for _, name in sorted(order, key=lambda entry: entry[0])]

    def cost(self, test: str) -> float:
        """Return a number that is low for a test that is fast and runs few functions, so probably checks this one."""
        return (self.seconds[test] + 0.001) * self.functions_of[test]

    def judge(self, mutant: str) -> None:
        """Write the result of *mutant*."""
        function = mangled_name_from_mutant_name(mutant)
        killers = self.killers[function]
        names = [name for name in self.tests_of.get(function, ()) if name in self.items]
        chosen = [*killers, *self.in_turn(name for name in names if name not in killers)][: self.most]
        status = self.run(mutant, [self.items[name] for name in chosen]) if names else NO_TESTS
        if status == KILLED:
            killer = self.killer.read_text()
            self.killers[function] = [killer, *(name for name in killers if name != killer)]
        with self.outcomes.open("a") as outcomes:
            print(mutant, status, file=outcomes)

    def run(self, mutant: str, items: list[pytest.Item]) -> int:
        """Return the status of *items* with *mutant*; an empty name is the unchanged code."""
        child = os.fork()
        if child == 0:
            status = BROKEN
            try:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
                set_mutant_under_test(mutant)
                status = self.protocol(items)
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return TIMEOUT if status == -signal.SIGALRM else status

    def protocol(self, items: list[pytest.Item]) -> int:
        """Run *items* until one fails."""
        signal.signal(signal.SIGPROF, late)
        for item, following in zip(items, [*items[1:], None], strict=True):
            seconds = self.seconds[item.nodeid]
            # CPU time limits an endless loop: several times what the test needs without a mutant. Wall-clock time
            # limits an endless wait; it is generous, because the machine may be busy.
            signal.setitimer(signal.ITIMER_PROF, 3 + 5 * seconds)
            signal.alarm(int(120 + 60 * seconds))
            self.session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.session.testsfailed:
                self.killer.write_text(item.nodeid)
                return KILLED
        return SURVIVED


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Test the mutants instead of running the tests, if mutants are named."""
    if "SIGNET_MUTANTS" not in os.environ:
        return None
    measured = json.loads((session.config.rootpath / "mutmut-stats.json").read_text())
    judge = Judge(session, measured, Path(os.environ["SIGNET_OUTCOMES"]))
    for mutant in json.loads(Path(os.environ["SIGNET_MUTANTS"]).read_text()):
        judge.judge(mutant)
    killers = sorted({name for names in judge.killers.values() for name in names})
    if judge.run("", [judge.items[name] for name in killers]) != SURVIVED:
        raise pytest.UsageError(f"this test also fails without a mutant: {judge.killer.read_text()}")
    return True
