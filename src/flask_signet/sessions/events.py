"""What happens to sessions: typed events, and blinker signals for the application. The sender is the application.

The receivers of a signal are called after the commit, in the request that caused the event; with ``connection=`` after
the commit of the caller. What a receiver raises is logged and does not reach the request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, ClassVar

from blinker import NamedSignal, Namespace

from flask_signet.accounts.user_ids import UserId
from flask_signet.events import Event, Events, shielded

log = logging.getLogger(__name__)

_signals = Namespace()

session_opened = _signals.signal("signet-session-opened")
"""A login opened a session: ``user_id``, ``session_id``, ``device``, ``address``."""

session_ended = _signals.signal("signet-session-ended")
"""A session is over: ``user_id``, ``session_id`` (``None``: all of the user), ``reason``."""

refresh_reuse_detected = _signals.signal("signet-refresh-reuse-detected")
"""An old refresh token came again after the grace time, so two clients hold this session; it has ended:
``user_id``, ``session_id``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event):
    """A login opened a session."""

    code: ClassVar[str] = "session_opened"

    user_id: UserId
    session_id: str
    device: str | None
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """A session is over, or with ``session_id=None`` all sessions of the user."""

    code: ClassVar[str] = "session_ended"

    user_id: UserId | None
    session_id: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReused(Event):
    """An old refresh token came again after the grace time: its session ends."""

    code: ClassVar[str] = "refresh_reuse_detected"

    user_id: UserId | None
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreWentBack(Event):
    """The database knows less of a session than its token does: it is an older copy."""

    code: ClassVar[str] = "store_went_back"

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserReplaced(Event):
    """The row of a user holds other evidence than before: all sessions of the former user end."""

    code: ClassVar[str] = "user_replaced"

    user_id: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningUp(Event):
    """Dead rows are deleted, now and then, in a transaction that no request waits for."""

    code: ClassVar[str] = "cleaning_up"


_SIGNALS: tuple[tuple[type[Event], NamedSignal], ...] = (
    (SessionOpened, session_opened),
    (SessionEnded, session_ended),
    (RefreshReused, refresh_reuse_detected),
)


def tell_outside(events: Events, sender: object) -> None:
    """Let what happens to sessions be logged, and sent as signals.

    :param sender: the application, which receivers may ask for.
    """
    events.listen(RefreshReused, _log_reuse)
    events.listen(StoreWentBack, _log_older_copy)
    events.listen(UserReplaced, _log_replaced)
    for kind, signal in _SIGNALS:
        events.listen(kind, partial(_send, signal, sender))


def _send(signal: NamedSignal, sender: object, event: Event) -> None:
    """Call each receiver by itself: one that fails must not keep the others from hearing of it."""
    if signal.is_muted:
        return
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    for receiver in signal.receivers_for(sender):
        shielded(event, receiver, partial(_call, receiver, sender, **values))


def _call(receiver: Callable[..., Any], sender: object, **values: Any) -> None:
    if iscoroutinefunction(receiver):
        raise TypeError("A receiver of this signal must be a function that is not async")
    receiver(sender, **values)


def _log_reuse(event: RefreshReused) -> None:
    log.warning("An old refresh token of session %s came again: the session has ended.", event.session_id)


def _log_older_copy(event: StoreWentBack) -> None:
    log.critical(
        "The database knows less of session %s than it once did: it is an older copy. "
        "After every restore run: flask signet db restored",
        event.session_id,
    )


def _log_replaced(event: UserReplaced) -> None:
    log.warning(
        "The row of user %s holds another password hash (or stamp) than before, which Flask-Signet did not write: "
        "all sessions of the former user have ended.",
        event.user_id,
    )
