"""Counters in the database, exact across all workers and machines that share it.

A change reads its counters, decides, and writes them with one upsert in one short transaction. No password is hashed in
that transaction. Each row counts its changes, so the upsert overwrites only the version that was read.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection

# Imported to register the table with the metadata.
import flask_signet.throttle.tables as _tables  # noqa: F401  # pyright: ignore[reportUnusedImport]
from flask_signet.exceptions import SignetError, Unavailable
from flask_signet.store import Store
from flask_signet.store.failures import TransactionLost
from flask_signet.throttle.ports import Counters, Decision, Entry, Key, Seen, State, Tally
from flask_signet.throttle.statements import POSTGRESQL, SQLITE, Statements

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_ROWS = 500_000  # about 100 MB
CLEAN_UP_ROWS = 1_000
CLEAN_UP_AFTER = 500  # new rows by one process

_LOSSES = 10
_TALLY = struct.Struct(">16sIq")


#: Runs one statement and returns a cursor: a connection's ``exec_driver_sql``, or ``execute`` of the driver itself.
_Execute = Callable[..., Any]


class _Lost(Exception):
    """Another transaction changed a counter between our reading and writing."""


class SqlCounters:
    """Counters in ``signet_throttle``.

    :param now: returns milliseconds on a clock that all processes of this machine share and that never steps. On
        PostgreSQL the server's clock is used instead.
    :param most: the maximum number of rows. Beyond it, rows that make no client wait are deleted first.
    :param instead: returns other counters to use, where the caller is in a transaction that these would wait for.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], int],
        most: int = MAX_ROWS,
        instead: Callable[[], Counters | None] | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._most = most
        self._instead = instead
        self._new_rows = 0

    def read(self, keys: Collection[Key]) -> Seen:
        """Return the states of the counters, without a lock."""
        if self._instead is not None and (others := self._instead()) is not None:
            return others.read(keys)
        by_digest = {key.digest: key for key in keys}
        said = self._statements
        with self._store.driver() as driver:
            if driver is not None:
                return self._seen(driver.execute, said, said.read, by_digest)[0]
        with self._store.read() as connection:
            return self._seen(connection.exec_driver_sql, said, said.read, by_digest)[0]

    def change(self, keys: Collection[Key], decide: Decision[T]) -> T:
        """Let *decide* change the counters in one transaction; retry after a conflict with another transaction."""
        if self._instead is not None and (others := self._instead()) is not None:
            return others.change(keys, decide)
        by_digest = {key.digest: key for key in sorted(keys, key=lambda key: key.digest)}
        said = self._statements

        def run(execute: _Execute) -> tuple[T, int]:
            seen, before = self._seen(execute, said, said.lock, by_digest)
            result, changes = decide(seen)
            if changes:
                _write(execute, said, changes, before)
            return result, len(changes.keys() - before.keys())

        for _ in range(_LOSSES):
            try:
                result, new_rows = self._transact(run)
            except (_Lost, TransactionLost):
                continue
            self._clean_up_after(new_rows)
            return result
        raise Unavailable("Too many tries of one name or network at once", retry_after=1)

    def forget(self) -> None:
        """Delete all counts."""
        with self._store.write() as connection:
            connection.exec_driver_sql(self._statements.forget)

    def clean_up(self, connection: Connection) -> None:
        """Delete rows that have no effect any more, and some of the rows beyond the limit."""
        execute, said = connection.exec_driver_sql, self._statements
        now = self._moment(execute, said)
        execute(said.clean_up, (now, now, CLEAN_UP_ROWS))
        over = execute(said.count).fetchall()[0][0] - self._most
        if over > 0:
            execute(said.push_out, (now, min(over, CLEAN_UP_ROWS)))

    @property
    def _statements(self) -> Statements:
        return SQLITE if self._store.dialect == "sqlite" else POSTGRESQL

    def _transact(self, run: Callable[[_Execute], T]) -> T:
        """Run *run* in one transaction, directly on the driver if possible, and return its result."""
        with self._store.driver() as driver:
            if driver is not None:
                with _transaction(driver.execute, self._store):
                    return run(driver.execute)
        return self._store.retrying(lambda connection: run(connection.exec_driver_sql))

    def _clean_up_after(self, new_rows: int) -> None:
        """Delete old rows as fast as new rows are added, also if no login succeeds."""
        self._new_rows += new_rows
        if self._new_rows < CLEAN_UP_AFTER:
            return
        self._new_rows = 0
        try:
            self._store.retrying(self.clean_up)
        except SignetError as error:
            log.warning("Old counts of the throttle could not be deleted: %s", error)

    def _seen(
        self, execute: _Execute, said: Statements, select: Mapping[int, str], by_digest: Mapping[bytes, Key]
    ) -> tuple[Seen, dict[Key, int]]:
        """Return the states of counters, and the number of changes of each key."""
        rows = execute(select[len(by_digest)], tuple(by_digest)).fetchall()
        now = rows[0][3] if said.now is not None and rows else self._moment(execute, said)
        states = {by_digest[bytes(row[0])]: _decoded(row[1]) for row in rows}
        return Seen(now, states), {by_digest[bytes(row[0])]: row[2] for row in rows}

    def _moment(self, execute: _Execute, said: Statements) -> int:
        return self._now() if said.now is None else execute(said.now).fetchall()[0][0]


@contextmanager
def _transaction(execute: _Execute, store: Store) -> Generator[None, None, None]:
    """Run the block in a transaction on the driver. If the block fails, the owner of the driver closes it."""
    server = store.dialect != "sqlite"
    # Our own SQLite file has a write-ahead log, so this commit need not wait for the disk. A power failure may lose the
    # most recent counts, and nothing else.
    quick = not server and store.own_file
    if quick:
        execute("PRAGMA synchronous = NORMAL")
    execute("BEGIN" if server else "BEGIN IMMEDIATE")
    yield
    execute("COMMIT")
    if quick:
        execute("PRAGMA synchronous = FULL")


def _write(execute: _Execute, said: Statements, changes: Mapping[Key, Entry], before: Mapping[Key, int]) -> None:
    """Write the changed counters.

    :raises _Lost: a counter was changed after it was read.
    """
    values: list[Any] = []
    for key, entry in sorted(changes.items(), key=lambda change: change[0].digest):
        values += (key.digest, _encoded(entry.state), entry.until, entry.held_until, before.get(key, 0) + 1)
    if execute(said.write[len(changes)], tuple(values)).rowcount != len(changes):
        raise _Lost


def _encoded(state: State) -> bytes:
    return b"".join(_TALLY.pack(tally.user, min(tally.number, 0xFFFF_FFFF), tally.at) for tally in state)


def _decoded(stored: bytes) -> State:
    return tuple(Tally(*fields) for fields in _TALLY.iter_unpack(bytes(stored)))
