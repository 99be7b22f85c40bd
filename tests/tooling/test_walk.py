"""What `benchmarks/walk.py` counts, and that it counts the same in each run."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import walk
from benchmarks.walk import Call, Counts, Walk
from flask_signet.clock import SYSTEM


@pytest.fixture(scope="module")
def found() -> dict[str, Walk]:
    return walk.walks()


def load(path: Path, source: str, **names: Any) -> Any:
    """Return a new module with this source at this place; *names* are known in it."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(f"walked_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(names)
    spec.loader.exec_module(module)
    return module


def counted(work: Callable[[], Any], folder: Path) -> tuple[int, int, int]:
    counts = walk.record(work, folder).counts()
    return counts.files, counts.entries, counts.returns


def test_a_call_into_another_file_is_an_entry_and_its_return_is_none(tmp_path: Path) -> None:
    below = load(tmp_path / "below.py", "def work(): return helper()\ndef helper(): return 1\n")
    above = load(tmp_path / "above.py", "def run(): return below.work() + own()\ndef own(): return 1\n", below=below)

    assert counted(above.run, tmp_path) == (2, 2, 0)


def test_each_entry_into_a_file_after_its_first_is_a_return(tmp_path: Path) -> None:
    below = load(tmp_path / "below.py", "def work(then=int): return then()\n")
    source = "def run(): below.work(); below.work(); below.work(back)\ndef back(): return 1\n"
    above = load(tmp_path / "above.py", source, below=below)

    assert counted(above.run, tmp_path) == (2, 5, 3)


def test_code_of_libraries_between_two_functions_is_skipped(tmp_path: Path) -> None:
    library = load(tmp_path / "library" / "library.py", "def call(f): return f()\n")
    package = tmp_path / "package"
    below = load(package / "below.py", "def work(): return 1\n")
    source = "def run(): return library.call(own) + library.call(below.work)\ndef own(): return 1\n"
    above = load(package / "above.py", source, below=below, library=library)

    calls = walk.record(above.run, package).calls

    assert [(call.file, call.caller_file) for call in calls] == [
        ("above.py", walk.OUTSIDE),
        ("above.py", "above.py"),
        ("below.py", "above.py"),
    ]


def test_a_step_of_a_generator_is_a_call_and_a_comprehension_is_none(tmp_path: Path) -> None:
    source = "def run(): return [n for n in steps()]\ndef steps():\n    yield 1\n    yield 2\n"
    house = load(tmp_path / "house.py", source)

    recorded = walk.record(house.run, tmp_path)

    assert recorded.counts() == Counts(files=1, entries=1, returns=0, house=4)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("signet.py", True),
        ("house.py", True),
        ("house_settings.py", True),
        ("settings.py", False),
        ("sessions/signet.py", False),
        ("house/routes.py", False),
    ],
)
def test_parts_that_moved_out_of_the_house_into_a_file_beside_it_still_count(file: str, expected: bool) -> None:
    assert walk.is_house(file) is expected


def test_what_listened_to_calls_before_listens_again_after_an_error(tmp_path: Path) -> None:
    before = sys.getprofile()

    with pytest.raises(ZeroDivisionError):
        walk.record(lambda: 1 / 0, tmp_path)
    assert sys.getprofile() is before


def test_every_request_is_walked_and_has_the_numbers_from_before(found: dict[str, Walk]) -> None:
    assert list(found) == list(walk.BEFORE)
    assert set(walk.GOALS) <= set(found)
    assert all(each.calls for each in found.values())


def test_two_runs_walk_the_same_way(found: dict[str, Walk]) -> None:
    again = walk.walks()

    assert again == found


def test_the_clock_stands_still_during_a_walk_and_goes_on_afterwards() -> None:
    with walk.time_standing_still():
        readings = [(SYSTEM.time(), SYSTEM.monotonic()) for _ in range(1_000)]

    assert len(set(readings)) == 1
    assert SYSTEM.monotonic() > readings[0][1]


def test_opening_a_connection_is_left_out_of_every_request(found: dict[str, Walk]) -> None:
    functions = {call.function.rpartition(".")[2] for each in found.values() for call in each.calls}

    assert "guarded" in functions
    assert "pragmas" not in functions


def test_a_goal_is_missed_by_one_more_and_met_by_the_number_itself() -> None:
    files = [f"{number}.py" for number in range(8)]
    entered = [Call(file, "work", walk.OUTSIDE, walk.OUTSIDE) for file in files]

    assert walk.missed({walk.SEEN: Walk(tuple(entered[:7]))}) == []
    assert walk.missed({walk.SEEN: Walk(tuple(entered))}) == [f"{walk.SEEN}: 8 files, goal ≤ 7"]


def test_the_check_fails_exactly_where_a_goal_is_missed(
    found: dict[str, Walk], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = walk.missed(found)

    with pytest.raises(SystemExit) as ended:
        walk.main(["--check"])
    assert ended.value.code == (1 if lines else 0)
    assert capsys.readouterr().out.splitlines() == (lines or ["Every goal is met."])


def test_the_page_has_each_number_behind_the_one_from_before() -> None:
    page = walk.page({walk.SEEN: Walk((Call("one.py", "work", walk.OUTSIDE, walk.OUTSIDE),) * 3)})
    before = walk.BEFORE[walk.SEEN]

    assert f"| {walk.SEEN} | files | {before.files} | 1 | ≤ 7 |" in page
    assert f"| {walk.SEEN} | entries | {before.entries} | 3 | – |" in page
    assert f"| {walk.SEEN} | returns to a file left | {before.returns} | 2 | – |" in page


def test_the_list_of_files_says_from_where_each_is_entered(found: dict[str, Walk]) -> None:
    listing = walk.listing(walk.REFRESH, found[walk.REFRESH])

    assert all(f"\n  {file} " in listing for file in found[walk.REFRESH].files)
    assert "× sessions/routes.py refresh → Refreshing.rotate" in listing
