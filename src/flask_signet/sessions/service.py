"""Sessions: opened by a login, continued by a refresh, ended by a logout or a revocation; no Flask.

Every change is one transaction. Locks are taken in one order everywhere: the row of the user's epoch, rows of
sessions, the head of the feed. What happens is told by events (:mod:`flask_signet.sessions.events`).
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

    :param settings: gives the settings that hold now.
    :param issue: makes access tokens.
    :param standing: returns, in the transaction that opens a session, what the row of the user holds as evidence of
        who they are (see :mod:`flask_signet.sessions.marks`; empty for nothing), or ``None`` if the user is gone or may
        not log in.
    :param ask_on_refresh: ask that at each refresh too. The built-in accounts need not be asked: what ends an
        account ends its sessions in the same transaction.
    :param canonical: returns the id that another spelling of it means, or ``None`` where it is unknown.
    :param events: tells of what happens; by default events of its own.
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
        """The settings that hold now."""
        return self._settings()

    def arrival(self) -> float:
        """Return the present for :meth:`rotate`, to be taken when a request comes."""
        return self._clock.monotonic()

    # --- Opening and going on ------------------------------------------------------------------------

    def mark(self) -> int:
        """Return the number of the newest revocation, to hand to :meth:`open`, taken before the password is checked.

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

        :param device: what the owner may know it by, such as ``User-Agent``; cut at 255 characters.
        :param address: network address of the client.
        :param fresh: whether a password was typed for it.
        :param since: a :meth:`mark`; a user who was signed out everywhere after it is not let in, for the password
            that was checked may be the old one.
        :param replaces: the refresh token that this browser holds: its session, of whichever user, ends in the same
            transaction if the token is genuine and current.
        :raises InvalidCredentials: signed out since the mark, disabled, or gone.
        :raises InvalidRequest: the string of the id is longer than 255 characters.
        :raises Unavailable: the store does not answer.

        Where no access token can be made, the session is ended and what went wrong is raised.
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
        """Exchange a refresh token for the next one, or say why not.

        :param arrived: when the request came, on the monotonic clock, before it waited for anything.
        :raises MalformedToken, InvalidSignature: not a token of this application; no SQL was run.
        :raises TokenExpired: the session reached its end.
        :raises RevokedTokenError: the session was ended, now or before.
        :raises Unavailable: the store does not answer.
        """
        return self._refreshing.rotate(presented, self._clock.monotonic() if arrived is None else arrived)

    def force_rotation(self, session_id: str, *, fresh: bool, connection: Connection | None = None) -> Granted:
        """Give a living session its next tokens, in the transaction that changed its user's password.

        :raises RevokedTokenError: the session is over.
        """
        return self._refreshing.force(session_id, fresh=fresh, connection=connection)

    # --- Whether the row of the user is still the same user's ----------------------------------------

    def admit(self, user_id: UserId, before: bytes, after: bytes, *, connection: Connection | None = None) -> None:
        """Store the mark of *after* beside that of *before*, to be called before the row changes from one to the other.

        So no session ends because a hash is renewed. If *before* fits no stored mark, nothing is stored: the row
        is another user's already, and the next login, refresh or load finds that.

        :raises Unavailable: the store does not answer.
        """
        self._same_user.admit(user_id, before, after, connection)

    def is_same_user(self, user_id: UserId, mark: str) -> bool:
        """Return whether *mark*, which a token carries, and the row as it is now are those of one user.

        For the case in which the two differ, since the hash was renewed after the token was made; it asks the store.

        :raises Unavailable: the store does not answer.
        """
        return self._same_user.fits(user_id, mark)

    # --- Ending --------------------------------------------------------------------------------------

    def session_of(self, presented: str) -> str:
        """Return the id of the session that a refresh token, current or old, belongs to.

        :raises MalformedToken, InvalidSignature: not a token of this application.
        """
        return str(self._tokens.parse(presented).session_id)

    def end_replaced(self, presented: str) -> None:
        """End the session of a refresh token, since its browser got another one; an old or forged token ends none."""
        self._presented.end(presented)

    def holder_of(self, presented: str) -> UserId | None:
        """Return whose living session a refresh token is current for, or ``None``.

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
        """End one session; return whose it was, or ``None`` if there is no such living session.

        :param user_id: end it only if it is this user's.
        :raises Unavailable: the store does not answer.
        """
        return self._ending.end(session_id, user_id=user_id, reason=reason, connection=connection)

    def end_all(self, user_id: UserId, *, reason: str = "everywhere", connection: Connection | None = None) -> None:
        """End all sessions of a user and refuse every access token that was issued before."""
        self._ending.end_user(user_id, keep=None, reason=reason, connection=connection)

    def forget(self, user_id: UserId, *, reason: str = "deleted", connection: Connection | None = None) -> None:
        """As :meth:`end_all`, for a user who is gone: the next one with this id is taken as found."""
        self._ending.forget(user_id, reason=reason, connection=connection)

    def end_all_but(self, user_id: UserId, keep: str, *, reason: str, connection: Connection | None = None) -> None:
        """As :meth:`end_all`, but the session *keep* lives on and needs new tokens (:meth:`force_rotation`)."""
        self._ending.end_user(user_id, keep=keep, reason=reason, connection=connection)

    def end_others(self, user_id: UserId, keep: str) -> int:
        """End all sessions of a user but one, whose tokens stay good; return how many ended."""
        return self._ending.end_others(user_id, keep)

    def restored(self) -> int:
        """End every session and refuse every access token: a step of each restore of the database.

        :return: how many sessions were ended.
        """
        return self._ending.end_everything()

    # --- Looking and cleaning up ---------------------------------------------------------------------

    def listing(self, user_id: UserId | None = None) -> list[SessionInfo]:
        """Return the living sessions of a user, or of all users; the one used last first."""
        return self._looking.listing(user_id)

    def get(self, session_id: str) -> SessionInfo | None:
        """Return a living session, or ``None``."""
        return self._looking.get(session_id)

    def clean_up(self, limit: int = clean_up.ROWS) -> int:
        """Delete up to *limit* rows of sessions that ended for good a day ago, and as many of the feed.

        :return: how many rows went.
        """
        return self._clean_up.run(limit)
