"""Call functions after the commit of a transaction, and never after its rollback.

SQLAlchemy has an event before a commit, but none after it. The event before the commit therefore only marks the waiting
functions. They are called at the next sign that the commit succeeded: the connection goes back to its pool, or a new
transaction begins on it. If the commit fails, the error event drops them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, NestedTransaction, event

Run = Callable[[], None]

#: The key in ``Connection.info`` under which functions wait.
WAITING = "flask-signet-after-commit"


@dataclass(slots=True)
class _Entry:
    """A waiting function and the savepoint that it depends on; ``None`` if it depends on the whole transaction only."""

    run: Run
    savepoint: NestedTransaction | None


class _Waiting:
    """The functions that wait for the transactions of one connection.

    :param due: the list that receives the functions before the commit; ``None`` if this class calls them.
    """

    def __init__(self, connection: Connection, due: list[Run] | None) -> None:
        self._connection = weakref.ref(connection)
        self._due = due
        self._entries: list[_Entry] = []
        self._released: NestedTransaction | None = None
        self._committed: list[Run] = []
        for name, listener in (
            ("begin", self._begins),
            ("commit", self._commits),
            ("commit_twophase", self._commits),
            ("rollback", self._rolls_back),
            ("rollback_twophase", self._rolls_back),
            ("savepoint", self._saves),
            ("release_savepoint", self._releases),
            ("rollback_savepoint", self._rolls_back_to_savepoint),
        ):
            event.listen(connection, name, listener)

    @property
    def connection(self) -> Connection | None:
        return self._connection()

    def add(self, run: Run, connection: Connection) -> None:
        self._place_released(connection)
        self._entries.append(_Entry(run, connection.get_nested_transaction()))

    def tell(self) -> None:
        """Call the functions whose transaction was committed."""
        committed, self._committed = self._committed, []
        for run in committed:
            run()

    def forget_commit(self) -> None:
        """Drop the functions of a commit that failed."""
        self._committed.clear()

    def _begins(self, _connection: Connection, *_: Any) -> None:
        self.tell()

    def _commits(self, connection: Connection, *_: Any) -> None:
        self._place_released(connection)
        # An active savepoint is committed with the transaction; an inactive one was rolled back by an outer one.
        kept = [each for each in self._entries if each.savepoint is None or each.savepoint.is_active]
        (self._committed if self._due is None else self._due).extend(each.run for each in kept)
        self._entries.clear()

    def _rolls_back(self, _connection: Connection, *_: Any) -> None:
        self._entries.clear()
        self._released = None

    def _saves(self, connection: Connection, *_: Any) -> None:
        self._place_released(connection)

    def _releases(self, connection: Connection, *_: Any) -> None:
        self._place_released(connection)
        self._released = connection.get_nested_transaction()

    def _rolls_back_to_savepoint(self, connection: Connection, *_: Any) -> None:
        self._place_released(connection)
        gone = connection.get_nested_transaction()
        self._entries = [each for each in self._entries if each.savepoint is not gone]

    def _place_released(self, connection: Connection) -> None:
        """Make the functions of a released savepoint depend on the transaction or savepoint that encloses it.

        The event comes before the release, so the enclosing one is known only afterwards.
        """
        released, self._released = self._released, None
        if released is None:
            return
        around = connection.get_nested_transaction()
        for each in self._entries:
            if each.savepoint is released:
                each.savepoint = around


def after_commit(connection: Connection, run: Run, *, due: list[Run] | None = None) -> None:
    """Call *run* after the commit of the transaction of *connection*; never if it, or its savepoint, is rolled back.

    :param run: must not raise.
    :param due: append *run* to this list instead. The owner of the list calls the functions in it after a successful
        commit, once the connection is free again.
    """
    lists: list[_Waiting] = connection.info.setdefault(WAITING, [])
    waiting = next((each for each in lists if each.connection is connection), None)
    if waiting is None:
        # Registering the same listener twice has no effect.
        event.listen(connection.engine, "handle_error", _failed)
        event.listen(connection.engine.pool, "checkin", _gone_back)
        waiting = _Waiting(connection, due)
        lists.append(waiting)
    waiting.add(run, connection)


def _failed(context: Any) -> None:
    """Drop the functions of a commit that failed: SQLAlchemy emits no rollback event for it."""
    connection: Connection | None = context.connection
    if connection is None or connection.closed or connection.invalidated:
        return
    for each in connection.info.get(WAITING, ()):
        if each.connection is connection:
            each.forget_commit()


def _gone_back(driver: Any, record: Any) -> None:
    """Call the waiting functions when a driver connection goes back to its pool."""
    lists: list[_Waiting] | None = record.info.get(WAITING)
    if not lists:
        return
    if driver is None:  # the connection broke: whether the last commit succeeded is unknown
        lists.clear()
        return
    # Several connections may share one driver connection (a database in memory), so this entry may belong to another.
    record.info[WAITING] = [each for each in lists if each.connection is not None]
    for each in lists:
        each.tell()
