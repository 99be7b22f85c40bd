"""Open a session, and now and then delete the expired ones.

Only the login flow (:mod:`flask_signet.sessions.login_flow`) opens sessions.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId, split
from flask_signet.clock import Moment
from flask_signet.exceptions import SignetError
from flask_signet.sessions import statements
from flask_signet.sessions.ending import Ending
from flask_signet.sessions.events import CleaningUp, SessionEnded, SessionOpened
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.presented import PresentedTokens
from flask_signet.sessions.same_user import Admission, Admitted, SameUser
from flask_signet.sessions.session_tokens import Granted, Presented
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.token_lives import Ended

log = logging.getLogger(__name__)

ROWS = 200  # that a clean-up deletes at most in one transaction
_EVERY_MS = 60_000
_DAY_MS = 86_400_000


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
        clean_up: CleanUp,
    ) -> None:
        self._ground = ground
        self._admission = admission
        self._same_user = same_user
        self._ending = ending
        self._presented = presented
        self._clean_up = clean_up

    def head(self) -> int:
        """Return the number of the newest revocation; call it before checking the password, for :meth:`open`.

        :raises Unavailable: the store does not answer.
        """
        return self._ground.store.driver_rows(statements.HEAD)[0][0]

    def open(
        self,
        user_id: UserId,
        *,
        device: str | None = None,
        address: str | None = None,
        fresh: bool = True,
        since: int | None = None,
        replaces: str | None = None,
        connection: Connection | None = None,
    ) -> Granted:
        """Open a session and return its first tokens.

        :param device: shown to the user in the list of sessions, such as ``User-Agent``; cut at 255 characters.
        :param address: network address of the client.
        :param fresh: whether the user typed a password for this session.
        :param since: the number of a revocation (:meth:`head`); a user who was signed out everywhere after it is
            refused, because the password that was checked may be the old one.
        :param replaces: the refresh token that this browser holds. If it is genuine and current, its session ends in
            the same transaction, even if it belongs to another user.
        :raises InvalidCredentials: the user was signed out since then, is disabled, or was deleted.
        :raises InvalidRequest: the string of the id is longer than 255 characters.
        :raises Unavailable: the store does not answer.

        If no access token can be made, the session ends and the error is raised.
        """
        ground = self._ground
        kind, key = split(user_id)
        settings = ground.settings()
        sid = ground.clock.uuid7()
        root_key = ground.tokens.current_number
        replaced = None if replaces is None else self._presented.parsed(replaces)
        opened = SessionOpened(user_id=user_id, session_id=str(sid), device=device, address=address)

        def run(own: Connection) -> tuple[int, str | None, Moment]:
            admitted = self._admission.admit(own, user_id, key, since)
            moment = admitted.stored.moment
            today = moment.today
            epoch, mark = self._make_place(own, user_id, key, admitted, replaced, settings)
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
                    "access_until": settings.accepted_until(moment.here),
                },
            )
            ground.events.emit(opened, own)
            return epoch, mark, moment

        epoch, mark, moment = ground.store.retrying(run, connection)
        if connection is None:
            # Not while a caller's transaction is open: on SQLite a second one would wait for the caller's lock.
            self._clean_up.run_now_and_then(moment.now)
        try:
            return ground.grants.make(
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
        admitted: Admitted,
        replaced: Presented | None,
        settings: SessionSettings,
    ) -> tuple[int, str | None]:
        """End the sessions that the new one replaces; return the user's epoch and mark afterwards."""
        # Before the sessions are counted for the cap.
        held = None if replaced is None else self._presented.end_current(own, replaced)
        epoch, mark, today = admitted.stored.epoch, None, admitted.stored.moment.today
        ended: list[Ended] = []
        former = False
        if self._same_user is not None:
            judged = self._same_user.judge(own, key, admitted.stored.marks, admitted.evidence)
            mark, former = judged.mark, not judged.same
            if former:
                ended.append(self._ending.end_tokens(own, key, today, keep=None, reason="changed"))
                epoch = own.execute(statements.TOKEN_EPOCH, {"user": key}).scalar_one()
        cap = settings.per_user
        oldest = [] if cap is None else self._ending.end_oldest(own, key, cap, today)
        if ended or oldest:
            self._ground.feed.append(own, ended + oldest)
        if former and self._same_user is not None:
            self._same_user.emit_replaced(user_id, own)
        for entry in oldest:
            self._ground.events.emit(SessionEnded(user_id=user_id, session_id=entry.subject, reason="cap"), own)
        if held is not None:
            self._ground.events.emit(held, own)
        return epoch, mark

    def _take_back(self, sid: UUID, connection: Connection | None) -> None:
        """End a session for which no access token could be made: no key is set, or a claims loader failed.

        A session without tokens must not stay in the list. In a caller's transaction, the caller rolls back or not.
        """
        if connection is None:
            with suppress(SignetError):
                self._ending.end(str(sid), user_id=None, reason="no_token", connection=None)


class CleanUp:
    """Deletes expired rows of sessions and of the feed, a few at a time."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._done_at: int | None = None

    def run(self, limit: int = ROWS) -> int:
        """Delete up to *limit* sessions whose absolute end was a day ago, and up to *limit* rows of the feed.

        :return: how many rows were deleted.
        """
        ground = self._ground

        def run(own: Connection) -> int:
            # On SQLite, use the slower of two clocks: a clock that is set forward for a while must not delete rows.
            moment = ground.rows.moment(own, None)
            earliest = moment.now
            if own.dialect.name != "postgresql":
                earliest = min(moment.now, int(ground.clock.time() * 1000))
            gone = own.execute(statements.CLEAN_UP, {"before": earliest - _DAY_MS, "limit": limit}).rowcount
            ground.events.emit(CleaningUp(), own)
            return gone + ground.feed.clean_up(own, limit)

        return ground.store.retrying(run)

    def run_now_and_then(self, now: int) -> None:
        """Delete expired rows if the last run is a minute ago; log errors.

        :param now: the current time in milliseconds; if it went back, the rows are deleted too.
        """
        if self._done_at is not None and 0 <= now - self._done_at < _EVERY_MS:
            return
        self._done_at = now
        try:
            self.run()
        except SignetError as error:
            log.warning("Expired sessions could not be deleted: %s", error)


def printable(value: str | None, longest: int) -> str | None:
    """Return *value* cut to *longest* characters, with "?" for characters that a log or database cannot take."""
    if value is None:
        return None
    return "".join(character if character.isprintable() else "?" for character in value[:longest])
