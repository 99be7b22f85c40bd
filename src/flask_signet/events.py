"""Events in two phases: reactions inside the transaction, and listeners after its commit.

A reaction runs at once, in the same transaction; if it fails, the change is rolled back. A listener acts outside the
database, such as by a signal, a log line or a mail, and is called after the commit. It is never called for a change
that was rolled back, even to a savepoint, and never twice for a transaction that is run again after a conflict.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar, cast

from sqlalchemy import Connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base class of all events. ``code`` names the kind; it never changes after a release."""

    code: ClassVar[str]


E = TypeVar("E", bound=Event)
Reaction = Callable[[E, Connection], object]
Listener = Callable[[E], object]


class Transactions(Protocol):
    """The part of the store that events need."""

    def after_commit(self, connection: Connection, run: Callable[[], None], /) -> None:
        """Call *run* after the commit of the transaction of *connection*, and never after its rollback."""
        ...


class Events:
    """The events of one application. Receivers and their order are fixed when the application is opened."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._reactions: list[tuple[type[Event], Reaction[Any]]] = []
        self._listeners: list[tuple[type[Event], Listener[Any]]] = []

    def react(self, kind: type[E], reaction: Reaction[E]) -> None:
        """Call *reaction* for each event of *kind*, inside its transaction, in the order of registration.

        :param kind: the class of the event; :class:`Event` for every event.
        """
        self._reactions.append((kind, cast("Reaction[Any]", reaction)))

    def listen(self, kind: type[E], listener: Listener[E]) -> None:
        """Call *listener* for each event of *kind* after its commit.

        An exception of a listener is logged, and the other listeners are still called: the change is committed, so the
        request must not fail.
        """
        self._listeners.append((kind, cast("Listener[Any]", listener)))

    def emit(self, event: Event, connection: Connection) -> None:
        """Emit an event in the transaction of *connection*.

        Errors of reactions propagate, so that the transaction is rolled back.
        """
        for kind, reaction in self._reactions:
            if isinstance(event, kind):
                reaction(event, connection)
        if any(isinstance(event, kind) for kind, _ in self._listeners):
            self._transactions.after_commit(connection, partial(self._tell, event))

    def _tell(self, event: Event) -> None:
        for kind, listener in self._listeners:
            if isinstance(event, kind):
                shielded(event, listener, partial(listener, event))


def shielded(event: Event, receiver: object, call: Callable[[], object]) -> None:
    """Call *call*, which passes *event* to *receiver*, and log its errors: the event is already committed."""
    try:
        call()
    except Exception:
        name = getattr(receiver, "__qualname__", type(receiver).__name__)
        log.exception("The receiver %s of the event %s failed. The change itself is committed.", name, event.code)
