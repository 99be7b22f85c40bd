"""The SQL of the counters, as a driver takes it: for each kind of database, and for each number of counters."""

# ruff: noqa: S608 (what is put together here are constants of this module; values are always parameters)

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

MOST_KEYS: Final = 6

_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What is said to one kind of database.

    :param now: gives the server's time in milliseconds; ``None``: the database has no time that is shared.
    :param read: by number of counters: key, state, number of changes and, on a server, its time.
    :param lock: the same; until the end of the transaction no other changes them.
    :param write: by number of counters: writes each that was not changed since it was read.
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
        # In the order of the keys, so that no two wait for each other. On SQLite the transaction itself is the lock.
        return read(number) + (" ORDER BY key FOR UPDATE" if server else "")

    def write(number: int) -> str:
        rows = ", ".join([f"({', '.join([mark] * 5)})"] * number)
        source = f"VALUES {rows}"
        if server:
            # A server that crashes may lose the counts of its last moments. In return no try waits for the disk, with a
            # lock on the row of its network.
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
