"""Connections of the driver itself, for the one path where SQLAlchemy's part costs more than the statements."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine, PoolProxiedConnection, exc

# As many as the pool keeps. They are open beside its own, and SQLite does not count them.
_KEPT_AT_MOST: Final = 8


class Lent:
    """A connection that one borrower has, in no transaction.

    :param database: what it leads to, the identity of a file that may be replaced.
    :param pooled: where it goes back to, if not to those that are kept.
    """

    __slots__ = ("connection", "database", "pooled")

    def __init__(self, connection: Any, database: object, pooled: PoolProxiedConnection | None) -> None:
        self.connection = connection
        self.database = database
        self.pooled = pooled


class Drivers:
    """Lends connections of one engine to one borrower at a time.

    SQLite's are kept beside the pool: to check one out of it and in again costs half of what a refresh costs.
    Those of a server stay with the pool, which asks them whether they are alive.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._errors = engine.dialect.loaded_dbapi.Error
        self._keeps = engine.dialect.name == "sqlite"
        # One operation on a list needs no lock.
        self._kept: list[Lent] = []

    def lend(self, database: object) -> Lent:
        """Return a connection; it comes back by :meth:`take_back` or :meth:`give_up`.

        :raises OperationalError: there is none to be had.
        """
        while (kept := self._pop()) is not None:
            if kept.database == database:
                return kept
            kept.connection.close()
        try:
            pooled = self._engine.raw_connection()
        except self._errors as error:
            raise exc.OperationalError("connect", None, error) from error
        connection = pooled.driver_connection
        if not self._keeps:
            return Lent(connection, database, pooled)
        pooled.detach()
        return Lent(connection, database, None)

    def take_back(self, lent: Lent) -> None:
        """Take a connection back from a borrower who ended what he began."""
        if lent.pooled is not None:
            lent.pooled.close()
            return
        self._kept.append(lent)
        if len(self._kept) > _KEPT_AT_MOST:
            self._close_one()

    def give_up(self, lent: Lent, error: BaseException) -> BaseException:
        """Close a connection after *error*, and with it whatever was begun.

        :return: what to raise: the driver's errors as SQLAlchemy would have raised them.
        """
        ours = isinstance(error, self._errors)
        if lent.pooled is None:
            lent.connection.close()
        else:
            if ours:
                lent.pooled.invalidate(error)
            lent.pooled.close()
        return exc.OperationalError("refresh", None, error) if ours else error

    def close(self) -> None:
        """Close what is kept."""
        while self._kept:
            self._close_one()

    def _close_one(self) -> None:
        kept = self._pop()
        if kept is not None:
            kept.connection.close()

    def _pop(self) -> Lent | None:
        try:
            return self._kept.pop()
        except IndexError:  # none, or another thread was quicker
            return None
