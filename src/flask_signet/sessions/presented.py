"""Use a refresh token without exchanging it: find its user, or end its session."""

from __future__ import annotations

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId, join
from flask_signet.exceptions import JWTDecodeError
from flask_signet.sessions.events import SessionEnded
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.rotation import Decision, decide
from flask_signet.sessions.rows import Row, mark_ended
from flask_signet.sessions.session_tokens import Presented
from flask_signet.sessions.token_lives import Ended


class PresentedTokens:
    """Finds and ends the sessions of refresh tokens."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def parsed(self, presented: str) -> Presented | None:
        """Return the content of a token; ``None`` if it is not genuine."""
        try:
            return self._ground.tokens.parse(presented)
        except JWTDecodeError:
            return None

    def session_of(self, presented: str) -> str:
        """Return the id of the session that a refresh token, current or old, belongs to.

        :raises MalformedToken, InvalidSignature: not a token of this application.
        """
        return str(self._ground.tokens.parse(presented).session_id)

    def holder(self, presented: str) -> UserId | None:
        """Return the user whose active session this refresh token is current for, or ``None``.

        :raises Unavailable: the store does not answer.
        """
        token = self.parsed(presented)
        if token is None:
            return None

        def run(connection: Connection) -> UserId | None:
            row = self._current_row(connection, token)
            return None if row is None else join(row.user_kind, row.user_id)

        return self._ground.store.retrying(run)

    def end(self, presented: str) -> None:
        """End the session of a refresh token that its browser replaced; an old or forged token ends no session."""
        token = self.parsed(presented)
        if token is None:
            return

        def run(connection: Connection) -> None:
            event = self.end_current(connection, token)
            if event is not None:
                self._ground.events.emit(event, connection)

        self._ground.store.retrying(run)

    def end_current(self, connection: Connection, token: Presented) -> SessionEnded | None:
        """End the session that a token is current for; return the event for the caller to emit."""
        row = self._current_row(connection, token)
        if row is None:
            return None
        sid = str(token.session_id)
        mark_ended(connection, sid, "replaced", row.moment.today)
        self._ground.feed.append(connection, [Ended(subject=sid, until=row.access_until)])
        return SessionEnded(user_id=join(row.user_kind, row.user_id), session_id=sid, reason="replaced")

    def _current_row(self, connection: Connection, token: Presented) -> Row | None:
        """Return the locked row of the active session for which a refresh would accept the token, or ``None``."""
        row = self._ground.rows.lock(connection, str(token.session_id), self._ground.clock.monotonic())
        if row is None:
            return None
        decision = decide(row.snapshot, token.generation, row.moment, grace_ms=self._ground.settings().grace * 1000)
        return row if decision in (Decision.ROTATE, Decision.SAME) else None
