"""Engines: our own SQLite file, memory, or the URL that the settings name.

Each hides the values of statements from the log and from errors: a hash of a password is among them.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import StaticPool

from flask_signet.clock import Clock
from flask_signet.exceptions import SettingsError, StorageError
from flask_signet.files import create_private, locked, private_folder, tighten
from flask_signet.settings import nearest
from flask_signet.store import sqlite_codes
from flask_signet.store.settings import LOCK_NAME, StoreSettings

FILE_NAME = "signet.sqlite3"

# Primary result codes after which SQLite has to open the file again.
_SPENT = frozenset({sqlite_codes.READONLY, sqlite_codes.IOERR, sqlite_codes.CANTOPEN, sqlite_codes.NOTADB})

LOCK_MILLISECONDS = 2_000  # a lock that is not to be had by then: 503, and the client tries again
CONNECT_SECONDS = 2  # the least that libpq takes
POOL_SECONDS = 2.0  # wait for a free connection
PING_AFTER_SECONDS = 1.0  # a connection that was idle for longer is asked before it is used
SERVER_DRIVERS = 5  # connections to a server that ``drivers`` lends, beside the pool

_KNOWN = ("postgresql", "sqlite")
_LOGGING_NAME = "flask_signet"


def parse(text: str) -> URL:
    """Return a database URL; ``postgres://`` and ``postgresql://`` mean psycopg 3.

    :raises SettingsError: it is none, leads to another kind of database than ours, or to memory that ends with each
        connection. It is not repeated, for it may hold a password.
    """
    try:
        url = make_url(text)
    except exc.ArgumentError:
        raise SettingsError(
            "SIGNET_DATABASE_URL is no SQLAlchemy URL; it looks like postgresql://user:password@host/database"
        ) from None
    if url.get_backend_name() == "sqlite" and url.host and not url.database:
        raise SettingsError("SIGNET_DATABASE_URL: sqlite has three slashes before a path, as in sqlite:///app.sqlite3")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise SettingsError("SIGNET_DATABASE_URL: a database in memory is only for TESTING, without this key")
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    check_kind(url)
    return url


def check_kind(url: URL) -> None:
    """Refuse what our statements were not written for.

    :raises SettingsError: neither PostgreSQL nor SQLite.
    """
    kind = url.get_backend_name()
    if kind not in _KNOWN:
        meant = nearest(kind, _KNOWN)
        raise SettingsError(
            f"SIGNET_DATABASE_URL leads to {kind!r}: Signet keeps its data in PostgreSQL or SQLite{meant}"
        )


def same_database(one: URL, other: URL) -> bool:
    """Say whether two URLs lead to the same database as the same user, by whichever driver."""

    def place(url: URL) -> tuple[Any, ...]:
        database = url.database
        if url.get_backend_name() == "sqlite":
            if database in (None, "", ":memory:"):
                return (object(),)  # every such engine is a database of its own
            database = os.path.abspath(database)
        backend = "postgresql" if url.get_backend_name() == "postgres" else url.get_backend_name()
        return (backend, url.username, url.host, url.port, database)

    return place(one) == place(other)


def own(settings: StoreSettings) -> Engine:
    """Return the engine of our own database: a private file in our folder, or memory."""
    if settings.in_memory:
        return _with_pragmas(
            _silent(
                create_engine(
                    "sqlite://",
                    hide_parameters=True,
                    logging_name=_LOGGING_NAME,
                    poolclass=StaticPool,
                    connect_args={"check_same_thread": False},
                )
            )
        )
    file = settings.folder.resolve() / FILE_NAME
    try:
        private_folder(file.parent)
        with locked(file.parent / LOCK_NAME):
            create_private(file)  # SQLite gives its -wal and -shm files the mode of the file itself
            tighten(file)
            _write_ahead(file)
    except OSError as error:
        raise refused(file, error) from error
    engine = _sqlite(URL.create("sqlite", database=str(file)), wal=True)
    _reconnect_when_replaced(engine, file)
    return engine


def refused(file: str | Path, error: OSError) -> StorageError:
    """Return what to raise where the file system does not let us have our own database."""
    at = f" ({error.filename})" if error.filename not in (None, str(file)) else ""
    return StorageError(
        f"The database {file} cannot be made or opened: {error.strerror}{at}. Let this user write there, or give Flask "
        "another instance_path, or set SIGNET_DATABASE_URL."
    )


def configured(url: URL, clock: Clock) -> Engine:
    """Return an engine for a URL of the settings.

    :raises SettingsError: its driver is not installed.
    """
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite(url, wal=False)
        return _postgresql(url, clock)
    except ModuleNotFoundError as error:
        advice = "install it"
        if error.name == "psycopg":
            advice = 'pip install "flask-signet[postgres]"'
        elif url.get_backend_name() == "postgresql":
            advice += ", or write postgresql:// for psycopg"
        raise SettingsError(
            f"SIGNET_DATABASE_URL needs a driver that is not installed, {error.name}: {advice}"
        ) from error
    except exc.NoSuchModuleError as error:
        raise SettingsError(
            f"SIGNET_DATABASE_URL names a driver that SQLAlchemy does not know: {url.drivername!r}"
        ) from error


def _silent(engine: Engine) -> Engine:
    """Keep the rows that come back out of the log: at DEBUG SQLAlchemy writes each of them, hashes and keys too."""
    # One logger for all engines of ours, by their common name; it takes the same filter once only.
    logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGING_NAME}").addFilter(_no_rows)
    return engine


def _no_rows(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def file_identity(engine: Engine) -> object:
    """Return what changes when the file of an own database is replaced, or ``None`` if it is gone."""
    database = engine.url.database
    return _stat(database) if database else engine


def _write_ahead(file: Path) -> None:
    """Turn on the write-ahead log, under our lock: SQLite waits for nobody when it changes the journal mode."""
    connection = sqlite3.connect(file, timeout=LOCK_MILLISECONDS / 1000)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error:
        pass  # no database, or held by somebody: the first transaction meets the same and says so
    finally:
        connection.close()


def _sqlite(url: URL, *, wal: bool) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        logging_name=_LOGGING_NAME,
        pool_size=8,
        max_overflow=56,  # readers wait for nobody, so threads need not wait for a connection
        pool_timeout=POOL_SECONDS,
        connect_args={"timeout": LOCK_MILLISECONDS / 1000, "check_same_thread": False},
    )

    @event.listens_for(engine, "handle_error")
    def judge(context: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        # A connection that was opened while the file could not be written stays one that only reads.
        code = sqlite_codes.primary_code_of(context.original_exception)
        context.is_disconnect = context.is_disconnect or code in _SPENT

    return _with_pragmas(_silent(engine), wal=wal)


def _with_pragmas(engine: Engine, *, wal: bool = False) -> Engine:
    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        if wal:
            # The one pragma that stays in the file, so on no file but ours. Here it has something to do only
            # where the file was replaced while we ran.
            if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()

    return engine


def _reconnect_when_replaced(engine: Engine, file: Path) -> None:
    """Open the file anew after a restore has put another one in its place."""
    path = str(file)  # looked at for each transaction

    @event.listens_for(engine, "connect")
    def remember(_connection: Any, record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        record.info["file"] = _stat(path)

    @event.listens_for(engine, "checkout")
    def compare(_connection: Any, record: Any, _proxy: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        now = _stat(path)
        if now is None:
            try:
                create_private(file)
            except OSError as error:
                raise refused(file, error) from error
        if now != record.info["file"]:
            raise exc.InvalidatePoolError


def _stat(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refused(path, error) from error
    return status.st_dev, status.st_ino


def _postgresql(url: URL, clock: Clock) -> Engine:
    arguments: dict[str, Any] = {}
    if url.get_driver_name() in ("psycopg", "psycopg2"):  # both hand these to libpq
        if "connect_timeout" not in url.query:
            arguments["connect_timeout"] = CONNECT_SECONDS
        if "options" not in url.query:
            arguments["options"] = f"-c lock_timeout={LOCK_MILLISECONDS}"
    engine = create_engine(
        url,
        hide_parameters=True,
        logging_name=_LOGGING_NAME,
        pool_size=5,
        max_overflow=10 - SERVER_DRIVERS,  # 15 connections for each process, as SQLAlchemy would open by itself
        pool_timeout=POOL_SECONDS,
        connect_args=arguments,
    )
    _ping_after_idleness(engine, clock)
    return _silent(engine)


def _ping_after_idleness(engine: Engine, clock: Clock) -> None:
    """Find dead connections before a request does, without a round trip for each transaction."""

    @event.listens_for(engine, "connect")
    @event.listens_for(engine, "checkin")
    def remember(_connection: Any, record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        record.info["used"] = clock.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        if clock.monotonic() - record.info["used"] < PING_AFTER_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise exc.InvalidatePoolError from error
