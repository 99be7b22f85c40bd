"""Counters in the database, exact across all workers and machines that share it.

A change reads its counters, decides, and writes them with one upsert in one short transaction. No password is hashed in
that transaction. Each row counts its changes, so the upsert overwrites only the version that was read.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Connection

# Imported to register the table with the metadata.
import flask_signet.throttle.tables as _tables  # noqa: F401  # pyright: ignore[reportUnusedImport]
from flask_signet.exceptions import SignetError, Unavailable
from flask_signet.store import Store
from flask_signet.store.database import Execute
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
        said = self._statements
        by_digest = {key.digest: key for key in keys}
        rows = self._store.driver_rows(said.read[len(by_digest)], tuple(by_digest))
        if said.now is None:
            now = self._now()
        else:
            now = rows[0][3] if rows else self._store.driver_rows(said.now)[0][0]
        return Seen(now, {by_digest[bytes(row[0])]: _decoded(row[1]) for row in rows})

    def change(self, keys: Collection[Key], decide: Decision[T]) -> T:
        """Let *decide* change the counters in one transaction; retry after a conflict with another transaction."""
        if self._instead is not None and (others := self._instead()) is not None:
            return others.change(keys, decide)
        said = self._statements
        by_digest = {key.digest: key for key in sorted(keys, key=lambda key: key.digest)}

        def run(execute: Execute) -> tuple[T, int]:
            rows = execute(said.lock[len(by_digest)], tuple(by_digest)).fetchall()
            now = rows[0][3] if said.now is not None and rows else self._moment(execute)
            before = {by_digest[bytes(row[0])]: row for row in rows}
            result, changes = decide(Seen(now, {key: _decoded(row[1]) for key, row in before.items()}))
            if changes:
                _write(execute, said, changes, {key: row[2] for key, row in before.items()})
            return result, len(changes.keys() - before.keys())

        for _ in range(_LOSSES):
            try:
                result, new_rows = self._store.quickly(run)
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
        now = self._moment(execute)
        execute(said.clean_up, (now, now, CLEAN_UP_ROWS))
        over = execute(said.count).fetchall()[0][0] - self._most
        if over > 0:
            execute(said.push_out, (now, min(over, CLEAN_UP_ROWS)))

    @cached_property
    def _statements(self) -> Statements:
        return SQLITE if self._store.dialect == "sqlite" else POSTGRESQL

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

    def _moment(self, execute: Execute) -> int:
        said = self._statements
        return self._now() if said.now is None else execute(said.now).fetchall()[0][0]


def _write(execute: Execute, said: Statements, changes: Mapping[Key, Entry], before: Mapping[Key, int]) -> None:
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
