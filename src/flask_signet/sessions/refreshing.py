"""Exchange a refresh token for the next one, or refuse it with the reason."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId, join
from flask_signet.exceptions import RevokedTokenError, SignetError, TokenExpired
from flask_signet.sessions import statements
from flask_signet.sessions.events import RefreshReused, SessionEnded, StoreWentBack
from flask_signet.sessions.exchange import Exchange, Outcome, longer, same
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.rotation import Decision, decide, is_over
from flask_signet.sessions.rows import Row, mark_ended
from flask_signet.sessions.same_user import SameUser
from flask_signet.sessions.session_tokens import Granted, Presented
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.token_lives import Ended

_GOES_ON = (Decision.ROTATE, Decision.SAME)


class Refreshing:
    """Exchanges refresh tokens: the common case on the driver's connection, all others in a full transaction.

    :param asked: compares the user's row at each refresh; ``None`` if ending an account always ends its sessions.
    """

    def __init__(self, ground: Ground, *, asked: SameUser | None) -> None:
        self._ground = ground
        self._exchange = Exchange(ground)
        self._asked = asked

    def rotate(self, presented: str, *, arrived: float | None = None) -> Granted:
        """Exchange a refresh token for the next one.

        :param arrived: when the request arrived, on the monotonic clock, before it waited for any lock.
        :raises MalformedToken, InvalidSignature: not a token of this application; no SQL was run.
        :raises TokenExpired: the session has expired.
        :raises RevokedTokenError: the session ended earlier, or this call ended it.
        :raises Unavailable: the store does not answer.
        """
        arrived = self._ground.clock.monotonic() if arrived is None else arrived
        token = self._ground.tokens.parse(presented)
        settings = self._ground.settings()
        outcome = self._exchange.quick(token, arrived, settings)
        if outcome is None:
            outcome = self._ground.store.retrying(lambda connection: self._judge(connection, token, arrived, settings))
        sid, user_id = token.session_id, outcome.user_id
        if outcome.decision in _GOES_ON and self._ground.feed.has_ended(str(sid)):
            # This worker's guards refuse the session: an older copy of the database may lack the revocation.
            outcome = self._ground.store.retrying(lambda connection: self._end_again(connection, str(sid), user_id))
        if outcome.decision is Decision.EXPIRED:
            raise TokenExpired("The session has expired")
        if outcome.decision not in _GOES_ON or user_id is None:
            raise RevokedTokenError("The session is over")
        mark = outcome.mark if self._asked is None else self._asked.mark_now(user_id)
        return self._ground.grants.make(
            user_id,
            sid,
            generation=outcome.generation,
            root_key=outcome.root_key,
            epoch=outcome.epoch,
            mark=mark,
            fresh=False,
            connection=None,
        )

    def force(self, session_id: str, *, fresh: bool, connection: Connection | None = None) -> Granted:
        """Return the next tokens of an active session, in the transaction that changed its user's password.

        :raises RevokedTokenError: the session has ended.
        """

        def run(own: Connection) -> Outcome:
            row = self._ground.rows.lock(own, session_id, None)
            if row is None or is_over(row.snapshot, row.moment.today):
                return Outcome(decision=Decision.ENDED)
            outcome = self._advance(own, session_id, row, self._ground.settings())
            if self._asked is None:
                return outcome
            mark = self._asked.mark_of(row.user_id, join(row.user_kind, row.user_id), own)
            return outcome if mark is None else outcome._replace(mark=mark)

        outcome = self._ground.store.retrying(run, connection)
        if outcome.user_id is None:
            raise RevokedTokenError
        return self._ground.grants.make(
            outcome.user_id,
            UUID(session_id),
            generation=outcome.generation,
            root_key=outcome.root_key,
            epoch=outcome.epoch,
            mark=outcome.mark,
            fresh=fresh,
            connection=connection,
        )

    def _judge(self, connection: Connection, token: Presented, arrived: float, settings: SessionSettings) -> Outcome:
        sid = str(token.session_id)
        row = self._ground.rows.lock(connection, sid, arrived)
        if row is None:
            return self._judge_absent(connection, token, settings)
        decision = decide(row.snapshot, token.generation, row.moment, grace_ms=settings.grace * 1000)
        if decision is Decision.ROTATE:
            return self._advance(connection, sid, row, settings)
        if decision is Decision.SAME:
            later = longer(sid, row, settings)
            if later is not None:
                connection.exec_driver_sql(statements.lengthen(connection.dialect.name), later)
            return same(row)
        if decision in (Decision.THEFT, Decision.WENT_BACK):
            mark_ended(connection, sid, decision.value, row.moment.today)
            user_id = join(row.user_kind, row.user_id)
            return self._end(connection, Ended(subject=sid, until=row.access_until), decision, user_id)
        return Outcome(decision=decision)

    def _judge_absent(self, connection: Connection, token: Presented, settings: SessionSettings) -> Outcome:
        # The row stays a day longer than the session; the session id contains the start time (UUIDv7).
        began = token.session_id.int >> 80
        if self._ground.rows.moment(connection, None).today >= began + settings.absolute * 1000:
            return Outcome(decision=Decision.EXPIRED)
        return self._end(connection, Ended(subject=str(token.session_id)), Decision.WENT_BACK, None)

    def _end_again(self, connection: Connection, sid: str, user_id: UserId | None) -> Outcome:
        row = self._ground.rows.lock(connection, sid, None)
        if row is not None and row.snapshot.ended:
            return Outcome(decision=Decision.ENDED)  # another request ended it meanwhile; the store is up to date
        if row is not None:
            mark_ended(connection, sid, Decision.WENT_BACK.value, row.moment.today)
        # Pass no `until`: in an older copy, `access_until` of the row is out of date too.
        return self._end(connection, Ended(subject=sid), Decision.WENT_BACK, user_id)

    def _end(self, connection: Connection, ended: Ended, decision: Decision, user_id: UserId | None) -> Outcome:
        """Revoke all tokens of a session and emit events with the reason."""
        feed, events = self._ground.feed, self._ground.events
        feed.append(connection, [ended])
        if decision is Decision.THEFT:
            events.emit(RefreshReused(user_id=user_id, session_id=ended.subject), connection)
        else:
            events.emit(StoreWentBack(session_id=ended.subject), connection)
        events.emit(SessionEnded(user_id=user_id, session_id=ended.subject, reason=decision.value), connection)
        return Outcome(decision=decision)

    def _advance(self, connection: Connection, sid: str, row: Row, settings: SessionSettings) -> Outcome:
        values, outcome = self._exchange.next(sid, row, settings)
        if connection.exec_driver_sql(statements.advance(connection.dialect.name), values).rowcount != 1:
            # Unreachable: the row is locked until the commit.
            raise SignetError("a locked session changed")
        return outcome
