"""The engine of a process and its transactions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, Row, exc

from flask_signet.clock import SYSTEM, Clock
from flask_signet.exceptions import SchemaError, StorageError, Unavailable
from flask_signet.files import locked
from flask_signet.per_process import PerProcess
from flask_signet.store import commits, engines, schema
from flask_signet.store.connections import FILE, Connections, is_within_transaction, open_connections, really_begin
from flask_signet.store.failures import TransactionLost, about_tables, as_unavailable, passes, unavailable_from
from flask_signet.store.settings import LOCK_NAME, StoreSettings

T = TypeVar("T")

Execute = Callable[..., Any]  # runs one statement in driver syntax and returns a cursor

# How often, and for how long in total, a transaction that lost a conflict is run again. A request waits for it.
RETRIES = 3
RETRY_SECONDS = 2.0


class Store:
    """The database: atomic transactions, and errors that say what to do.

    Nothing is opened before the first use. After a fork each process opens its own connections.

    :param app_engine: returns the engine of the application's Flask-SQLAlchemy, or ``None`` if it has none.
    """

    def __init__(
        self,
        settings: StoreSettings,
        *,
        clock: Clock = SYSTEM,
        app_engine: Callable[[], Engine | None] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._app_engine = app_engine
        self._opened: Connections | None = None
        self._of_parents: list[Connections] = []
        self._opening = PerProcess(threading.Lock)

    @property
    def engine(self) -> Engine:
        """Return the engine of this process. The first transaction checks its tables."""
        return self._current().engine

    @property
    def dialect(self) -> str:
        """Return ``"sqlite"``, ``"postgresql"`` or another dialect name of SQLAlchemy."""
        return self.engine.dialect.name

    @property
    def own_file(self) -> bool:
        """Return whether the database is our own: our SQLite file, or memory."""
        return self.settings.url is None

    @property
    def in_memory(self) -> bool:
        """Return whether our own database is in memory and lost when the process ends."""
        return self.settings.url is None and self.settings.in_memory

    @property
    def answers_at_once(self) -> bool:
        """Return whether a transaction can begin now without waiting for a connection.

        On the application's engine the caller itself may hold the connection.
        """
        return self._current().answers_at_once

    @contextmanager
    def read(self) -> Generator[Connection, None, None]:
        """Begin a read transaction. It has one snapshot in total (SQLite) or one per statement (PostgreSQL).

        :raises Unavailable: the database does not answer.
        :raises SchemaError: its tables are not those of this version.
        """
        with self._answering(), self._connection("BEGIN") as connection:
            yield connection

    def rows(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Return the rows of one query, in a read transaction of its own."""
        with self.read() as connection:
            return connection.execute(statement, parameters).all()

    @contextmanager
    def write(self, connection: Connection | None = None) -> Generator[Connection, None, None]:
        """Begin a transaction that is committed at the end, or join the caller's.

        :param connection: the caller's connection; everything happens in its transaction, which the caller ends.
        :raises Unavailable: the database does not answer, or a lock could not be acquired within 2 s.
        :raises SchemaError: the tables are not those of this version.
        """
        if connection is not None:
            with as_unavailable():
                really_begin(connection)
                yield connection
            return
        with self._answering(), self._connection("BEGIN IMMEDIATE") as own:
            yield own

    @contextmanager
    def driver(self) -> Generator[Any, None, None]:
        """Lend a driver connection of SQLite or PostgreSQL, outside any transaction; ``None`` if none is available.

        Only short transactions of logins and refreshes use it. None is available before a transaction has checked the
        tables, while all are lent, for a database in memory, and for the application's own engine, where only our
        transactions limit their wait for locks.

        :raises TransactionLost: a server aborted this transaction because of another one.
        :raises Unavailable: the database does not answer.
        """
        opened = self._current()
        try:
            lent = opened.lend()
        except exc.SQLAlchemyError:
            with self._answering():
                raise
        if lent is None:
            yield None
            return
        try:
            yield lent.connection
        except BaseException as error:
            raised = opened.give_up(lent, error)
            if raised is error:
                raise
            # SQLite has already waited as long as a request may wait, so only PostgreSQL errors are retried.
            if opened.engine.dialect.name == "postgresql" and isinstance(raised, Exception) and passes(raised):
                raise TransactionLost from error
            with self._answering():
                raise raised from error
        opened.free.append(lent)
        if opened.closed:
            opened.close()

    def driver_rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return the rows of one query in driver syntax, without a transaction if a driver connection is available."""
        with suppress(TransactionLost), self.driver() as driver:
            if driver is not None:
                return driver.execute(statement, values).fetchall()
        with self.read() as connection:
            return list(connection.exec_driver_sql(statement, values).fetchall())

    def quickly(self, run: Callable[[Execute], T]) -> T:
        """Run *run* in one short transaction, on a driver connection if one is available, and return its result.

        The commit to our own SQLite file does not wait for the disk: a power failure may lose the last transactions.

        :param run: changes nothing but the database. It is given a function that runs one statement in driver syntax
            and returns a cursor.
        :raises TransactionLost: another transaction won; nothing was changed.
        :raises Unavailable: the database does not answer.
        """
        with self.driver() as driver:
            if driver is not None:
                execute, sqlite = driver.execute, self.dialect == "sqlite"
                unsynced = sqlite and self.own_file  # it has a write-ahead log, which stays consistent
                if unsynced:
                    execute("PRAGMA synchronous = NORMAL")
                execute("BEGIN IMMEDIATE" if sqlite else "BEGIN")
                result = run(execute)
                execute("COMMIT")
                if unsynced:
                    execute("PRAGMA synchronous = FULL")
                return result
        return self.retrying(lambda connection: run(connection.exec_driver_sql))

    def retrying(self, run: Callable[[Connection], T], connection: Connection | None = None) -> T:
        """Run *run* in one transaction, again after a conflict with another transaction, and return its result.

        *run* must change nothing but the database. With a *connection* it runs once: only the caller, who began the
        transaction, can begin it again.

        :raises Unavailable: it lost four times or for 2 s, or the database does not answer.
        """
        if connection is not None:
            with self.write(connection) as joined:
                return run(joined)
        began = self.clock.monotonic()
        with self._answering():
            for _ in range(RETRIES):
                finished = False
                try:
                    with self._connection("BEGIN IMMEDIATE") as own:
                        result = run(own)
                        finished = True
                    return result
                except Exception as error:
                    # If the connection broke during the commit, it may have succeeded: it must not run twice.
                    unknown = finished and getattr(error, "connection_invalidated", False)
                    if unknown or not passes(error) or self.clock.monotonic() - began > RETRY_SECONDS:
                        raise
            with self._connection("BEGIN IMMEDIATE") as own:
                return run(own)

    def after_commit(self, connection: Connection, run: Callable[[], None]) -> None:
        """Call *run* after the commit of the transaction of *connection*; never after a rollback.

        :param run: must not raise. After a transaction that this store began, the connection is free again when *run*
            is called.
        """
        joined = self._current().joined
        due = joined.due if getattr(joined, "connection", None) is connection else None
        if due is not None and not connection.in_nested_transaction() and not connection.info.get(commits.WAITING):
            due.append(run)  # it depends on the whole transaction, which this store ends
        else:
            commits.after_commit(connection, run, due=due)

    def dispose(self) -> None:
        """Close our own connections; the next use opens new ones."""
        opened, self._opened = self._opened, None
        if opened is not None and opened.pid == os.getpid() and not opened.borrowed:
            opened.close()

    @contextmanager
    def unchecked(self, *, reading: bool = False) -> Generator[Connection, None, None]:
        """Begin a transaction without a check of the tables, for code that creates, migrates or checks them.

        :param reading: on SQLite, wait for no other transaction, such as one that the caller has open.
        """
        begin = "BEGIN" if reading else "BEGIN IMMEDIATE"
        with as_unavailable(), self._transaction(self._current(), begin) as connection:
            yield connection

    @contextmanager
    def _answering(self) -> Generator[None, None, None]:
        try:
            yield
        except (exc.SQLAlchemyError, Unavailable) as error:
            answer = error if isinstance(error, Unavailable) else unavailable_from(error)
            cause = error.__cause__ if isinstance(error, Unavailable) else error
            if isinstance(cause, exc.DBAPIError) and about_tables(cause):
                # The tables were right once; since then a newer version may have upgraded them.
                self._current().ready_for = None
                found = schema.current(self)
                if found is not None:
                    schema.refuse_too_new(found)
            if answer is None or answer is error:
                raise
            raise answer from error

    @contextmanager
    def _connection(self, begin: str) -> Generator[Connection, None, None]:
        opened = self._current()
        if opened.ready_for is not None:
            with self._transaction(opened, begin) as connection:
                # Each connection to our own file knows which file it has open.
                if opened.ready_for == connection.info.get(FILE, opened):
                    yield connection
                    return
        try:
            self._ensure_tables()
        except OSError as error:
            raise engines.refused(self.engine.url.database or "", error) from error
        opened = self._current()
        opened.ready_for = opened.identity()
        with self._transaction(opened, begin) as connection:
            yield connection

    def _ensure_tables(self) -> None:
        """Ensure that the tables are those of this version: create them in our own database, refuse elsewhere.

        Tables of a newer version are accepted if that version declares that this one can use them. Both can then run
        side by side during a deployment.

        :raises SchemaError: the tables are missing, older, or too new; the message says what to do.
        """
        found = schema.current(self)
        if found is not None and found >= schema.HEAD:
            schema.refuse_too_new(found)
            return
        if self.in_memory:
            schema.upgrade(self)
        elif self.own_file:
            with locked(self.settings.folder / LOCK_NAME):
                if (schema.current(self) or "") < schema.HEAD:
                    schema.upgrade(self)
        else:
            state = f"at revision {found}, this version needs {schema.HEAD}" if found else "missing"
            raise SchemaError(f"The tables of Flask-Signet are {state}. Run: {schema.COMMAND}")

    @contextmanager
    def _transaction(self, opened: Connections, begin: str) -> Generator[Connection, None, None]:
        due: list[Callable[[], None]] = []
        # Threads take turns on a single connection; a thread that already has it joins its own transaction.
        turn: AbstractContextManager[Any] = opened.lock if opened.single else nullcontext()
        with turn:
            outer: Connection | None = getattr(opened.joined, "connection", None) if opened.single else None
            if outer is not None:
                yield outer
                return
            # Before the checkout: a later check-in would roll back the changes of the application.
            if opened.borrowed and opened.taken:
                raise StorageError(
                    "The application's database in memory is one connection, and a transaction is open on it: commit "
                    "it first (db.session.commit()), or use a database in a file."
                )
            with opened.engine.connect() as connection, connection.begin():
                if opened.engine.dialect.name == "sqlite":
                    # The driver would begin at the first change, and then fail instead of waiting for a lock. The
                    # application may have configured its engine to begin a transaction itself.
                    if not (opened.borrowed and is_within_transaction(connection.connection.dbapi_connection)):
                        connection.exec_driver_sql(begin)
                elif opened.borrowed and opened.engine.dialect.name == "postgresql" and begin != "BEGIN":
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {engines.LOCK_MILLISECONDS}")
                joined = opened.joined
                around = getattr(joined, "connection", None), getattr(joined, "due", due)
                joined.connection, joined.due = connection, due
                try:
                    yield connection
                finally:
                    joined.connection, joined.due = around
        # The transaction is committed and the connection is free.
        for run in due:
            run()

    def _current(self) -> Connections:
        opened = self._opened
        if opened is not None and opened.pid == os.getpid():
            return opened
        with self._opening():
            opened = self._opened
            if opened is None or opened.pid != os.getpid():
                if opened is not None:
                    # The parent process still uses these connections; the child must not use or close them.
                    opened.engine.dispose(close=False)
                    self._of_parents.append(opened)
                opened = self._opened = open_connections(self.settings, self.clock, self._app_engine)
        return opened
