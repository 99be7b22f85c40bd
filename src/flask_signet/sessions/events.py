"""The events of sessions: typed events, and blinker signals for the application. The sender is the application.

The receivers of a signal are called after the commit, in the request that caused the event; with ``connection=`` after
the commit of the caller. An exception in a receiver is logged and does not affect the request.
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
"""A session ended: ``user_id``, ``session_id`` (``None``: all sessions of the user), ``reason``."""

refresh_reuse_detected = _signals.signal("signet-refresh-reuse-detected")
"""An old refresh token was used after the grace time, so two clients hold this session; it has ended:
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
    """A session ended, or with ``session_id=None`` all sessions of the user."""

    code: ClassVar[str] = "session_ended"

    user_id: UserId | None
    session_id: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReused(Event):
    """An old refresh token was used after the grace time: its session ends."""

    code: ClassVar[str] = "refresh_reuse_detected"

    user_id: UserId | None
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreWentBack(Event):
    """The stored state of a session is older than its token: the database is an older copy."""

    code: ClassVar[str] = "store_went_back"

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserReplaced(Event):
    """The evidence in a user's row has changed: all sessions of the former user end."""

    code: ClassVar[str] = "user_replaced"

    user_id: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningUp(Event):
    """Expired rows are being deleted; receivers may delete theirs in the same transaction."""

    code: ClassVar[str] = "cleaning_up"


_SIGNALS: tuple[tuple[type[Event], NamedSignal], ...] = (
    (SessionOpened, session_opened),
    (SessionEnded, session_ended),
    (RefreshReused, refresh_reuse_detected),
)


def tell_outside(events: Events, sender: object) -> None:
    """Log the events of sessions and send them as signals.

    :param sender: the application; receivers may subscribe to it alone.
    """
    events.listen(RefreshReused, _log_reuse)
    events.listen(StoreWentBack, _log_older_copy)
    events.listen(UserReplaced, _log_replaced)
    for kind, signal in _SIGNALS:
        events.listen(kind, partial(_send, signal, sender))


def _send(signal: NamedSignal, sender: object, event: Event) -> None:
    """Call each receiver separately: if one fails, the others must still be called."""
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
    log.warning("An old refresh token of session %s was used again: the session has ended.", event.session_id)


def _log_older_copy(event: StoreWentBack) -> None:
    log.critical(
        "The stored state of session %s is older than its refresh token: the database is an older copy. "
        "After every restore run: flask signet db restored",
        event.session_id,
    )


def _log_replaced(event: UserReplaced) -> None:
    log.warning(
        "The row of user %s has a new password hash (or stamp) that Flask-Signet did not write: "
        "all sessions of the former user have ended.",
        event.user_id,
    )
