"""The engine of a process and its transactions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, exc
from sqlalchemy.pool import QueuePool

from flask_signet.clock import SYSTEM, Clock
from flask_signet.exceptions import SchemaError, SettingsError, StorageError, Unavailable
from flask_signet.files import locked
from flask_signet.per_process import PerProcess
from flask_signet.store import commits, engines, schema
from flask_signet.store.failures import TransactionLost, about_tables, as_unavailable, passes
from flask_signet.store.opened import Opened, is_within_transaction
from flask_signet.store.settings import LOCK_NAME, StoreSettings

T = TypeVar("T")

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
        self._opened: Opened | None = None
        self._of_parents: list[Opened] = []
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
        opened = self._current()
        pool = opened.engine.pool
        if isinstance(pool, QueuePool):
            return pool.checkedin() > 0 or pool.overflow() < 0
        return not opened.taken

    @contextmanager
    def read(self) -> Generator[Connection, None, None]:
        """Begin a read transaction. It has one snapshot in total (SQLite) or one per statement (PostgreSQL).

        :raises Unavailable: the database does not answer.
        :raises SchemaError: its tables are not those of this version.
        """
        with self._answering(), self._connection("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self, connection: Connection | None = None) -> Generator[Connection, None, None]:
        """Begin a transaction that is committed at the end, or join the caller's.

        :param connection: the caller's connection; everything happens in its transaction, which the caller ends.
        :raises Unavailable: the database does not answer, or a lock could not be acquired within 2 s.
        :raises SchemaError: the tables are not those of this version.
        """
        if connection is not None:
            with as_unavailable():
                _really_begin(connection)
                yield connection
            return
        with self._answering(), self._connection("BEGIN IMMEDIATE") as own:
            yield own

    @contextmanager
    def driver(self) -> Generator[Any, None, None]:
        """Lend a driver connection of SQLite or PostgreSQL, outside any transaction; ``None`` if none is available.

        Only refreshes and the throttle use it. None is available before a transaction has checked the tables, while all
        are lent, for a database in memory, and for the application's own engine, where only our transactions limit
        their wait for locks.

        :raises TransactionLost: a server aborted this transaction because of another one.
        :raises Unavailable: the database does not answer.
        """
        opened = self._current()
        try:
            database = self._identity(opened)
        except OSError as error:
            raise engines.refused(opened.engine.url.database or "", error) from error
        dialect = opened.engine.dialect
        if opened.borrowed or opened.single or dialect.driver not in ("pysqlite", "psycopg"):
            yield None
            return
        if database is None or opened.ready_for != database:
            yield None
            return
        try:
            lent = opened.drivers.lend(database)
        except Exception:
            with self._answering():
                raise
        if lent is None:
            yield None
            return
        try:
            yield lent.connection
        except BaseException as error:
            raised = opened.drivers.give_up(lent, error)
            if raised is error:
                raise
            # SQLite has already waited as long as a request may wait, so only PostgreSQL errors are retried.
            if dialect.name == "postgresql" and isinstance(raised, Exception) and passes(raised):
                raise TransactionLost from error
            with self._answering():
                raise raised from error
        opened.drivers.take_back(lent)

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
        own = getattr(joined, "connection", None) is connection
        commits.after_commit(connection, run, due=joined.due if own else None)

    def dispose(self) -> None:
        """Close our own connections; the next use opens new ones."""
        opened, self._opened = self._opened, None
        if opened is not None and opened.pid == os.getpid() and not opened.borrowed:
            opened.drivers.close()
            opened.engine.dispose()

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
            with as_unavailable():
                yield
        except (exc.DBAPIError, Unavailable) as error:
            cause = error if isinstance(error, exc.DBAPIError) else error.__cause__
            if not isinstance(cause, exc.DBAPIError) or not about_tables(cause):
                raise
            # The tables were right once; since then a newer version may have upgraded them.
            self._current().ready_for = None
            found = schema.current(self)
            if found is not None:
                schema.refuse_too_new(found)
            raise

    @contextmanager
    def _connection(self, begin: str) -> Generator[Connection, None, None]:
        opened = self._current()
        try:
            identity = self._identity(opened)
            if identity is None or opened.ready_for != identity:
                self._ensure_tables()
                opened = self._current()
                opened.ready_for = self._identity(opened)
        except OSError as error:
            raise engines.refused(self.engine.url.database or "", error) from error
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

    def _identity(self, opened: Opened) -> object:
        """Return a value that changes when the database file is replaced; ``None`` if the file does not exist."""
        return engines.file_identity(opened.engine) if self.own_file else opened

    @contextmanager
    def _transaction(self, opened: Opened, begin: str) -> Generator[Connection, None, None]:
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

    def _current(self) -> Opened:
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
                opened = self._opened = self._open()
        return opened

    def _open(self) -> Opened:
        if self.settings.url is None:
            return Opened(engines.own(self.settings), self.clock, borrowed=False)
        borrowed = self._app_engine() if self._app_engine is not None else None
        if self.settings.url == "app":
            if borrowed is None:
                raise SettingsError(
                    'SIGNET_DATABASE_URL is "app", but the application has no Flask-SQLAlchemy: '
                    "call db.init_app(app) before the first request, or give a URL."
                )
            engines.check_kind(borrowed.url)
            return Opened(borrowed, self.clock, borrowed=True)
        url = engines.parse(self.settings.url)
        if borrowed is not None and engines.same_database(borrowed.url, url):
            return Opened(borrowed, self.clock, borrowed=True)
        return Opened(engines.configured(url, self.clock), self.clock, borrowed=False)


def _really_begin(connection: Connection) -> None:
    """Begin the caller's transaction if SQLite's driver has not begun it yet.

    Otherwise our savepoint would be the outermost transaction, and its release would commit.
    """
    if connection.dialect.name != "sqlite":
        return
    driver = connection.connection.driver_connection
    if driver is not None and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
