"""A test that starts a program is found by what it uses, and lands in the stage for it."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT

pytest_plugins = ["pytester"]

HEAD = """
import functools
import multiprocessing
import os
import subprocess
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.support.http import request
from tests.support.processes import Server, free_port

FORK = multiprocessing.get_context("fork")


def started():
    return helped(0)


def helped(depth):
    return helped(depth - 1) if depth else subprocess.run(["true"])


class House:
    def __init__(self):
        self.name = "house"

    def open(self):
        os.fork()


@pytest.fixture
def served():
    yield Server(["true"], cwd=".")


@pytest.fixture
def indirectly(served):
    return served


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
"""


def marks(pytester: pytest.Pytester, body: str) -> dict[str, set[str]]:
    """The marks of each test in *body*, as the tests' own conftest gives them."""
    pytester.makeini("[pytest]\nmarkers =\n    browser\n    postgres\n    process")
    pytester.syspathinsert(ROOT)
    pytester.makeconftest("from tests.conftest import *\nfrom tests.conftest import pytest_collection_modifyitems")
    items, _ = pytester.inline_genitems(pytester.makepyfile(HEAD + body))
    return {item.name: {mark.name for mark in item.iter_markers()} - {"parametrize", "usefixtures"} for item in items}


@pytest.mark.parametrize(
    "body",
    [
        "def test_it(): subprocess.run(['true'])",
        "def test_it():\n    import subprocess\n    subprocess.run(['true'])",
        "def test_it(): started()",
        "def test_it(): list(map(lambda _: started(), [1]))",
        "def test_it(): os.fork()",
        "def test_it(): os.posix_spawn('true', ['true'], {})",
        "def test_it(): FORK.Process()",
        "def test_it(): ProcessPoolExecutor()",
        "def test_it(): Server(['true'], cwd='.')",
        "def test_it(): House().open()",
        "def test_it(served): pass",
        "def test_it(indirectly): pass",
        "def test_it(start_server): pass",
        "@pytest.mark.usefixtures('processes')\ndef test_it(): pass",
    ],
)
def test_a_test_that_starts_a_program_is_marked(pytester: pytest.Pytester, body: str) -> None:
    assert marks(pytester, body) == {"test_it": {"process"}}


@pytest.mark.parametrize(
    "body",
    [
        "def test_it(): pass",
        "def test_it(tmp_path): os.getpid()",
        "def test_it(): free_port()",
        "def test_it(): request('GET', 'http://127.0.0.1:1/')",
        "def test_it(): House()",
    ],
)
def test_one_that_starts_none_is_not(pytester: pytest.Pytester, body: str) -> None:
    assert marks(pytester, body) == {"test_it": set()}


def test_a_function_that_is_a_parameter_counts(pytester: pytest.Pytester) -> None:
    body = "@pytest.mark.parametrize('act', [started, free_port])\ndef test_it(act): act()"

    assert list(marks(pytester, body).values()) == [{"process"}, set()]


def test_a_browser_is_a_program_and_a_database_is_its_own_thing(pytester: pytest.Pytester) -> None:
    found = marks(pytester, "def test_it(page, tmp_path): pass\ndef test_that(postgres_url): pass")

    assert found["test_it"] >= {"browser", "process"}
    assert found["test_that"] == {"postgres"}


def test_a_database_that_a_parameter_asks_for_is_seen(pytester: pytest.Pytester) -> None:
    found = marks(pytester, "def test_it(database): pass")

    assert found == {"test_it[sqlite]": set(), "test_it[postgresql]": {"postgres"}}


def test_a_program_that_the_code_does_not_show_fails_the_test(pytester: pytest.Pytester) -> None:
    """A library may start one; the message says what to write."""
    pytester.makeini("[pytest]\nmarkers =\n    browser\n    postgres\n    process")
    pytester.syspathinsert(ROOT)
    pytester.makeconftest("from tests.conftest import *\nfrom tests.conftest import pytest_runtest_setup")
    pytester.makepyfile(
        library="import subprocess\n\ndef act():\n    subprocess.run(['true'])\n",
        test_it="import library\n\ndef test_unmarked():\n    library.act()\n\n"
        "def test_marked(processes):\n    library.act()\n",
    )
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*test_unmarked starts a program (subprocess.Popen true)*`processes`*"])


def test_what_is_absent_is_skipped_with_one_line(pytester: pytest.Pytester) -> None:
    """Twenty tests that need the same folder are one line of the summary."""
    pytester.makeini("[pytest]\nmarkers =\n    browser\n    postgres\n    process")
    pytester.syspathinsert(ROOT)
    pytester.makeconftest("from tests.conftest import *\nfrom tests.conftest import pytest_runtest_makereport")
    tests = "".join(f"def test_{number}(absent): pass\n" for number in range(20))
    fixture = (
        "import pytest\n\n@pytest.fixture(scope='session')\ndef absent(): pytest.skip('the folder is not there')\n"
    )
    pytester.makepyfile(test_one=fixture + tests, test_two=fixture + tests)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs")

    done.assert_outcomes(skipped=40)
    assert [line for line in done.outlines if line.startswith("SKIPPED")] == [
        done.stdout.get_lines_after("*short test summary info*")[0]
    ]
