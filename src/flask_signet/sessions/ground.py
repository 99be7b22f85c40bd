"""The services that all parts of ``flask_signet.sessions`` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask_signet.clock import Clock, SteadyTime
from flask_signet.events import Events
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.rows import Rows
from flask_signet.sessions.session_tokens import Grants, RefreshTokens
from flask_signet.sessions.settings import SessionSettings
from flask_signet.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The services that each part receives in its constructor.

    :param tokens: makes and reads refresh tokens.
    :param grants: makes the two tokens of a session.
    :param settings: returns the current settings.
    :param time: the clocks of this process.
    """

    store: Store
    rows: Rows
    feed: Feed
    tokens: RefreshTokens
    grants: Grants
    settings: Callable[[], SessionSettings]
    clock: Clock
    time: SteadyTime
    events: Events
