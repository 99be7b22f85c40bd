"""Events in two phases: reactions inside the transaction, and after its commit everything outside.

A reaction belongs to the change: it runs at once, in the same transaction, and where it fails nothing is changed.
What is outside of the database, such as a signal, a log line or a mail, hears of a change only when it is committed. So
it hears of nothing that was rolled back, also by a rollback to a savepoint, and of nothing twice where a transaction
that lost against another one is run again.
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
    """Base of what happens. ``code`` names the kind; once released it stays."""

    code: ClassVar[str]


E = TypeVar("E", bound=Event)
Reaction = Callable[[E, Connection], object]
Listener = Callable[[E], object]


class Transactions(Protocol):
    """What events need of the store."""

    def after_commit(self, connection: Connection, run: Callable[[], None], /) -> None:
        """Call *run* after the commit of the transaction of *connection*, and never after its rollback."""
        ...


class Events:
    """The events of one application. Who is told, and in which order, is fixed when the application is opened."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._reactions: list[tuple[type[Event], Reaction[Any]]] = []
        self._listeners: list[tuple[type[Event], Listener[Any]]] = []

    def react(self, kind: type[E], reaction: Reaction[E]) -> None:
        """Call *reaction* for each event of *kind*, within its transaction and after those that came before.

        :param kind: the class of the event; :class:`Event` for every event.
        """
        self._reactions.append((kind, cast("Reaction[Any]", reaction)))

    def listen(self, kind: type[E], listener: Listener[E]) -> None:
        """Call *listener* for each event of *kind* after its commit.

        What it raises is logged. The other listeners are called all the same: the change is committed, and the request
        that made it must not fail any more.
        """
        self._listeners.append((kind, cast("Listener[Any]", listener)))

    def emit(self, event: Event, connection: Connection) -> None:
        """Tell of an event that happens in the transaction of *connection*.

        Whatever a reaction raises is raised here, so that the transaction is rolled back.
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
    """Call what tells *receiver* of *event*, and log what it raises: the event is committed, whatever comes of it."""
    try:
        call()
    except Exception:
        name = getattr(receiver, "__qualname__", type(receiver).__name__)
        log.exception("The receiver %s of the event %s failed. The change itself is committed.", name, event.code)
