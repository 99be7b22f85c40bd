"""Opens, refreshes and ends sessions; does not depend on Flask.

Every change is one transaction. Locks are always taken in this order: the row of the user's epoch, rows of
sessions, the head of the feed. Every change emits an event (:mod:`flask_signet.sessions.events`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.clock import Clock
from flask_signet.events import Events
from flask_signet.sessions import clean_up
from flask_signet.sessions.clean_up import CleanUp
from flask_signet.sessions.ending import Ending
from flask_signet.sessions.events import tell_outside
from flask_signet.sessions.exchange import Exchange
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.granted import Granted, Grants, Issue, SessionInfo
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.looking import Looking
from flask_signet.sessions.mac_keys import RootKeys
from flask_signet.sessions.marks import Marks
from flask_signet.sessions.opening import Opening
from flask_signet.sessions.presented import PresentedTokens
from flask_signet.sessions.quick_refresh import QuickRefresh
from flask_signet.sessions.refresh_token import RefreshTokens
from flask_signet.sessions.refreshing import Refreshing
from flask_signet.sessions.rows import Rows
from flask_signet.sessions.same_user import Admission, SameUser, Standing
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.steady_time import SteadyTime
from flask_signet.store import Store
from flask_signet.store.health import Health


class Sessions:
    """The sessions of one application.

    :param settings: returns the current settings.
    :param issue: makes access tokens.
    :param standing: returns, in the transaction that opens a session, the evidence in the user's row that identifies
        the user (see :mod:`flask_signet.sessions.marks`; empty if the row has none), or ``None`` if the user is
        deleted or may not log in.
    :param ask_on_refresh: call *standing* at each refresh too. Built-in accounts do not need this: a change that
        ends an account ends its sessions in the same transaction.
    :param canonical: returns the canonical id for any spelling of it, or ``None`` for an unknown id.
    :param events: where events are emitted; by default a new :class:`~flask_signet.events.Events`.
    :param sender: sender of the signals, the Flask application.
    """

    def __init__(
        self,
        *,
        store: Store,
        root_keys: RootKeys,
        feed: Feed,
        settings: Callable[[], SessionSettings],
        clock: Clock,
        issue: Issue,
        standing: Standing | None = None,
        ask_on_refresh: bool = False,
        canonical: Callable[[Any], UserId | None] | None = None,
        events: Events | None = None,
        sender: object = None,
    ) -> None:
        events = Events(store) if events is None else events
        tell_outside(events, sender)
        time = SteadyTime(clock, None if store.in_memory else store.settings.folder)
        tokens = RefreshTokens(root_keys, clock)
        rows = Rows(clock, time, canonical)
        grants = Grants(issue, tokens)
        exchange = Exchange(tokens, feed.lives)
        ground = Ground(store=store, rows=rows, feed=feed, tokens=tokens, settings=settings, clock=clock, events=events)
        self.marks = Marks(root_keys)
        self.health = Health(store, clock)
        self.ground = ground
        self.admission = Admission(rows, standing)
        self._settings = settings
        self._clock = clock
        self._tokens = tokens
        self._looking = Looking(store, rows)
        self._ending = Ending(ground)
        self._same_user = SameUser(ground, marks=self.marks, standing=standing, ending=self._ending)
        self._presented = PresentedTokens(ground)
        self._clean_up = CleanUp(ground)
        self._opening = Opening(
            ground,
            admission=self.admission,
            same_user=None if standing is None else self._same_user,
            ending=self._ending,
            presented=self._presented,
            grants=grants,
            clean_up=self._clean_up,
        )
        self._refreshing = Refreshing(
            ground,
            exchange=exchange,
            quick=QuickRefresh(ground, exchange=exchange, time=time),
            asked=self._same_user if ask_on_refresh and standing is not None else None,
            grants=grants,
        )

    @property
    def settings(self) -> SessionSettings:
        """The current session settings."""
        return self._settings()

    def arrival(self) -> float:
        """Return the current monotonic time for :meth:`rotate`; call it when the request arrives."""
        return self._clock.monotonic()

    # --- Open and refresh ----------------------------------------------------------------------------

    def mark(self) -> int:
        """Return the number of the newest revocation; call it before checking the password, for :meth:`open`.

        :raises Unavailable: the store does not answer.
        """
        return self._opening.head()

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
        :param since: a :meth:`mark`; a user who was signed out everywhere after it is refused, because the password
            that was checked may be the old one.
        :param replaces: the refresh token that this browser holds. If it is genuine and current, its session ends in
            the same transaction, even if it belongs to another user.
        :raises InvalidCredentials: the user was signed out since the mark, is disabled, or was deleted.
        :raises InvalidRequest: the string of the id is longer than 255 characters.
        :raises Unavailable: the store does not answer.

        If no access token can be made, the session ends and the error is raised.
        """
        return self._opening.open(
            user_id,
            device=device,
            address=address,
            fresh=fresh,
            since=since,
            replaces=replaces,
            connection=connection,
        )

    def rotate(self, presented: str, *, arrived: float | None = None) -> Granted:
        """Exchange a refresh token for the next one.

        :param arrived: when the request arrived, on the monotonic clock, before it waited for any lock.
        :raises MalformedToken, InvalidSignature: not a token of this application; no SQL was run.
        :raises TokenExpired: the session has expired.
        :raises RevokedTokenError: the session ended earlier, or this call ended it.
        :raises Unavailable: the store does not answer.
        """
        return self._refreshing.rotate(presented, self._clock.monotonic() if arrived is None else arrived)

    def force_rotation(self, session_id: str, *, fresh: bool, connection: Connection | None = None) -> Granted:
        """Return the next tokens of an active session, in the transaction that changed its user's password.

        :raises RevokedTokenError: the session has ended.
        """
        return self._refreshing.force(session_id, fresh=fresh, connection=connection)

    # --- Check that the row still belongs to the same user -------------------------------------------

    def admit(self, user_id: UserId, before: bytes, after: bytes, *, connection: Connection | None = None) -> None:
        """Store the mark of *after* beside that of *before*; call it before the row changes from *before* to *after*.

        This keeps sessions valid when a hash is renewed. If *before* matches no stored mark, nothing is stored: the
        row already belongs to another user, and the next login, refresh or load detects that.

        :raises Unavailable: the store does not answer.
        """
        self._same_user.admit(user_id, before, after, connection)

    def is_same_user(self, user_id: UserId, mark: str) -> bool:
        """Return whether *mark*, which a token carries, and the current row belong to the same user.

        Needed if the hash was renewed after the token was made, so the mark and the row differ. Reads the store.

        :raises Unavailable: the store does not answer.
        """
        return self._same_user.fits(user_id, mark)

    # --- End -----------------------------------------------------------------------------------------

    def session_of(self, presented: str) -> str:
        """Return the id of the session that a refresh token, current or old, belongs to.

        :raises MalformedToken, InvalidSignature: not a token of this application.
        """
        return str(self._tokens.parse(presented).session_id)

    def end_replaced(self, presented: str) -> None:
        """End the session of a refresh token that its browser replaced; an old or forged token ends no session."""
        self._presented.end(presented)

    def holder_of(self, presented: str) -> UserId | None:
        """Return the user whose active session this refresh token is current for, or ``None``.

        :raises Unavailable: the store does not answer.
        """
        return self._presented.holder(presented)

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
        return self._ending.end(session_id, user_id=user_id, reason=reason, connection=connection)

    def end_all(self, user_id: UserId, *, reason: str = "everywhere", connection: Connection | None = None) -> None:
        """End all sessions of a user and refuse every access token issued before this call."""
        self._ending.end_user(user_id, keep=None, reason=reason, connection=connection)

    def forget(self, user_id: UserId, *, reason: str = "deleted", connection: Connection) -> None:
        """End all sessions of a deleted user and remove the marks, so the next user with this id starts without any."""
        self._ending.forget(user_id, reason=reason, connection=connection)

    def end_all_but(self, user_id: UserId, keep: str, *, reason: str, connection: Connection | None = None) -> None:
        """Like :meth:`end_all`, but the session *keep* continues and needs new tokens (:meth:`force_rotation`)."""
        self._ending.end_user(user_id, keep=keep, reason=reason, connection=connection)

    def end_others(self, user_id: UserId, keep: str) -> int:
        """End all sessions of a user except one, whose tokens stay valid; return how many ended."""
        return self._ending.end_others(user_id, keep)

    def restored(self) -> int:
        """End every session and refuse every access token; call it after each restore of the database.

        :return: how many sessions were ended.
        """
        return self._ending.end_everything()

    # --- Read and clean up ---------------------------------------------------------------------------

    def listing(self, user_id: UserId | None = None) -> list[SessionInfo]:
        """Return the active sessions of a user, or of all users; the most recently used first."""
        return self._looking.listing(user_id)

    def get(self, session_id: str) -> SessionInfo | None:
        """Return an active session, or ``None``."""
        return self._looking.get(session_id)

    def clean_up(self, limit: int = clean_up.ROWS) -> int:
        """Delete up to *limit* sessions whose absolute end was a day ago, and up to *limit* rows of the feed.

        :return: how many rows were deleted.
        """
        return self._clean_up.run(limit)
