"""Whether a user may be let in, and whether the row is still the same user's; see :mod:`.marks`."""

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
    """What holds for a user who may be let in.

    :param epoch: that new tokens carry; it is locked until the commit.
    :param evidence: what the row of the user holds; empty where nothing is asked.
    """

    epoch: int
    evidence: bytes


class Admission:
    """Asks for the standing of a user, and for a sign-out since a moment."""

    def __init__(self, rows: Rows, standing: Standing | None) -> None:
        self._rows = rows
        self._standing = standing

    def admit(self, connection: Connection, user_id: UserId, key: str, since: int | None) -> Admitted:
        """Lock the epoch of a user and return what holds.

        :param key: the string of the id.
        :param since: number of a revocation; a user who was signed out everywhere after it is refused.
        :raises InvalidCredentials: signed out since then, disabled, or gone.
        """
        epoch = self._rows.lock_epoch(connection, key)
        # After the lock: what locks a user out and then ends the sessions has done both, or finds the new session.
        evidence = b"" if self._standing is None else self._standing(user_id, connection)
        if evidence is None:
            raise InvalidCredentials
        if since is not None and connection.execute(statements.SIGNED_OUT, {"user": key, "since": since}).first():
            raise InvalidCredentials
        return Admitted(epoch, evidence)


class SameUser:
    """Compares rows of users with the stored marks."""

    def __init__(self, ground: Ground, *, marks: Marks, standing: Standing | None, ending: Ending) -> None:
        self._store = ground.store
        self._rows = ground.rows
        self._feed = ground.feed
        self._events = ground.events
        self._marks = marks
        self._standing = standing
        self._ending = ending

    def admit(self, user_id: UserId, before: bytes, after: bytes, connection: Connection | None) -> None:
        """Store the mark of *after* beside that of *before*, if *before* fits a stored mark."""
        key = self._rows.key(user_id)

        def run(own: Connection) -> None:
            self._rows.lock_epoch(own, key)
            stored = stored_marks(own, key)
            admitted = self._marks.admitted(stored, key, before, after)
            if admitted is not None and admitted != stored:
                own.execute(statements.SET_MARKS, {"user": key, "marks": admitted})

        self._store.retrying(run, connection)

    def fits(self, user_id: UserId, mark: str) -> bool:
        """Return whether *mark*, which a token carries, and the row as it is now are those of one user."""
        if self._standing is None:
            return True
        evidence, stored = self._read(user_id)
        key = self._rows.key(user_id)
        return evidence is not None and holds(stored, mark) and self._marks.judge(stored, key, evidence).same

    def mark_now(self, user_id: UserId) -> str:
        """Return the mark of a user whose session goes on; end everything if it is another user.

        :raises RevokedTokenError: the user is gone, may not log in, or is not the one who logged in.
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
        """Return the mark of the row as it is now, in a transaction of the caller; ``None`` if the user is gone."""
        evidence = None if self._standing is None else self._standing(user_id, connection)
        return None if evidence is None else self._marks.make(row_user, evidence)

    def judge(self, connection: Connection, key: str, evidence: bytes) -> Judged:
        """Compare the row of a user with the stored marks, and store what holds then; the epoch's row is locked."""
        stored = stored_marks(connection, key)
        judged = self._marks.judge(stored, key, evidence)
        if judged.marks != stored:
            connection.execute(statements.SET_MARKS, {"user": key, "marks": judged.marks})
        return judged

    def emit_replaced(self, user_id: UserId, connection: Connection) -> None:
        """Tell that everything of the former user with this id has ended."""
        self._events.emit(UserReplaced(user_id=user_id), connection)
        self._events.emit(SessionEnded(user_id=user_id, session_id=None, reason="changed"), connection)

    def _read(self, user_id: UserId) -> tuple[bytes | None, str | None]:
        assert self._standing is not None
        with self._store.read() as connection:
            evidence = self._standing(user_id, connection)
            # After the row: a new mark is stored before the row changes.
            return evidence, stored_marks(connection, self._rows.key(user_id))
