"""The connections of one process to its database: the engine, and driver connections for single borrowers.

Driver connections serve the paths where SQLAlchemy costs more than the statements: checking one out of the pool and in
again costs half as much as a refresh.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.pool import QueuePool, StaticPool

from flask_signet.clock import Clock
from flask_signet.exceptions import SettingsError
from flask_signet.files import create_private
from flask_signet.store import engines
from flask_signet.store.engines import PING_AFTER_SECONDS, SERVER_DRIVERS, refused
from flask_signet.store.settings import StoreSettings

#: The key in the ``info`` of a connection under which it says which file it has open, if that is our own.
FILE = "flask-signet-file"

# SQLite does not limit connections. In a worker with more threads than this, the others use the pool.
_FILE_DRIVERS = 32


class Lent:
    """A connection for one borrower at a time, outside any transaction.

    :ivar connection: the driver's connection; ``None`` before the first use and after an error.
    :ivar database: the identity of the database, such as that of a file that may be replaced.
    :ivar used: when a connection to a server was last lent, on the monotonic clock.
    """

    __slots__ = ("connection", "database", "used")

    def __init__(self) -> None:
        self.connection: Any = None
        self.database: object = None
        self.used = 0.0

    def close(self) -> None:
        """Close the connection, and with it an open transaction."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Connections:
    """The engine of one process, the driver connections that it lends, and for which database its tables were checked.

    Driver connections are lent to one borrower at a time; those of PostgreSQL are in autocommit.

    :param borrowed: whether the engine is that of the application.
    :param file: our own database file, which may be replaced by a restore; ``None`` for any other database.
    :ivar ready_for: the :meth:`identity` of the database whose tables were checked.
    :ivar free: the driver connections that are not lent. Last in, first out, so that open connections are reused.
        Single list operations need no lock.
    :ivar closed: whether a connection that comes back must be closed.
    :ivar single: whether all threads share one connection: a database in memory is lost with its connection.
    """

    def __init__(self, engine: Engine, clock: Clock, *, borrowed: bool, file: Path | None = None) -> None:
        self.pid = os.getpid()
        self.engine = engine
        self.borrowed = borrowed
        self.single = isinstance(engine.pool, StaticPool)
        self.ready_for: object = None
        self.lock = threading.RLock()
        self.joined = threading.local()
        self._file = None if file is None else str(file)
        self._clock = clock
        self._errors = engine.dialect.loaded_dbapi.Error
        self._of_server = engine.dialect.name == "postgresql"
        self._at_most = SERVER_DRIVERS if self._of_server else _FILE_DRIVERS
        self.free = [Lent() for _ in range(self._at_most)]
        self.closed = False
        if file is not None:
            self._reconnect_when_replaced(file)
        if not borrowed:
            event.listen(engine, "handle_error", self._failed)

    @property
    def taken(self) -> bool:
        """Return whether all threads share one connection and a transaction is open on it."""
        return self.single and is_within_transaction(cast(StaticPool, self.engine.pool).connection.dbapi_connection)

    @property
    def answers_at_once(self) -> bool:
        """Return whether a transaction can begin now without waiting for a connection."""
        pool = self.engine.pool
        if isinstance(pool, QueuePool):
            return pool.checkedin() > 0 or pool.overflow() < 0
        return not self.taken

    def identity(self) -> object:
        """Return a value that changes when the database file is replaced; ``None`` if the file does not exist.

        :raises StorageError: the folder of the file cannot be read.
        """
        return self if self._file is None else _stat(self._file)

    # --- Lending ------------------------------------------------------------------------------------------

    def lend(self) -> Lent | None:
        """Return a connection, or ``None`` if none is available.

        The borrower puts it back into :attr:`free` after the end of the transaction, or calls :meth:`give_up`.

        :raises OperationalError: the connection cannot be opened.
        :raises StorageError: the folder of the file cannot be read.
        """
        # Connections of other drivers have no `execute`.
        if self.borrowed or self.single or self.engine.dialect.driver not in ("pysqlite", "psycopg"):
            return None
        database = self.identity()
        if database is None or self.ready_for != database:
            return None
        try:
            lent = self.free.pop()
        except IndexError:
            return None
        try:
            if lent.connection is not None and (lent.database != database or not self._lives(lent)):
                lent.close()
            if lent.connection is None:
                self._open(lent, database)
        except BaseException:
            self.free.insert(0, lent)
            raise
        return lent

    def give_up(self, lent: Lent, error: BaseException) -> BaseException:
        """Close a connection after *error*, and with it an open transaction.

        :return: the error to raise; a driver error is wrapped in the class that SQLAlchemy would raise.
        """
        ours = isinstance(error, self._errors)
        if ours and (engines.is_spent(error) or self.engine.dialect.is_disconnect(error, lent.connection, None)):
            # The other connections, here and in the pool, have lost the server or the file too.
            self._close_free()
            self.engine.dispose()
        lent.close()
        self.free.insert(0, lent)
        return exc.OperationalError("refresh", None, error) if ours else error

    def close(self) -> None:
        """Close all connections; those that are lent are closed when they come back."""
        self.closed = True
        self._close_free()
        self.engine.dispose()

    def _failed(self, context: Any) -> None:
        """Close the driver connections when the engine closes those of its pool, such as a file opened read-only."""
        if context.is_disconnect:
            self._close_free()

    def _close_free(self) -> None:
        for _ in range(self._at_most):
            try:
                free = self.free.pop()
            except IndexError:  # the others are lent
                return
            free.close()
            self.free.insert(0, free)

    def _open(self, lent: Lent, database: object) -> None:
        try:
            pooled = self.engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
            if self._of_server:
                connection.autocommit = True
        except self._errors as error:
            raise exc.OperationalError("connect", None, error) from error
        lent.connection, lent.database, lent.used = connection, database, self._clock.monotonic()

    def _lives(self, lent: Lent) -> bool:
        """Return whether the connection works; only an idle server connection is pinged."""
        if not self._of_server:
            return True
        before, lent.used = lent.used, self._clock.monotonic()
        if lent.used - before < PING_AFTER_SECONDS:
            return True
        try:
            self.engine.dialect.do_ping(lent.connection)
        except self._errors:
            return False
        return True

    def _reconnect_when_replaced(self, file: Path) -> None:
        """Reconnect after a restore has replaced the file."""
        path = str(file)  # used in each transaction

        @event.listens_for(self.engine, "connect")
        def remember(_connection: Any, record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
            record.info[FILE] = _stat(path)

        @event.listens_for(self.engine, "checkout")
        def compare(_connection: Any, record: Any, _proxy: Any) -> None:  # pyright: ignore[reportUnusedFunction]
            now = _stat(path)
            if now is None:
                try:
                    create_private(file)
                except OSError as error:
                    raise refused(file, error) from error
            if now != record.info[FILE]:
                raise exc.InvalidatePoolError


def open_connections(
    settings: StoreSettings, clock: Clock, app_engine: Callable[[], Engine | None] | None
) -> Connections:
    """Return the connections of this process to the database that the settings name.

    :param app_engine: returns the engine of the application's Flask-SQLAlchemy, which is used if it leads to the same
        database.
    :raises SettingsError: the settings name no usable database.
    """
    if settings.url is None:
        file = None if settings.in_memory else engines.own_file(settings)
        return Connections(engines.own(settings), clock, borrowed=False, file=file)
    borrowed = None if app_engine is None else app_engine()
    if settings.url == "app":
        if borrowed is None:
            raise SettingsError(
                'SIGNET_DATABASE_URL is "app", but the application has no Flask-SQLAlchemy: '
                "call db.init_app(app) before the first request, or give a URL."
            )
        engines.check_kind(borrowed.url)
        return Connections(borrowed, clock, borrowed=True)
    url = engines.parse(settings.url)
    if borrowed is not None and engines.same_database(borrowed.url, url):
        return Connections(borrowed, clock, borrowed=True)
    return Connections(engines.configured(url, clock), clock, borrowed=False)


def is_within_transaction(connection: Any) -> bool:
    """Return whether a driver connection is within a transaction; ``False`` if the driver does not tell."""
    return bool(getattr(connection, "in_transaction", False))


def really_begin(connection: Connection) -> None:
    """Begin the caller's transaction if SQLite's driver has not begun it yet.

    Otherwise our savepoint would be the outermost transaction, and its release would commit.
    """
    if connection.dialect.name != "sqlite":
        return
    driver = connection.connection.driver_connection
    if driver is not None and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _stat(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refused(path, error) from error
    return status.st_dev, status.st_ino
