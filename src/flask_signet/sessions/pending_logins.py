"""The rows of pending logins: each is valid for a few minutes, for a few tries, and once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import NamedTuple, cast
from uuid import UUID

from sqlalchemy import Connection, text

from flask_signet.accounts.user_ids import join, split
from flask_signet.exceptions import InvalidCredentials, RevokedTokenError, TokenExpired
from flask_signet.sessions import statements
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.login_step import Attempt, Proof, Transport
from flask_signet.sessions.same_user import Admission, Admitted, Marks, holds

SECONDS = 300
TRIES = 5

_INSERT = text(
    "INSERT INTO signet_pending_logins (id, user_id, user_kind, proofs, transport, epoch, mark, expires_at, tries)"
    " VALUES (:id, :user_id, :user_kind, :proofs, :transport, :epoch, :mark, :expires_at, 0)"
)
_READ = text(
    "SELECT user_id, user_kind, proofs, transport, epoch, mark, expires_at, tries, used_at"
    " FROM signet_pending_logins WHERE id = :id"
)
_TRY = text(
    "UPDATE signet_pending_logins SET tries = tries + 1"
    " WHERE id = :id AND used_at IS NULL AND tries < :most AND expires_at > :now"
)
_USE = text("UPDATE signet_pending_logins SET used_at = :now WHERE id = :id AND used_at IS NULL AND expires_at > :now")
_CLEAN_UP = text("DELETE FROM signet_pending_logins WHERE expires_at < :now")


class Pending(NamedTuple):
    """A login that waits for an answer, as read from its row."""

    id: UUID
    attempt: Attempt
    epoch: int
    mark: str | None


class PendingLogins:
    """Stores logins that wait for an answer. A row is bound to the state of the user when it was written."""

    def __init__(self, ground: Ground, admission: Admission, marks: Marks) -> None:
        self._ground = ground
        self._admission = admission
        self._marks = marks

    def add(self, connection: Connection, attempt: Attempt) -> UUID:
        """Write a row in the transaction that found the pending step; return its id.

        :raises InvalidCredentials: the user was signed out since the attempt began, is disabled, or was deleted.
        """
        kind, key = split(attempt.user_id)
        admitted = self._admission.admit(connection, attempt.user_id, key, attempt.since)
        login_id = self._ground.clock.uuid7()
        connection.execute(
            _INSERT,
            {
                "id": str(login_id),
                "user_id": key,
                "user_kind": kind,
                "proofs": json.dumps([[proof.method, proof.at] for proof in attempt.proofs]),
                "transport": attempt.transport,
                "epoch": admitted.stored.epoch,
                "mark": self._marks.make(key, admitted.evidence) if admitted.evidence else None,
                "expires_at": admitted.stored.moment.today + SECONDS * 1000,
            },
        )
        return login_id

    def read(self, login_id: UUID) -> Pending:
        """Return a pending login.

        :raises TokenExpired: the login has expired.
        :raises RevokedTokenError: the login was already used, or has no try left.
        """
        with self._ground.store.read() as connection:
            row = connection.execute(_READ, {"id": str(login_id)}).first()
            now = self._ground.rows.moment(connection, None).today
        if row is None or row.expires_at <= now:
            raise TokenExpired("The login has taken too long. Begin again")
        if row.used_at is not None or row.tries >= TRIES:
            raise _over()
        attempt = Attempt(
            user_id=join(row.user_kind, row.user_id),
            proofs=tuple(Proof(method=method, at=at) for method, at in json.loads(row.proofs)),
            transport=cast(Transport, row.transport),
        )
        return Pending(login_id, attempt, row.epoch, row.mark)

    def count_try(self, login_id: UUID) -> None:
        """Count a try before the answer is checked, so that parallel requests get no more tries than serial ones.

        :raises RevokedTokenError: no try is left, or the login has ended.
        """

        def run(own: Connection) -> bool:
            now = self._ground.rows.moment(own, None).today
            return own.execute(_TRY, {"id": str(login_id), "most": TRIES, "now": now}).rowcount == 1

        if not self._ground.store.retrying(run):
            raise _over()

    def use(self, pending: Pending) -> Attempt:
        """Mark the row as used and return its attempt, which the caller continues at once.

        :raises RevokedTokenError: the row was already used, the user was signed out since, or is another user now.
        """
        kind_and_key = split(pending.attempt.user_id)

        def run(own: Connection) -> int | None:
            key = kind_and_key[1]
            try:
                admitted = self._admission.admit(own, pending.attempt.user_id, key, None)
            except InvalidCredentials:
                return None
            if not self._is_bound_to(key, admitted, pending):
                return None
            now = admitted.stored.moment.today
            if own.execute(_USE, {"id": str(pending.id), "now": now}).rowcount != 1:
                return None
            return own.exec_driver_sql(statements.HEAD).scalar_one()

        since = self._ground.store.retrying(run)
        if since is None:
            raise _over()
        return replace(pending.attempt, since=since)

    def clean_up(self, connection: Connection) -> None:
        """Delete expired rows."""
        connection.execute(_CLEAN_UP, {"now": self._ground.rows.moment(connection, None).today})

    def _is_bound_to(self, key: str, admitted: Admitted, pending: Pending) -> bool:
        """Return whether the user is the same as when the login began and was not signed out since."""
        if admitted.stored.epoch != pending.epoch:
            return False
        if pending.mark is None or self._marks.fits(pending.mark, key, admitted.evidence):
            return True
        # A login may have renewed the hash meanwhile; then the stored marks contain both.
        stored = admitted.stored.marks
        return holds(stored, pending.mark) and self._marks.judge(stored, key, admitted.evidence).same


def _over() -> RevokedTokenError:
    return RevokedTokenError("The login is over. Begin again")
