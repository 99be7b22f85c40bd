"""A refresh through the service against the same statements sent raw: SQLite (FULL) and PostgreSQL (4 processes).

Both sides read and write the same columns with the same durability; Flask-Signet also checks and creates a refresh
token.
Access tokens are not signed here: that happens outside the transaction and is measured by ``verify``.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure
from flask_signet.clock import SYSTEM
from flask_signet.sessions import statements
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.rotation import pack, push, unpack
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.settings import SessionSettings
from flask_signet.store import Store, StoreSettings, open_root_keys, schema
from flask_signet.store.clock_offset import steady_time
from flask_signet.store.engines import FILE_NAME

ROUNDS = 11
SQLITE_CALLS = 300
PROCESSES = 4
SECONDS = 1.0
ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
# Without grace no refresh is taken for one of a storm, so each one writes.
SETTINGS = SessionSettings(grace=0)


@dataclass(frozen=True)
class Unsigned:
    """An access token that costs nothing."""

    text: str = ""
    expires_in: int | None = None


def service(folder: Path, url: str | None = None) -> tuple[Sessions, Store]:
    """Return the session service over one database."""
    where = StoreSettings(folder=folder, url=url, root_key=ROOT_KEY)
    store = Store(where)
    sessions = Sessions(
        store=store,
        root_keys=open_root_keys(where, clock=SYSTEM, server_database=url is not None),
        feed=Feed(store, lambda: SETTINGS, SYSTEM),
        settings=lambda: SETTINGS,
        clock=SYSTEM,
        time=steady_time(SYSTEM, folder),
        issue=lambda _user, **_claims: Unsigned(),
    )
    return sessions, store


# --- SQLite ----------------------------------------------------------------------------------------------


def sqlite_row() -> list[object]:
    """Return one row of the table: one process, the default file."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # a disk; /tmp may be memory
        sessions, store = service(Path(folder))
        token = sessions.open(1).refresh_token
        sid = sessions.open(2).session_id
        raw = sqlite3.connect(Path(folder) / FILE_NAME, isolation_level=None)
        raw.execute("PRAGMA synchronous = FULL")

        def send_raw() -> int:
            for _ in range(SQLITE_CALLS):
                raw.execute("BEGIN IMMEDIATE")
                row = raw.execute(statements.lock("sqlite"), (sid,)).fetchone()
                now = int(time.time() * 1000)
                exchanged = pack(push(unpack(row[4]), now))
                values = (row[2] + 1, 1, exchanged, now, now + 10**9, now + 10**9, sid, row[2])
                raw.execute(statements.advance("sqlite"), values)
                raw.execute("COMMIT")
            return SQLITE_CALLS

        def ours() -> int:
            nonlocal token
            for _ in range(SQLITE_CALLS):
                token = sessions.rotate(token).refresh_token
            return SQLITE_CALLS

        taken = measure.interleaved({"raw": send_raw, "ours": ours}, ROUNDS)
        raw.close()
        store.dispose()
    return _row("SQLite, synchronous=FULL, 1 process", taken, "≥ 0.6")


# --- PostgreSQL ------------------------------------------------------------------------------------------


def _raw_process(url: str, sid: str, start: Any, counts: Any, number: int) -> None:
    import psycopg

    generation = 1
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(ROUNDS):
            start.wait()
            count, end = 0, time.perf_counter() + SECONDS
            while time.perf_counter() < end:
                until = int(time.time() * 1000) + 10**9
                values = (1, SETTINGS.idle * 1000, until, until, sid, generation, 0)
                connection.execute(statements.POSTGRESQL_ROTATE, values).fetchone()
                generation += 1
                count += 1
            counts[number] = count
            start.wait()


def _our_process(url: str, folder: str, start: Any, counts: Any, number: int) -> None:
    sessions, store = service(Path(folder), url)
    token = sessions.open(number + 10).refresh_token
    for _ in range(ROUNDS):
        start.wait()
        count, end = 0, time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            token = sessions.rotate(token).refresh_token
            count += 1
        counts[number] = count
        start.wait()
    store.dispose()


def postgresql_row() -> list[object] | None:
    """Return one row of the table: four processes, one statement each way; ``None`` without a server."""
    from tests.support.postgres import find_binaries

    binaries = find_binaries()
    if binaries is None:
        return None
    server = durable_server(binaries)
    try:
        server.start()
        url = server.create_database()
        with tempfile.TemporaryDirectory() as folder:
            return _row(*_four_processes(url, folder))
    finally:
        server.remove()


def durable_server(binaries: Path) -> Any:
    """Return the tests' server, whose commits wait for the disk here as they do in earnest."""
    from tests.support.postgres import PostgresServer

    class Durable(PostgresServer):
        def _spawn(self) -> subprocess.Popen[bytes]:
            command = [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1"]
            with open(self._folder / "log", "ab") as log:
                return subprocess.Popen(
                    [*command, "-k", ""], stdout=log, stderr=log, user=self._user, cwd="/", start_new_session=True
                )

    return Durable(binaries)


def _four_processes(url: str, folder: str) -> tuple[str, dict[str, list[float]], str]:
    sessions, store = service(Path(folder), url)
    schema.upgrade(store)
    context = multiprocessing.get_context("spawn")
    starts = {name: context.Barrier(PROCESSES + 1) for name in ("raw", "ours")}
    counts = {name: context.Array("q", PROCESSES) for name in ("raw", "ours")}
    processes: list[Any] = []
    for number in range(PROCESSES):
        sid = sessions.open(number).session_id
        raw = (url, sid, starts["raw"], counts["raw"], number)
        processes.append(context.Process(target=_raw_process, args=raw))
        ours = (url, folder, starts["ours"], counts["ours"], number)
        processes.append(context.Process(target=_our_process, args=ours))
    store.dispose()
    for process in processes:
        process.start()
    taken: dict[str, list[float]] = {"raw": [], "ours": []}
    for _ in range(ROUNDS):
        for name in ("raw", "ours"):
            starts[name].wait()
            starts[name].wait()
            taken[name].append(SECONDS / sum(counts[name]))
    for process in processes:
        process.join()
    return "PostgreSQL, 4 processes", taken, "≥ 0.7"


def _row(name: str, taken: dict[str, list[float]], goal: str) -> list[object]:
    raw, ours = (round(1 / measure.median(taken[side])) for side in ("raw", "ours"))
    return [name, raw, ours, measure.ratio(taken, "raw", "ours"), goal]


def main() -> None:
    """Print the table."""
    rows = [row for row in (sqlite_row(), postgresql_row()) if row is not None]
    head = ["store", "raw statements / s", "refreshes / s", "ours / raw", "goal"]
    note = "Medians of interleaved rounds. Compare the ratio, because disks differ."
    measure.publish(
        "refresh", measure.table("A refresh through the service against its raw statements", head, rows, note)
    )
