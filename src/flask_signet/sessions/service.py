"""Opens, refreshes and ends sessions; does not depend on Flask.

Every change is one transaction. Locks are always taken in this order: the row of the user's epoch, rows of
sessions, the head of the feed. Every change emits an event (:mod:`flask_signet.sessions.events`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask_signet.accounts.user_ids import UserId
from flask_signet.clock import Clock, SteadyTime
from flask_signet.events import Events
from flask_signet.sessions.ending import Ending
from flask_signet.sessions.events import tell_outside
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.looking import Looking
from flask_signet.sessions.opening import CleanUp, Opening
from flask_signet.sessions.presented import PresentedTokens
from flask_signet.sessions.refreshing import Refreshing
from flask_signet.sessions.rows import Rows
from flask_signet.sessions.same_user import Admission, Marks, SameUser, Standing
from flask_signet.sessions.session_tokens import Claims, Grants, Issue, RefreshTokens, RootKeys
from flask_signet.sessions.settings import SessionSettings
from flask_signet.store import Store
from flask_signet.store.health import Health


class Sessions:
    """The sessions of one application: the parts of this package, put together, and their methods under one name.

    :param settings: returns the current settings.
    :param time: the time by which the rows are judged on SQLite.
    :param issue: makes access tokens.
    :param claims: what optional features add to the claims of access tokens.
    :param standing: returns, in the transaction that opens a session, the evidence in the user's row that identifies
        the user (see :mod:`flask_signet.sessions.same_user`; empty if the row has none), or ``None`` if the user is
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
        time: SteadyTime,
        issue: Issue,
        claims: Sequence[Claims] = (),
        standing: Standing | None = None,
        ask_on_refresh: bool = False,
        canonical: Callable[[Any], UserId | None] | None = None,
        events: Events | None = None,
        sender: object = None,
    ) -> None:
        events = Events(store) if events is None else events
        tell_outside(events, sender)
        tokens = RefreshTokens(root_keys, clock)
        ground = Ground(
            store=store,
            rows=Rows(time, canonical),
            feed=feed,
            tokens=tokens,
            grants=Grants(issue, tokens, claims),
            settings=settings,
            clock=clock,
            time=time,
            events=events,
        )
        self.ground = ground
        self.marks = Marks(root_keys)
        self.health = Health(store, clock)
        self.admission = Admission(ground.rows, standing)
        ending = Ending(ground)
        same_user = SameUser(ground, marks=self.marks, standing=standing, ending=ending)
        presented = PresentedTokens(ground)
        clean_up = CleanUp(ground)
        opening = Opening(
            ground,
            admission=self.admission,
            same_user=None if standing is None else same_user,
            ending=ending,
            presented=presented,
            clean_up=clean_up,
        )
        refreshing = Refreshing(ground, asked=same_user if ask_on_refresh and standing is not None else None)
        looking = Looking(store, ground.rows)
        # Open and refresh.
        self.mark = opening.head
        self.open = opening.open
        self.rotate = refreshing.rotate
        self.force_rotation = refreshing.force
        # Check that the row still belongs to the same user.
        self.admit = same_user.admit
        self.is_same_user = same_user.fits
        # End.
        self.session_of = presented.session_of
        self.holder_of = presented.holder
        self.end_replaced = presented.end
        self.end = ending.end
        self.end_all = ending.end_all
        self.end_others = ending.end_others
        self.forget = ending.forget
        self.restored = ending.end_everything
        # Read and clean up.
        self.listing = looking.listing
        self.get = looking.get
        self.clean_up = clean_up.run

    @property
    def settings(self) -> SessionSettings:
        """The current session settings."""
        return self.ground.settings()

    def arrival(self) -> float:
        """Return the current monotonic time for :meth:`Refreshing.rotate`; call it when the request arrives."""
        return self.ground.clock.monotonic()
