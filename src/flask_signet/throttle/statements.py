"""The SQL statements for counters in driver syntax, for each kind of database and each number of counters."""

# ruff: noqa: S608 (only constants of this module are concatenated; values are always parameters)

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

MOST_KEYS: Final = 6

_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """The statements for one kind of database.

    :param now: selects the server's time in milliseconds; ``None``: the database has no shared clock.
    :param read: by number of counters: selects key, state, number of changes and, on a server, its time.
    :param lock: the same, and locks the rows until the end of the transaction.
    :param write: by number of counters: writes each counter that was not changed since it was read.
    """

    now: str | None
    read: Mapping[int, str]
    lock: Mapping[int, str]
    write: Mapping[int, str]
    clean_up: str
    count: str
    push_out: str
    forget: str


def _of(mark: str, *, server: bool) -> Statements:
    def read(number: int) -> str:
        marks = ", ".join([mark] * number)
        return f"SELECT key, state, changes{f', {_NOW}' if server else ''} FROM signet_throttle WHERE key IN ({marks})"

    def lock(number: int) -> str:
        # Lock in the order of the keys, which prevents deadlocks. On SQLite the transaction itself is the lock.
        return read(number) + (" ORDER BY key FOR UPDATE" if server else "")

    def write(number: int) -> str:
        rows = ", ".join([f"({', '.join([mark] * 5)})"] * number)
        source = f"VALUES {rows}"
        if server:
            # A crash of the server may lose the most recent counts. In return no attempt waits for the disk while it
            # holds the lock on the row of its network.
            source = (
                "SELECT k, CAST(s AS bytea), CAST(u AS bigint), CAST(h AS bigint), CAST(c AS bigint)"
                f" FROM (VALUES {rows}) AS v(k, s, u, h, c)"
                " CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS quick"
            )
        return (
            f"INSERT INTO signet_throttle (key, state, until, held_until, changes) {source}"
            " ON CONFLICT (key) DO UPDATE SET state = excluded.state, until = excluded.until,"
            " held_until = excluded.held_until, changes = excluded.changes"
            " WHERE signet_throttle.changes = excluded.changes - 1"
        )

    return Statements(
        now=f"SELECT {_NOW}" if server else None,
        read=_by_number(read),
        lock=_by_number(lock),
        write=_by_number(write),
        clean_up=f"DELETE FROM signet_throttle WHERE until < {mark}"
        f" AND key IN (SELECT key FROM signet_throttle WHERE until < {mark} LIMIT {mark})",
        count="SELECT count(*) FROM signet_throttle",
        push_out="DELETE FROM signet_throttle WHERE key IN (SELECT key FROM signet_throttle"
        f" ORDER BY CASE WHEN held_until > {mark} THEN 1 ELSE 0 END, until LIMIT {mark})",
        forget="DELETE FROM signet_throttle",
    )


def _by_number(make: Callable[[int], str]) -> Mapping[int, str]:
    return {number: make(number) for number in range(1, MOST_KEYS + 1)}


SQLITE: Final = _of("?", server=False)
POSTGRESQL: Final = _of("%s", server=True)
