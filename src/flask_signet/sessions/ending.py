"""End sessions: one, all of a user, all but one, or all in the database."""

from __future__ import annotations

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId, join
from flask_signet.sessions import statements
from flask_signet.sessions.events import SessionEnded
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.rows import mark_ended, may_be_id
from flask_signet.sessions.token_lives import Ended


class Ending:
    """Ends sessions, each method in one transaction."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def end(
        self,
        session_id: str,
        *,
        user_id: UserId | None = None,
        reason: str = "revoked",
        connection: Connection | None = None,
    ) -> UserId | None:
        """End one session; return the id of its user, or ``None`` if there is no active session with this id.

        :param user_id: end the session only if it belongs to this user.
        :raises Unavailable: the store does not answer.
        """
        # Compare ids as strings: a token carries a UUID as a string.
        owner = None if user_id is None else self._ground.rows.key(user_id)
        if not may_be_id(session_id):
            return None

        def run(own: Connection) -> UserId | None:
            row = self._ground.rows.lock(own, session_id, None)
            if row is None or row.snapshot.ended or (owner is not None and owner != row.user_id):
                return None
            mark_ended(own, session_id, reason, row.moment.today)
            self._ground.feed.append(own, [Ended(subject=session_id, until=row.access_until)])
            whose = join(row.user_kind, row.user_id)
            self._ground.events.emit(SessionEnded(user_id=whose, session_id=session_id, reason=reason), own)
            return whose

        return self._ground.store.retrying(run, connection)

    def end_all(
        self,
        user_id: UserId,
        *,
        keep: str | None = None,
        reason: str = "everywhere",
        connection: Connection | None = None,
    ) -> None:
        """End all sessions of a user, and refuse every access token issued before this call.

        :param keep: the id of a session that continues; it needs new tokens (:meth:`Refreshing.force`).
        """
        key = self._ground.rows.key(user_id)

        def run(own: Connection) -> None:
            now = self._ground.rows.lock_user(own, key).moment.today
            self._ground.feed.append(own, [self.end_tokens(own, key, now, keep=keep, reason=reason)])
            self._ground.events.emit(SessionEnded(user_id=user_id, session_id=None, reason=reason), own)

        self._ground.store.retrying(run, connection)

    def forget(self, user_id: UserId, *, reason: str = "deleted", connection: Connection) -> None:
        """End all sessions of a deleted user and remove the marks, so the next user with this id starts without any."""
        key = self._ground.rows.key(user_id)
        if self._ground.rows.lock_user(connection, key).marks is not None:
            connection.execute(statements.SET_MARKS, {"user": key, "marks": None})
        self.end_all(user_id, reason=reason, connection=connection)

    def end_others(self, user_id: UserId, keep: str) -> int:
        """End all sessions of a user except one, whose tokens stay valid; return how many ended."""
        key = self._ground.rows.key(user_id)

        def run(own: Connection) -> int:
            now = self._ground.rows.lock_user(own, key).moment.today
            rows = own.execute(statements.LIVING_IDS, {"user": key, "keep": keep}).all()
            for row in rows:
                mark_ended(own, row.id, "revoked", now)
            self._ground.feed.append(own, [Ended(subject=row.id, until=row.access_until) for row in rows])
            for row in rows:
                self._ground.events.emit(SessionEnded(user_id=user_id, session_id=row.id, reason="revoked"), own)
            return len(rows)

        return self._ground.store.retrying(run)

    def end_everything(self) -> int:
        """End every session and refuse every access token; call it after each restore of the database.

        :return: how many sessions were ended.
        """

        def run(own: Connection) -> int:
            now = self._ground.rows.moment(own, None).today
            ended = own.execute(statements.END_EVERYTHING, {"now": now}).rowcount
            self._ground.feed.raise_floor(own)
            return ended

        return self._ground.store.retrying(run)

    def end_tokens(self, own: Connection, key: str, now: int, *, keep: str | None, reason: str) -> Ended:
        """Raise the user's epoch and end the sessions; the caller holds the epoch's lock and appends the result.

        :param now: milliseconds, read after the epoch was locked.
        """
        own.execute(statements.RAISE_EPOCH, {"user": key})
        epoch = own.execute(statements.EPOCH, {"user": key}).scalar_one()
        own.execute(statements.END_USER, {"user": key, "keep": keep or "", "reason": reason, "now": now})
        return Ended(subject=key, epoch=epoch)

    def end_oldest(self, own: Connection, key: str, cap: int, now: int) -> list[Ended]:
        """End the user's oldest sessions so that one more stays within *cap*; the caller appends the result."""
        living = own.execute(statements.LIVING_BY_AGE, {"user": key, "today": now}).all()
        oldest = living[: max(0, len(living) - cap + 1)]
        for row in oldest:
            mark_ended(own, row.id, "cap", now)
        return [Ended(subject=row.id, until=row.access_until) for row in oldest]
