"""Lock, read and change the rows of sessions and epochs in a transaction.

Locks are always taken in this order: the row of the user's epoch, rows of sessions, the head of the feed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId, split
from flask_signet.clock import Moment, SteadyTime
from flask_signet.sessions import statements
from flask_signet.sessions.rotation import Snapshot, unpack


class Row(NamedTuple):
    """A locked row of ``signet_sessions``, with the epoch and the time read after locking it."""

    user_id: str
    user_kind: str
    root_key: int
    epoch: int
    mark: str | None
    access_until: int | None
    snapshot: Snapshot
    moment: Moment


class LockedUser(NamedTuple):
    """What is stored about a user, read together after the user's epoch was locked.

    :param epoch: the epoch that new tokens of the user carry.
    :param marks: the stored marks; see :mod:`flask_signet.sessions.same_user`.
    :param moment: the time after locking.
    """

    epoch: int
    marks: str | None
    moment: Moment


class Rows:
    """Locks, reads and changes rows in the transaction of a caller.

    :param time: the clocks of this process, for SQLite.
    :param canonical: returns the canonical id for any spelling of it, or ``None`` for an unknown id.
    """

    def __init__(self, time: SteadyTime, canonical: Callable[[Any], UserId | None] | None) -> None:
        self._time = time
        self._canonical = canonical

    def key(self, user_id: UserId) -> str:
        """Return the canonical id as a string; sessions and revocations are looked up by it."""
        known = None if self._canonical is None else self._canonical(user_id)
        return split(user_id if known is None else known)[1]

    def moment(self, connection: Connection, arrived: float | None) -> Moment:
        """Return the current time of this database; with PostgreSQL all workers share the server's clock."""
        if connection.dialect.name != "postgresql":
            return self._time.moment(arrived)
        now = connection.execute(statements.POSTGRESQL_NOW).scalar_one()
        waited = 0 if arrived is None else self._time.waited(arrived)
        return Moment(arrived=now - waited, now=now, today=now, here=self._time.today())

    def lock_user(self, connection: Connection, key: str) -> LockedUser:
        """Lock the epoch of a user until the commit, and return what is stored about the user."""
        if connection.dialect.name == "sqlite":
            # The transaction itself is the lock.
            epoch, marks = connection.execute(statements.USER, {"user": key}).one()
            return LockedUser(epoch, marks, self._time.moment())
        connection.execute(statements.MAKE_EPOCH, {"user": key})
        connection.execute(statements.LOCK_EPOCH, {"user": key})
        epoch, marks, now = connection.execute(statements.POSTGRESQL_USER, {"user": key}).one()
        return LockedUser(epoch, marks, Moment(arrived=now, now=now, today=now, here=self._time.today()))

    def lock(self, connection: Connection, sid: str, arrived: float | None) -> Row | None:
        """Lock the row of a session until the commit and return it, or ``None`` if it does not exist."""
        dialect = connection.dialect.name
        row = connection.exec_driver_sql(statements.lock(dialect), (sid,)).first()
        if row is None:
            return None
        # After the lock, so that the epoch is not older than the row and the time not older than its exchanges.
        epoch = (
            row[11]
            if dialect == "sqlite"
            else connection.execute(statements.TOKEN_EPOCH, {"user": row[0]}).scalar_one()
        )
        return row_of(row, epoch, self.moment(connection, arrived))


def row_of(row: Any, epoch: int, moment: Moment) -> Row:
    """Return the result of the locking statement as a :class:`Row`."""
    return Row(
        user_id=row[0],
        user_kind=row[1],
        root_key=row[3],
        epoch=epoch,
        mark=row[9],
        access_until=row[10],
        snapshot=Snapshot(
            generation=row[2],
            exchanged=unpack(bytes(row[4])),
            used_at=row[5],
            idle_ends_at=row[6],
            ends_at=row[7],
            ended=row[8] is not None,
        ),
        moment=moment,
    )


def stored_marks(connection: Connection, key: str) -> str | None:
    """Return the stored marks of a user, without locking."""
    row = connection.execute(statements.MARKS, {"user": key}).first()
    return None if row is None else row.marks


def mark_ended(connection: Connection, sid: str, reason: str, now: int) -> None:
    """Mark the row of a session as ended."""
    connection.execute(statements.END, {"id": sid, "reason": reason, "now": now})


def may_be_id(text: str) -> bool:
    """Return whether *text*, which may come from a URL path, is safe to query: PostgreSQL rejects NUL with an error."""
    return text.isascii() and text.isprintable()
