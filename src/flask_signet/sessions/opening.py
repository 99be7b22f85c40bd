"""Open a session. Only the login flow (:mod:`flask_signet.sessions.login_flow`) calls this module."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId, split
from flask_signet.exceptions import SignetError
from flask_signet.sessions import statements
from flask_signet.sessions.clean_up import CleanUp
from flask_signet.sessions.ending import Ending
from flask_signet.sessions.events import SessionEnded, SessionOpened
from flask_signet.sessions.granted import Granted, Grants
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.presented import PresentedTokens
from flask_signet.sessions.refresh_token import Presented
from flask_signet.sessions.same_user import Admission, SameUser
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.token_lives import Ended


class Opening:
    """Opens sessions.

    :param same_user: compares the user's row with the stored marks; ``None`` if rows hold no evidence.
    """

    def __init__(
        self,
        ground: Ground,
        *,
        admission: Admission,
        same_user: SameUser | None,
        ending: Ending,
        presented: PresentedTokens,
        grants: Grants,
        clean_up: CleanUp,
    ) -> None:
        self._store = ground.store
        self._rows = ground.rows
        self._tokens = ground.tokens
        self._feed = ground.feed
        self._settings = ground.settings
        self._clock = ground.clock
        self._events = ground.events
        self._admission = admission
        self._same_user = same_user
        self._ending = ending
        self._presented = presented
        self._grants = grants
        self._clean_up = clean_up

    def head(self) -> int:
        """Return the number of the newest revocation."""
        with self._store.read() as connection:
            return connection.execute(statements.HEAD).scalar_one()

    def open(
        self,
        user_id: UserId,
        *,
        device: str | None,
        address: str | None,
        fresh: bool,
        since: int | None,
        replaces: str | None,
        connection: Connection | None,
    ) -> Granted:
        """Open a session and return its first tokens; see :meth:`flask_signet.sessions.service.Sessions.open`."""
        kind, key = split(user_id)
        settings = self._settings()
        sid = self._clock.uuid7()
        root_key = self._tokens.current_number
        replaced = None if replaces is None else self._presented.parsed(replaces)
        opened = SessionOpened(user_id=user_id, session_id=str(sid), device=device, address=address)

        def run(own: Connection) -> tuple[int, str | None]:
            epoch, evidence = self._admission.admit(own, user_id, key, since)
            today = self._rows.moment(own, None).today
            epoch, mark = self._make_place(own, user_id, key, epoch, evidence, replaced, settings, today)
            own.execute(
                statements.INSERT,
                {
                    "id": str(sid),
                    "user_id": key,
                    "user_kind": kind,
                    "generation": 1,
                    "root_key": root_key,
                    "exchanged": b"",
                    "now": today,
                    "idle_ends_at": today + min(settings.idle, settings.absolute) * 1000,
                    "ends_at": today + settings.absolute * 1000,
                    "device": printable(device, 255),
                    "address": printable(address, 45),
                    "mark": mark,
                    "access_until": self._feed.lives.issued_until(settings),
                },
            )
            self._events.emit(opened, own)
            return epoch, mark

        epoch, mark = self._store.retrying(run, connection)
        if connection is None:
            # Not while a caller's transaction is open: on SQLite a second one would wait for the caller's lock.
            self._clean_up.run_now_and_then()
        try:
            return self._grants.make(
                user_id,
                sid,
                generation=1,
                root_key=root_key,
                epoch=epoch,
                mark=mark,
                fresh=fresh,
                connection=connection,
            )
        except Exception:
            self._take_back(sid, connection)
            raise

    def _make_place(
        self,
        own: Connection,
        user_id: UserId,
        key: str,
        epoch: int,
        evidence: bytes,
        replaced: Presented | None,
        settings: SessionSettings,
        today: int,
    ) -> tuple[int, str | None]:
        """End the sessions that the new one replaces; return the user's epoch and mark afterwards."""
        # Before the sessions are counted for the cap.
        held = None if replaced is None else self._presented.end_current(own, replaced)
        mark = None
        ended: list[Ended] = []
        former = False
        if self._same_user is not None:
            judged = self._same_user.judge(own, key, evidence)
            mark, former = judged.mark, not judged.same
            if former:
                ended.append(self._ending.end_tokens(own, key, keep=None, reason="changed"))
                epoch = own.execute(statements.TOKEN_EPOCH, {"user": key}).scalar_one()
        cap = settings.per_user
        oldest = [] if cap is None else self._ending.end_oldest(own, key, cap, today)
        self._feed.append(own, ended + oldest)
        if former and self._same_user is not None:
            self._same_user.emit_replaced(user_id, own)
        for entry in oldest:
            self._events.emit(SessionEnded(user_id=user_id, session_id=entry.subject, reason="cap"), own)
        if held is not None:
            self._events.emit(held, own)
        return epoch, mark

    def _take_back(self, sid: UUID, connection: Connection | None) -> None:
        """End a session for which no access token could be made: no key is set, or a claims loader failed.

        A session without tokens must not stay in the list. In a caller's transaction, the caller rolls back or not.
        """
        if connection is None:
            with suppress(SignetError):
                self._ending.end(str(sid), user_id=None, reason="no_token", connection=None)


def printable(value: str | None, longest: int) -> str | None:
    """Return *value* cut to *longest* characters, with "?" for characters that a log or database cannot take."""
    if value is None:
        return None
    return "".join(character if character.isprintable() else "?" for character in value[:longest])
