"""What a test needs, read from its fixtures and its code: so it needs no mark.

======== ==============================================================================================
mark     given to a test that
======== ==============================================================================================
process  starts a program: it reaches ``subprocess``, ``os.fork`` or :class:`~tests.support.processes.Server`
browser  uses the fixture ``browser``; it is a ``process`` too
postgres uses the fixture ``postgres_server``, or has a parameter that begins with ``postgres``
======== ==============================================================================================

`make test` leaves out ``process``, but for the few with the mark ``journey``; `make test-processes` runs the rest.
Where the code does not show it (a program started by a library), :class:`Watch` fails the test and says what to write.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.support.processes import Server

#: Fixtures that start a program.
STARTING_FIXTURES = frozenset({"browser", "processes", "start_server"})

_MODULES = ("subprocess", "multiprocessing", "concurrent.futures.process")
_OS = frozenset({"fork", "forkpty", "posix_spawn", "posix_spawnp", "popen", "spawnv", "spawnvp", "system"})
_ALWAYS = ("__init__", "__post_init__", "__enter__", "__call__")
# One server for all tests of a worker: it is not what the mark is about.
_APART = "tests.support.postgres"


class Reach:
    """Tells whether code can start a program, as far as names in the tests' own modules show."""

    def __init__(self) -> None:
        self._known: dict[types.CodeType, bool] = {}

    def starts(self, function: Callable[..., Any]) -> bool:
        """Tell whether *function* starts a program, itself or by another function of the tests."""
        while not isinstance(function, types.FunctionType):
            inner = getattr(function, "__func__", None) or getattr(function, "func", None)
            if inner is None:
                return False
            function = inner
        function = getattr(function, "__wrapped__", function)
        code = function.__code__
        if code not in self._known:
            self._known[code] = False  # a function that calls itself does not start anything by that
            self._known[code] = self._looked_at(function)
        return self._known[code]

    def _looked_at(self, function: Callable[..., Any]) -> bool:
        codes = list(_nested(function.__code__))
        names = {name for code in codes for name in code.co_names}
        if "subprocess" in names and "subprocess" not in function.__globals__:
            return True  # imported inside the function
        values = [function.__globals__[name] for name in names if name in function.__globals__]
        values += [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
        return any(self._value_starts(value, names, function.__module__) for value in values)

    def _value_starts(self, value: Any, names: set[str], own: str) -> bool:
        if value is Server:
            return True
        if value is os:
            return not names.isdisjoint(_OS)
        module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
        if not isinstance(module, str):
            return False
        if module.startswith(_MODULES):
            return True
        if module == _APART or not _is_of_tests(module, own):
            return False
        if isinstance(value, types.FunctionType):
            return self.starts(value)
        if isinstance(value, types.ModuleType):
            return any(self._value_starts(vars(value)[name], names, own) for name in names & vars(value).keys())
        if isinstance(value, type):
            methods = (vars(value)[name] for name in {*_ALWAYS, *names} & vars(value).keys())
            return any(self.starts(method) for method in methods if callable(method))
        return False


def _is_of_tests(module: str, own: str) -> bool:
    return module == own or module.startswith("tests.")


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - asking is the test
    except ValueError:
        return False
    return True


def mark(items: Iterable[pytest.Item]) -> None:
    """Give each test its marks."""
    reach = Reach()
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        fixtures = set(item.fixturenames)
        definitions = [each for used in item._fixtureinfo.name2fixturedefs.values() for each in used]
        parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
        code = [item.function, *(definition.func for definition in definitions)]
        code += [value for value in parameters.values() if isinstance(value, types.FunctionType)]
        if "browser" in fixtures:
            item.add_marker("browser")
        if fixtures & STARTING_FIXTURES or any(reach.starts(each) for each in code):
            item.add_marker("process")
        if "postgres_server" in fixtures or any(
            isinstance(value, str) and value.startswith("postgres") for value in parameters.values()
        ):
            item.add_marker("postgres")


class Watch:
    """Fails a test that starts a program though it has no mark ``process``: it would make `make test` slow."""

    _EVENTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})

    def __init__(self) -> None:
        self._test: str | None = None
        self._seen: list[str] = []
        sys.addaudithook(self._hear)  # there is no way to take one away: so one for the whole run

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._test is not None and event in self._EVENTS:
            program = str(arguments[0]) if arguments else ""
            if program.rpartition("/")[2] not in {"initdb", "postgres"}:
                self._seen.append(f"{event} {program}".strip())

    def begin(self, item: pytest.Item) -> None:
        """Listen, if *item* has no mark."""
        self._seen.clear()
        self._test = None if item.get_closest_marker("process") else item.nodeid

    def end(self) -> None:
        """Stop listening.

        :raises AssertionError: the test started a program.
        """
        test, self._test = self._test, None
        if test is not None and self._seen:
            raise AssertionError(
                f"{test} starts a program ({self._seen[0]}), which its code does not show. "
                "Let it use the fixture `processes`, so that it runs in `make test-processes`."
            )
