"""Lend driver connections, for the paths where SQLAlchemy costs more than the statements."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, exc

from flask_signet.clock import Clock
from flask_signet.store.engines import PING_AFTER_SECONDS, SERVER_DRIVERS

# SQLite does not limit connections. In a worker with more threads than this, the others use the pool.
_FILE_DRIVERS = 32


class Lent:
    """A connection for one borrower at a time, outside any transaction.

    :ivar connection: the driver's connection; ``None`` before the first use and after an error.
    :ivar database: the identity of the database, such as that of a file that may be replaced.
    :ivar used: when it was last used, on the monotonic clock.
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


class Drivers:
    """Lends connections of one engine, each to one borrower at a time; those of PostgreSQL are in autocommit.

    They are kept outside the pool: checking one out and in costs half as much as a refresh.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._errors = engine.dialect.loaded_dbapi.Error
        self._of_server = engine.dialect.name == "postgresql"
        self._at_most = SERVER_DRIVERS if self._of_server else _FILE_DRIVERS
        # Last in, first out, so that open connections are reused. Single list operations need no lock.
        self._free = [Lent() for _ in range(self._at_most)]
        self._closed = False

    def lend(self, database: object) -> Lent | None:
        """Return a connection, to be returned by :meth:`take_back` or :meth:`give_up`; ``None`` if all are lent.

        :raises OperationalError: the connection cannot be opened.
        """
        try:
            lent = self._free.pop()
        except IndexError:
            return None
        try:
            if lent.connection is not None and (lent.database != database or not self._lives(lent)):
                lent.close()
            if lent.connection is None:
                self._open(lent, database)
        except BaseException:
            self._free.insert(0, lent)
            raise
        return lent

    def take_back(self, lent: Lent) -> None:
        """Take a connection back after its borrower ended the transaction."""
        if self._closed:
            lent.close()
        if self._of_server:
            lent.used = self._clock.monotonic()
        self._free.append(lent)

    def give_up(self, lent: Lent, error: BaseException) -> BaseException:
        """Close a connection after *error*, and with it an open transaction.

        :return: the error to raise; a driver error is wrapped in the class that SQLAlchemy would raise.
        """
        ours = isinstance(error, self._errors)
        if ours and self._engine.dialect.is_disconnect(error, lent.connection, None):
            # The server is gone, so the other connections, here and in the pool, are broken too.
            self._close_free()
            self._engine.dispose()
        lent.close()
        self._free.insert(0, lent)
        return exc.OperationalError("refresh", None, error) if ours else error

    def close(self) -> None:
        """Close all connections; those that are lent are closed when they come back."""
        self._closed = True
        self._close_free()

    def _close_free(self) -> None:
        for _ in range(self._at_most):
            try:
                free = self._free.pop()
            except IndexError:  # the others are lent
                return
            free.close()
            self._free.insert(0, free)

    def _open(self, lent: Lent, database: object) -> None:
        try:
            pooled = self._engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
            if self._of_server:
                connection.autocommit = True
        except self._errors as error:
            raise exc.OperationalError("connect", None, error) from error
        lent.connection, lent.database, lent.used = connection, database, self._clock.monotonic()

    def _lives(self, lent: Lent) -> bool:
        """Return whether the connection works; only an idle server connection is pinged."""
        if not self._of_server or self._clock.monotonic() - lent.used < PING_AFTER_SECONDS:
            return True
        try:
            self._engine.dialect.do_ping(lent.connection)
        except self._errors:
            return False
        return True
