"""Detect that the application deletes a user through a session of SQLAlchemy's ORM.

This covers ``session.delete(user)``, cascades, orphans, ``session.execute(delete(User)…)``, ``query.delete()``, and a
Core ``delete`` of the table that a session executes. Deletions outside a session are not detected: SQL as text, a
``delete`` on a connection, ``ON DELETE CASCADE`` in the database. In those cases the mark of the row decides
(:mod:`flask_signet.sessions.same_user`).

A watcher is called twice. :meth:`Watcher.deleting` is called inside the transaction, so that a watcher with the same
database can end the sessions there: both happen, or neither. :meth:`Watcher.deleted` is called after the commit. It is
not called after a rollback, including a rollback to a savepoint.

The listeners are functions of this module. Each is registered once per process, on SQLAlchemy's own classes, and is
never removed. The watchers are stored on the tables (``Table.info``) as weak references. So an application that no
longer exists leaves nothing behind, and two applications with the same model are not notified twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any, Protocol, cast
from weakref import WeakSet

from sqlalchemy import Connection, event, select
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import Mapper, Session, object_session

log = logging.getLogger(__name__)

_WATCHERS = "flask-signet-watchers"  # in `Table.info`
_PENDING = "flask-signet-deleted"  # in `Session.info`


class Watcher(Protocol):
    """Is notified of deleted users."""

    def deleting(self, user_ids: list[Any], connection: Connection) -> bool:
        """Handle users that were deleted in the transaction of *connection*.

        :return: whether they are completely handled; ``False``: :meth:`deleted` is called after the commit.
        """
        ...

    def deleted(self, user_ids: list[Any]) -> None:
        """Handle users whose deletion was committed."""
        ...


def watch(mapper: Any, watcher: Watcher) -> None:
    """Notify *watcher* of every deleted row of *mapper*, as long as *watcher* exists."""
    for table in mapper.tables:
        table.info.setdefault(_WATCHERS, WeakSet()).add(watcher)
    listeners: tuple[tuple[type[Any], str, Any], ...] = (
        (Mapper, "after_delete", _after_delete),
        (Session, "do_orm_execute", _on_execute),
        (Session, "after_commit", _after_commit),
        (Session, "after_soft_rollback", _after_rollback),
        (Session, "after_transaction_end", _after_end),
    )
    for target, name, listener in listeners:
        if not event.contains(target, name, listener):
            event.listen(target, name, listener)


def _watchers(tables: Iterable[Any]) -> list[Watcher]:
    found: dict[int, Watcher] = {}
    for table in tables:
        for watcher in list(table.info.get(_WATCHERS, ())):
            found[id(watcher)] = watcher
    return list(found.values())


def _after_delete(mapper: Any, connection: Connection, target: Any) -> None:
    """Handle an object that a flush deleted: by ``session.delete``, a cascade, or as an orphan."""
    watchers = _watchers(mapper.tables)
    if watchers:
        identity = inspected(target).identity
        _tell(object_session(target), watchers, [identity[0]], connection)


def _on_execute(state: Any) -> Any:
    """Read which rows a ``DELETE`` will remove, run it, and notify the watchers."""
    if not state.is_delete:
        return None
    statement = state.statement
    table = statement.table
    # ORM statements hold a copy of the table.
    tables: Mapping[Any, Any] = getattr(getattr(table, "metadata", None), "tables", {})
    original = tables.get(getattr(table, "key", None))
    if original is None or not (watchers := _watchers([original])):
        return None
    user_ids = _concerned(state, original)
    result = state.invoke_statement()
    if user_ids:
        _tell(state.session, watchers, user_ids, state.session.connection(bind_arguments=state.bind_arguments))
    return result


def _concerned(state: Any, table: Any) -> list[Any]:
    """Return the ids of the rows that a ``DELETE`` will remove; if they cannot be read, log a warning and return none.

    A ``DELETE`` that works without us must work with us, so no error of this query reaches the application.
    """
    session: Session = state.session
    if state.is_orm_statement and session.autoflush and state.execution_options.get("autoflush", True):
        session.flush()  # as the statement itself would; its errors must reach the application
    try:
        # Select from the model if there is one, so that its loader criteria apply here too.
        mapper = state.bind_mapper if state.is_orm_statement else None
        asked = select(next(iter((table if mapper is None else mapper).primary_key)))
        if state.statement.whereclause is not None:
            asked = asked.where(state.statement.whereclause)
        given: Any = state.parameters
        sets = list(cast(Iterable[Any], given)) if isinstance(given, (list, tuple)) else [given]
        connection = session.connection(bind_arguments=state.bind_arguments)
        # An error aborts the transaction of every database except SQLite.
        spared = nullcontext() if connection.dialect.name == "sqlite" else connection.begin_nested()
        found: dict[Any, None] = {}
        with session.no_autoflush, spared:
            for parameters in sets:
                rows = session.execute(asked, parameters, bind_arguments=state.bind_arguments)
                found.update(dict.fromkeys(rows.scalars()))
        return list(found)
    except Exception as error:
        log.warning(
            "A DELETE of the table %s removes users, but Flask-Signet could not read which ones (%s). Their sessions "
            "are not ended. After the DELETE, call signet.revoke_all(user_id) for each of them.",
            table.name,
            type(error).__name__,  # the message contains values
        )
        return []


def _tell(session: Session | None, watchers: list[Watcher], user_ids: list[Any], connection: Connection) -> None:
    for watcher in watchers:
        if watcher.deleting(user_ids, connection) or session is None:
            continue
        transaction = session.get_nested_transaction() or session.get_transaction()
        pending = session.info.setdefault(_PENDING, {})
        pending.setdefault(transaction, []).append((watcher, user_ids))


def _after_commit(session: Session) -> None:
    pending = session.info.get(_PENDING)
    if not pending:
        return
    nested = session.get_nested_transaction()
    if nested is not None:
        # Only a savepoint was released: its deletions now belong to the enclosing transaction.
        if nested in pending:
            pending.setdefault(nested.parent, []).extend(pending.pop(nested))
        return
    # Notify after the transaction has returned its connections: a watcher may need one.
    pending[None] = [told for every in pending.values() for told in every]
    for transaction in [each for each in pending if each is not None]:
        del pending[transaction]


def _after_rollback(session: Session, previous_transaction: Any) -> None:
    pending = session.info.get(_PENDING)
    if pending:
        pending.pop(previous_transaction, None)


def _after_end(session: Session, transaction: Any) -> None:
    pending = session.info.get(_PENDING)
    if not pending or transaction.parent is not None:
        return
    del session.info[_PENDING]
    for watcher, user_ids in pending.get(None, ()):
        watcher.deleted(user_ids)
