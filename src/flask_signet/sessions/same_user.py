"""Check that a user may log in, and that the user's row still belongs to the user of a session or token.

An id alone does not identify a user for ever. A database may reuse the id of a deleted user (SQLite does, without
``AUTOINCREMENT``), and then the old tokens would open the new account. So each user has a *mark*: a truncated HMAC,
under a key derived from the root key, over the canonical id and the *evidence* in the row. The evidence is the
password hash, or the column that ``SQLAlchemyUsers(..., stamp="...")`` names; for built-in accounts it is the time
at which the account was created. Without the root key, a mark cannot be computed and reveals nothing about the hash.

``signet_epochs.marks`` holds the current marks of one user, the newest first. There may be several, because the hash
may change without a change of the user: a login renews a hash with old parameters. The new mark is stored before the
new hash, so a concurrent refresh finds a mark for either hash. If the row matches none of the marks, it belongs to
another user, or the password was changed outside of Flask-Signet: all sessions and tokens of the old user end.

A mark begins with the number of the root key that made it, so it can still be compared after a root key rotation.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.exceptions import InvalidCredentials, RevokedTokenError
from flask_signet.sessions import statements
from flask_signet.sessions.ending import Ending
from flask_signet.sessions.events import SessionEnded, UserReplaced
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.rows import LockedUser, Rows, stored_marks
from flask_signet.sessions.session_tokens import RootKeys
from flask_signet.store.root_key_labels import Label
from flask_signet.tokens import base64url

LABEL: Final[Label] = "user-mark"

_BYTES = 12  # of the HMAC: 96 bits, 16 characters
_KEPT = 8  # marks of one user; each has 18 to 22 characters, and the column holds 255

Standing = Callable[[Any, Connection], "bytes | None"]


# --- Marks, without a store -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The result of comparing a user's row with the stored marks.

    :param mark: the mark of the row, under the current root key.
    :param marks: the marks to store.
    :param same: whether the row belongs to the user of the stored marks.
    """

    mark: str
    marks: str
    same: bool


class Marks:
    """Makes and compares marks."""

    def __init__(self, root_keys: RootKeys) -> None:
        self._root_keys = root_keys

    def make(self, user: str, evidence: bytes) -> str:
        """Return the mark of a user.

        :param user: the canonical id.
        :param evidence: the evidence in the row; empty if the row has none.
        """
        number = self._root_keys.current_number
        return self._made(user, evidence, number)

    def fits(self, mark: str, user: str, evidence: bytes) -> bool | None:
        """Return whether *mark* was made from this user and evidence; ``None`` if its root key is no longer known."""
        number, dot, _ = mark.partition(".")
        if not dot or not number.isascii() or not number.isdecimal():
            return False
        try:
            expected = self._made(user, evidence, int(number))
        except (LookupError, ValueError):
            return None
        return hmac.compare_digest(expected.encode(), mark.encode(errors="surrogatepass"))

    def judge(self, stored: str | None, user: str, evidence: bytes) -> Judged:
        """Compare a user's row with the stored marks.

        A user without a stored mark counts as the same user, and the mark is stored. So does a user whose marks were
        all made under a removed root key; refresh tokens under that key are refused anyway.
        """
        mark = self.make(user, evidence)
        marks = split(stored)
        if stored and marks[0] == mark:
            return Judged(mark=mark, marks=stored, same=True)  # the usual case
        answers = [self.fits(each, user, evidence) for each in marks]
        if not marks or all(answer is None for answer in answers):
            return Judged(mark=mark, marks=mark, same=True)
        if True not in answers:
            return Judged(mark=mark, marks=mark, same=False)
        return Judged(mark=mark, marks=joined([mark, *marks]), same=True)

    def admitted(self, stored: str | None, user: str, before: bytes, after: bytes) -> str | None:
        """Return the marks to store before *before* is replaced by *after*; ``None`` if *before* is another user's."""
        judged = self.judge(stored, user, before)
        return joined([self.make(user, after), *split(judged.marks)]) if judged.same else None

    def _made(self, user: str, evidence: bytes, number: int) -> str:
        key = self._root_keys.derive(LABEL, number)
        # With the length in front, two different pairs of id and evidence never give the same input.
        name = user.encode(errors="surrogatepass")
        digest = hmac.digest(key, len(name).to_bytes(4, "big") + name + evidence, "sha256")
        return f"{number}.{base64url.encode(digest[:_BYTES]).decode('ascii')}"


def split(stored: str | None) -> list[str]:
    """Return the marks in a column value."""
    return stored.split() if stored else []


def joined(marks: list[str]) -> str:
    """Return the column value for *marks*: each mark once, the newest first, at most 8."""
    return " ".join(list(dict.fromkeys(marks))[:_KEPT])


def holds(stored: str | None, mark: str) -> bool:
    """Return whether *mark* is one of the stored marks; each comparison takes constant time."""
    given = mark.encode(errors="surrogatepass")
    return any([hmac.compare_digest(each.encode(), given) for each in split(stored)])


# --- In a transaction -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A user who may log in.

    :param stored: what is stored about the user; it is locked until the commit.
    :param evidence: the evidence in the user's row, often the password hash; empty if no row is read.
    """

    stored: LockedUser
    evidence: bytes = field(repr=False)


class Admission:
    """Checks that a user may log in and was not signed out since the attempt began."""

    def __init__(self, rows: Rows, standing: Standing | None) -> None:
        self._rows = rows
        self._standing = standing

    def admit(self, connection: Connection, user_id: UserId, key: str, since: int | None) -> Admitted:
        """Lock the epoch of a user, and return what is stored with the evidence.

        :param key: the id as a string.
        :param since: number of a revocation; a user who was signed out everywhere after it is refused.
        :raises InvalidCredentials: the user was signed out since then, is disabled, or was deleted.
        """
        stored = self._rows.lock_user(connection, key)
        # After the lock: code that disables a user and then ends the sessions either has done both by now, or will
        # find the new session.
        evidence = b"" if self._standing is None else self._standing(user_id, connection)
        if evidence is None:
            raise InvalidCredentials
        if since is not None and connection.execute(statements.SIGNED_OUT, {"user": key, "since": since}).first():
            raise InvalidCredentials
        return Admitted(stored=stored, evidence=evidence)


class SameUser:
    """Compares users' rows with the stored marks."""

    def __init__(self, ground: Ground, *, marks: Marks, standing: Standing | None, ending: Ending) -> None:
        self._ground = ground
        self._marks = marks
        self._standing = standing
        self._ending = ending

    def admit(self, user_id: UserId, before: bytes, after: bytes, *, connection: Connection | None = None) -> None:
        """Store the mark of *after* beside that of *before*; call it before the row changes from *before* to *after*.

        This keeps sessions valid when a hash is renewed. If *before* matches no stored mark, nothing is stored: the
        row already belongs to another user, and the next login, refresh or load detects that.

        :raises Unavailable: the store does not answer.
        """
        key = self._ground.rows.key(user_id)

        def run(own: Connection) -> None:
            stored = self._ground.rows.lock_user(own, key).marks
            admitted = self._marks.admitted(stored, key, before, after)
            if admitted is not None and admitted != stored:
                own.execute(statements.SET_MARKS, {"user": key, "marks": admitted})

        self._ground.store.retrying(run, connection)

    def fits(self, user_id: UserId, mark: str) -> bool:
        """Return whether *mark*, which a token carries, and the current row belong to the same user.

        Needed if the hash was renewed after the token was made, so the mark and the row differ. Reads the store.

        :raises Unavailable: the store does not answer.
        """
        if self._standing is None:
            return True
        evidence, stored = self._read(user_id)
        key = self._ground.rows.key(user_id)
        return evidence is not None and holds(stored, mark) and self._marks.judge(stored, key, evidence).same

    def mark_now(self, user_id: UserId) -> str:
        """Return the mark of a user whose session continues; end all sessions if the row belongs to another user.

        :raises RevokedTokenError: the user was deleted, may not log in, or is not the user who logged in.
        """
        key = self._ground.rows.key(user_id)
        evidence, stored = self._read(user_id)
        if evidence is None:
            self._ending.end_all(user_id, reason="inactive")
            raise RevokedTokenError("The session is over")
        judged = self._marks.judge(stored, key, evidence)
        if judged.same and judged.marks == stored:
            return judged.mark

        def run(own: Connection) -> Judged:
            locked = self._ground.rows.lock_user(own, key)
            again = self.judge(own, key, locked.marks, evidence)
            if not again.same:
                now = locked.moment.today
                self._ground.feed.append(own, [self._ending.end_tokens(own, key, now, keep=None, reason="changed")])
                self.emit_replaced(user_id, own)
            return again

        judged = self._ground.store.retrying(run)
        if not judged.same:
            raise RevokedTokenError("The session is over")
        return judged.mark

    def mark_of(self, row_user: str, user_id: UserId, connection: Connection) -> str | None:
        """Return the mark of the current row, in the caller's transaction; ``None`` if the user was deleted."""
        evidence = None if self._standing is None else self._standing(user_id, connection)
        return None if evidence is None else self._marks.make(row_user, evidence)

    def judge(self, connection: Connection, key: str, stored: str | None, evidence: bytes) -> Judged:
        """Compare a user's row with the stored marks and store the new marks; the caller holds the epoch's lock."""
        judged = self._marks.judge(stored, key, evidence)
        if judged.marks != stored:
            connection.execute(statements.SET_MARKS, {"user": key, "marks": judged.marks})
        return judged

    def emit_replaced(self, user_id: UserId, connection: Connection) -> None:
        """Emit the events that all sessions of the former user with this id have ended."""
        self._ground.events.emit(UserReplaced(user_id=user_id), connection)
        self._ground.events.emit(SessionEnded(user_id=user_id, session_id=None, reason="changed"), connection)

    def _read(self, user_id: UserId) -> tuple[bytes | None, str | None]:
        assert self._standing is not None
        with self._ground.store.read() as connection:
            evidence = self._standing(user_id, connection)
            # Read the marks after the row: a new mark is stored before the row changes.
            return evidence, stored_marks(connection, self._ground.rows.key(user_id))
