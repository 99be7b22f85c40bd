"""Connections of the driver itself, for the one path where SQLAlchemy's part costs more than the statements."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, PoolProxiedConnection, exc

# As many as the pool keeps. They are open beside its own, and SQLite does not count them.
_KEPT_AT_MOST: Final = 8


class Drivers:
    """Lends connections of one engine to one borrower at a time, each in no transaction.

    SQLite's are kept beside the pool: to check one out of it and in again costs half of what a refresh costs.
    Those of a server stay with the pool, which asks them whether they are alive.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._errors = engine.dialect.loaded_dbapi.Error
        # With the database each belongs to. One operation on a list needs no lock.
        self._kept: list[tuple[Any, object]] = []
        self.lend = self._lend_kept if engine.dialect.name == "sqlite" else self._lend_pooled

    @contextmanager
    def _lend_kept(self, database: object) -> Generator[Any, None, None]:
        """Lend a connection to *database*, the identity of a file that may be replaced.

        :raises OperationalError: the driver's error, as SQLAlchemy would have raised it.
        """
        connection = self._take(database)
        try:
            yield connection
        except BaseException as error:
            connection.close()  # and with it whatever was begun
            if isinstance(error, self._errors):
                raise exc.OperationalError("refresh", None, error) from error
            raise
        self._kept.append((connection, database))
        if len(self._kept) > _KEPT_AT_MOST:
            self._close_one()

    @contextmanager
    def _lend_pooled(self, database: object) -> Generator[Any, None, None]:
        pooled = self._connect()
        try:
            yield pooled.driver_connection
        except self._errors as error:
            pooled.invalidate(error)
            raise exc.OperationalError("refresh", None, error) from error
        finally:
            pooled.close()

    def close(self) -> None:
        """Close what is kept."""
        while self._kept:
            self._close_one()

    def _close_one(self) -> None:
        kept = self._pop()
        if kept is not None:
            kept[0].close()

    def _pop(self) -> tuple[Any, object] | None:
        try:
            return self._kept.pop()
        except IndexError:  # none, or another thread was quicker
            return None

    def _take(self, database: object) -> Any:
        while (kept := self._pop()) is not None:
            if kept[1] == database:
                return kept[0]
            kept[0].close()
        pooled = self._connect()
        connection = pooled.driver_connection
        pooled.detach()
        return connection

    def _connect(self) -> PoolProxiedConnection:
        try:
            return self._engine.raw_connection()
        except self._errors as error:
            raise exc.OperationalError("connect", None, error) from error
