"""The path of a request through the package: how many files it enters, and how often it returns to one.

Nothing is timed. Five requests run through a real application (built-in accounts, a SQLite file, the test client), and
every call of a function of the package is recorded. Two uncounted rounds run first, so that opening connections and
creating keys are not counted. The clock is stopped, so that each run gives the same numbers.

What is counted, for one request:

- *Calls*: how often a function of the package starts or one of its generators resumes. A comprehension belongs to the
  function around it.
- *Files*: in how many files of the package at least one call ran.
- *Entries*: calls that come from another file of the package, or from outside of it. Frames of libraries in between do
  not count: a function that SQLAlchemy calls back is called by the function that called SQLAlchemy. A ``return`` is no
  entry.
- *Returns to a file left*: entries into a file that this request had entered before. So each file has one entry that is
  its first, and all others are returns: returns = entries - files.
- *Calls into house or signet*: calls of functions in ``signet.py``, ``house.py`` and ``house_*.py``, also from within
  these files. In version 0.1.1 all of that was ``signet.py``.

``python -m benchmarks.walk --files`` prints the files in the order of their first entry, and from where each is
entered. ``python -m benchmarks.walk --check`` exits with 1 where a goal is missed. Neither writes the table.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest import mock

from flask import Flask

import flask_signet
from benchmarks import measure
from flask_signet import jwt_required

PACKAGE = Path(flask_signet.__file__).parent
OUTSIDE = "(outside)"
ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
USERNAME, PASSWORD = "alesanchezr", "a long enough password"

# Only the last one counts. The first refresh keeps the connection of the logins for itself, so the second round opens
# one more.
_ROUNDS = 3

# From Python 3.12 on these have no frame of their own.
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of one request."""

    files: int
    entries: int
    returns: int
    house: int

    def rows(self) -> tuple[tuple[str, int], ...]:
        """Return each number with its name in the table."""
        return (
            ("files", self.files),
            ("entries", self.entries),
            ("returns to a file left", self.returns),
            ("calls into house or signet", self.house),
        )


LOGIN = "POST /token, right password"
WRONG = "POST /token, wrong password"
NEW = "GET /protected, first time with a token"
SEEN = "GET /protected, token seen before"
REFRESH = "POST /token/refresh"

# Fixed numbers: version 0.1.1, before the ways were made shorter.
BEFORE_VERSION = "0.1.1"
BEFORE: Mapping[str, Counts] = {
    LOGIN: Counts(files=44, entries=146, returns=102, house=68),
    WRONG: Counts(files=30, entries=65, returns=35, house=20),
    NEW: Counts(files=15, entries=24, returns=9, house=2),
    SEEN: Counts(files=10, entries=16, returns=6, house=2),
    REFRESH: Counts(files=33, entries=95, returns=62, house=90),
}

GOALS: Mapping[str, Mapping[str, int]] = {
    LOGIN: {"files": 25, "returns to a file left": 35},
    SEEN: {"files": 7},
    REFRESH: {"calls into house or signet": 10},
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function of the package: where it runs, and which function of the package it comes from."""

    file: str
    function: str
    caller_file: str
    caller: str

    @property
    def enters(self) -> bool:
        """Whether the call comes from another file, or from outside of the package."""
        return self.file != self.caller_file


@dataclass(frozen=True)
class Walk:
    """All calls of one request, in their order."""

    calls: tuple[Call, ...]

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The files, in the order of their first entry."""
        return tuple(dict.fromkeys(call.file for call in self.calls))

    @cached_property
    def entries(self) -> tuple[Call, ...]:
        """The calls that enter a file."""
        return tuple(call for call in self.calls if call.enters)

    def counts(self) -> Counts:
        """Return the numbers."""
        return Counts(
            files=len(self.files),
            entries=len(self.entries),
            returns=len(self.entries) - len(self.files),
            house=sum(is_house(call.file) for call in self.calls),
        )


def is_house(file: str) -> bool:
    """Return whether *file* puts the parts of an application together, which a request should rarely need."""
    return file == "signet.py" or (file.startswith("house") and "/" not in file)


# --- Noting calls ----------------------------------------------------------------------------------------------------


def record(work: Callable[[], Any], folder: Path = PACKAGE) -> Walk:
    """Run *work* in this thread and return the calls of functions whose source is in *folder*."""
    prefix = f"{folder}{os.sep}"
    calls: list[Call] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(prefix) or code.co_name in _COMPREHENSIONS:
            return
        above = frame.f_back
        while above is not None and not above.f_code.co_filename.startswith(prefix):
            above = above.f_back
        file, function = _place(code, prefix)
        caller_file, caller = (OUTSIDE, OUTSIDE) if above is None else _place(above.f_code, prefix)
        calls.append(Call(file, function, caller_file, caller))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return Walk(tuple(calls))


def _place(code: CodeType, prefix: str) -> tuple[str, str]:
    file = code.co_filename.removeprefix(prefix).replace(os.sep, "/")
    return file, getattr(code, "co_qualname", code.co_name)  # Python 3.10 has the short name only


# --- The requests ----------------------------------------------------------------------------------------------------


def application(folder: Path) -> Flask:
    """Return an application with the built-in accounts, one user and one guarded view."""
    from flask_signet import Signet
    from flask_signet.store import schema

    app = Flask("walk", instance_path=str(folder))
    app.config["SIGNET_ROOT_KEY"] = ROOT_KEY
    signet = Signet(app)
    app.add_url_rule("/protected", "protected", jwt_required()(lambda: "in"))
    schema.upgrade(signet.store)
    signet.users.create(USERNAME, PASSWORD)
    return app


def walks() -> dict[str, Walk]:
    """Return the walk of each request, by its name in the table."""
    with tempfile.TemporaryDirectory() as folder, time_standing_still():
        app = application(Path(folder))
        client = app.test_client()
        found: dict[str, Walk] = {}

        def send(name: str, status: int, method: str, path: str, **request: Any) -> Any:
            answers: list[Any] = []
            found[name] = record(lambda: answers.append(client.open(path, method=method, **request)))
            if answers[0].status_code != status:
                raise RuntimeError(f"{name} answered {answers[0].status}: {answers[0].text}")
            return answers[0].get_json(silent=True)

        for _ in range(_ROUNDS):
            send(WRONG, 401, "POST", "/token", json={"username": USERNAME, "password": "a wrong password"})
            tokens = send(LOGIN, 200, "POST", "/token", json={"username": USERNAME, "password": PASSWORD})
            headers = {"Authorization": f"Bearer {tokens['token']}"}
            send(NEW, 200, "GET", "/protected", headers=headers)
            send(SEEN, 200, "GET", "/protected", headers=headers)
            send(REFRESH, 200, "POST", "/token/refresh", json={"refresh_token": tokens["refresh_token"]})
        app.extensions["signet"].close()
    return {name: found[name] for name in (LOGIN, WRONG, NEW, SEEN, REFRESH)}


@contextmanager
def time_standing_still() -> Generator[None]:
    """Keep what is looked at again after a second, or cleaned up now and then, out of the requests.

    The functions of the machine are replaced and not the application's clock, so that its file counts as ever.
    """
    now, steady = time.time(), time.monotonic()
    with mock.patch("time.time", return_value=now), mock.patch("time.monotonic", return_value=steady):
        yield


# --- What is shown ---------------------------------------------------------------------------------------------------


def missed(found: Mapping[str, Walk]) -> list[str]:
    """Return a line for each goal that is missed."""
    return [
        f"{name}: {number} {what}, goal ≤ {GOALS[name][what]}"
        for name, walk in found.items()
        for what, number in walk.counts().rows()
        if what in GOALS.get(name, {}) and number > GOALS[name][what]
    ]


def listing(name: str, walk: Walk) -> str:
    """Return the files of one request, in the order of their first entry, and from where each is entered."""
    calls = Counter(call.file for call in walk.calls)
    entries = Counter(call.file for call in walk.entries)
    counts = walk.counts()
    lines = [f"{name}: {counts.files} files, {counts.entries} entries, {counts.returns} returns", ""]
    for file in walk.files:
        lines.append(f"  {file:32} entries {entries[file]:3}  calls {calls[file]:3}")
        ways = Counter(
            (f"{call.caller_file} {call.caller}", call.function) for call in walk.entries if call.file == file
        )
        lines += [f"  {count:5} × {caller} → {function}" for (caller, function), count in ways.most_common()]
    return "\n".join([*lines, ""])


def page(found: Mapping[str, Walk]) -> str:
    """Return the table with what its words mean."""
    rows: list[list[object]] = []
    for name, walk in found.items():
        before = dict(BEFORE[name].rows())
        for what, number in walk.counts().rows():
            goal = GOALS.get(name, {}).get(what)
            rows.append([name, what, before[what], number, "–" if goal is None else f"≤ {goal}"])
    note = (
        "How many files a reader opens to follow one request, and how often one of them again. Measured with the "
        "built-in accounts, a SQLite file and the test client, after two rounds that open what is opened once. Nothing "
        "is timed, and each run gives the same numbers.\n\n"
        "- *files*: files of the package in which at least one function runs.\n"
        "- *entries*: calls from another file of the package, or from outside of it. Library code between two "
        "functions of the package is skipped. A `return` is no entry.\n"
        "- *returns to a file left*: entries into a file that the request had entered before: entries less files.\n"
        "- *calls into house or signet*: calls of functions in `signet.py`, `house.py` and `house_*.py`, and steps of "
        "generators there, also where the caller is in the same file. In version 0.1.1 all of that was `signet.py`.\n\n"
        "`python -m benchmarks.walk --files` lists the files of each request and from where they are entered."
    )
    head = ["request", "counted", f"before (version {BEFORE_VERSION})", "now", "goal"]
    return measure.table("The way of a request", head, rows, note)


def main(arguments: Sequence[str] = ()) -> None:
    """Write the table, or do what the option says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walk", description="Count what a request enters.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--files", action="store_true", help="print the files of each request; write nothing")
    choice.add_argument("--check", action="store_true", help="exit with 1 where a goal is missed; write nothing")
    options = parser.parse_args(arguments)
    found = walks()
    if options.files:
        print("\n".join(listing(name, walk) for name, walk in found.items()))
    elif options.check:
        lines = missed(found)
        print("\n".join(lines) or "Every goal is met.")
        sys.exit(1 if lines else 0)
    else:
        measure.publish("walk", page(found))


if __name__ == "__main__":
    main(sys.argv[1:])
