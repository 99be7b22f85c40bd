"""Check that a user may log in, and that the row still belongs to the same user; see :mod:`.marks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.exceptions import InvalidCredentials, RevokedTokenError
from flask_signet.sessions import statements
from flask_signet.sessions.ending import Ending
from flask_signet.sessions.events import SessionEnded, UserReplaced
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.marks import Judged, Marks, holds
from flask_signet.sessions.rows import Rows, stored_marks

Standing = Callable[[Any, Connection], "bytes | None"]


class Admitted(NamedTuple):
    """The epoch and the evidence of a user who may log in.

    :param epoch: the epoch that new tokens carry; it is locked until the commit.
    :param evidence: the evidence in the user's row; empty if no row is read.
    """

    epoch: int
    evidence: bytes


class Admission:
    """Checks that a user may log in and was not signed out since the attempt began."""

    def __init__(self, rows: Rows, standing: Standing | None) -> None:
        self._rows = rows
        self._standing = standing

    def admit(self, connection: Connection, user_id: UserId, key: str, since: int | None) -> Admitted:
        """Lock the epoch of a user and return it with the evidence.

        :param key: the id as a string.
        :param since: number of a revocation; a user who was signed out everywhere after it is refused.
        :raises InvalidCredentials: the user was signed out since then, is disabled, or was deleted.
        """
        epoch = self._rows.lock_epoch(connection, key)
        # After the lock: code that disables a user and then ends the sessions either has done both by now, or will
        # find the new session.
        evidence = b"" if self._standing is None else self._standing(user_id, connection)
        if evidence is None:
            raise InvalidCredentials
        if since is not None and connection.execute(statements.SIGNED_OUT, {"user": key, "since": since}).first():
            raise InvalidCredentials
        return Admitted(epoch, evidence)


class SameUser:
    """Compares users' rows with the stored marks."""

    def __init__(self, ground: Ground, *, marks: Marks, standing: Standing | None, ending: Ending) -> None:
        self._store = ground.store
        self._rows = ground.rows
        self._feed = ground.feed
        self._events = ground.events
        self._marks = marks
        self._standing = standing
        self._ending = ending

    def admit(self, user_id: UserId, before: bytes, after: bytes, connection: Connection | None) -> None:
        """Store the mark of *after* beside that of *before*, if *before* matches a stored mark."""
        key = self._rows.key(user_id)

        def run(own: Connection) -> None:
            self._rows.lock_epoch(own, key)
            stored = stored_marks(own, key)
            admitted = self._marks.admitted(stored, key, before, after)
            if admitted is not None and admitted != stored:
                own.execute(statements.SET_MARKS, {"user": key, "marks": admitted})

        self._store.retrying(run, connection)

    def fits(self, user_id: UserId, mark: str) -> bool:
        """Return whether *mark*, which a token carries, and the current row belong to the same user."""
        if self._standing is None:
            return True
        evidence, stored = self._read(user_id)
        key = self._rows.key(user_id)
        return evidence is not None and holds(stored, mark) and self._marks.judge(stored, key, evidence).same

    def mark_now(self, user_id: UserId) -> str:
        """Return the mark of a user whose session continues; end all sessions if the row belongs to another user.

        :raises RevokedTokenError: the user was deleted, may not log in, or is not the user who logged in.
        """
        key = self._rows.key(user_id)
        evidence, stored = self._read(user_id)
        if evidence is None:
            self._ending.end_user(user_id, keep=None, reason="inactive", connection=None)
            raise RevokedTokenError("The session is over")
        judged = self._marks.judge(stored, key, evidence)
        if judged.same and judged.marks == stored:
            return judged.mark

        def run(own: Connection) -> Judged:
            self._rows.lock_epoch(own, key)
            again = self.judge(own, key, evidence)
            if not again.same:
                self._feed.append(own, [self._ending.end_tokens(own, key, keep=None, reason="changed")])
                self.emit_replaced(user_id, own)
            return again

        judged = self._store.retrying(run)
        if not judged.same:
            raise RevokedTokenError("The session is over")
        return judged.mark

    def mark_of(self, row_user: str, user_id: UserId, connection: Connection) -> str | None:
        """Return the mark of the current row, in the caller's transaction; ``None`` if the user was deleted."""
        evidence = None if self._standing is None else self._standing(user_id, connection)
        return None if evidence is None else self._marks.make(row_user, evidence)

    def judge(self, connection: Connection, key: str, evidence: bytes) -> Judged:
        """Compare a user's row with the stored marks and store the new marks; the caller holds the epoch's lock."""
        stored = stored_marks(connection, key)
        judged = self._marks.judge(stored, key, evidence)
        if judged.marks != stored:
            connection.execute(statements.SET_MARKS, {"user": key, "marks": judged.marks})
        return judged

    def emit_replaced(self, user_id: UserId, connection: Connection) -> None:
        """Emit the events that all sessions of the former user with this id have ended."""
        self._events.emit(UserReplaced(user_id=user_id), connection)
        self._events.emit(SessionEnded(user_id=user_id, session_id=None, reason="changed"), connection)

    def _read(self, user_id: UserId) -> tuple[bytes | None, str | None]:
        assert self._standing is not None
        with self._store.read() as connection:
            evidence = self._standing(user_id, connection)
            # Read the marks after the row: a new mark is stored before the row changes.
            return evidence, stored_marks(connection, self._rows.key(user_id))
