"""Whether a user who has proved who they are may be let in, asked in the transaction that lets them in."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.exceptions import InvalidCredentials
from flask_signet.sessions import statements
from flask_signet.sessions.rows import Rows
from flask_signet.sessions.same_user import Standing


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
        # After the lock: what locks a user out and then ends the sessions has done both, or finds ours.
        evidence = b"" if self._standing is None else self._standing(user_id, connection)
        if evidence is None:
            raise InvalidCredentials
        if since is not None and connection.execute(statements.SIGNED_OUT, {"user": key, "since": since}).first():
            raise InvalidCredentials
        return Admitted(epoch, evidence)
