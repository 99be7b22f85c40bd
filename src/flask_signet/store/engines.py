"""Create engines for our own SQLite file, for memory, or for the URL in the settings.

Each engine hides statement parameters from the log and from errors, since they include password hashes.
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

# Primary result codes.
_SPENT = frozenset({sqlite_codes.READONLY, sqlite_codes.IOERR, sqlite_codes.CANTOPEN, sqlite_codes.NOTADB})

LOCK_MILLISECONDS = 2_000  # longest wait for a lock; then the answer is 503, and the client tries again
CONNECT_SECONDS = 2  # the least that libpq accepts
POOL_SECONDS = 2.0  # wait for a free connection
PING_AFTER_SECONDS = 1.0  # a connection that was idle for longer is pinged before use
SERVER_DRIVERS = 5  # connections to a server that are lent, beside the pool

_KNOWN = ("postgresql", "sqlite")
_LOGGING_NAME = "flask_signet"


def parse(text: str) -> URL:
    """Return a database URL; ``postgres://`` and ``postgresql://`` mean psycopg 3.

    :raises SettingsError: it is not a valid URL, names an unsupported database, or a database in memory that is lost
        with each connection. The message leaves the URL out, since it may hold a password.
    """
    try:
        url = make_url(text)
    except exc.ArgumentError:
        raise SettingsError(
            "SIGNET_DATABASE_URL is not a valid SQLAlchemy URL. Write: postgresql://user:password@host/database"
        ) from None
    if url.get_backend_name() == "sqlite" and url.host and not url.database:
        raise SettingsError("SIGNET_DATABASE_URL: sqlite has three slashes before a path, as in sqlite:///app.sqlite3")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise SettingsError(
            "SIGNET_DATABASE_URL: a database in memory is only for TESTING. Set TESTING = True and remove this setting"
        )
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    check_kind(url)
    return url


def check_kind(url: URL) -> None:
    """Refuse a database that our statements do not support.

    :raises SettingsError: the database is neither PostgreSQL nor SQLite.
    """
    kind = url.get_backend_name()
    if kind not in _KNOWN:
        meant = nearest(kind, _KNOWN)
        raise SettingsError(f"SIGNET_DATABASE_URL names {kind!r}, but Signet needs PostgreSQL or SQLite{meant}")


def same_database(one: URL, other: URL) -> bool:
    """Return whether two URLs name the same database and user; the drivers may differ."""

    def place(url: URL) -> tuple[Any, ...]:
        database = url.database
        if url.get_backend_name() == "sqlite":
            if database in (None, "", ":memory:"):
                return (object(),)  # each such engine has its own database
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
    file = own_file(settings)
    try:
        private_folder(file.parent)
        with locked(file.parent / LOCK_NAME):
            create_private(file)  # SQLite gives its -wal and -shm files the mode of the file itself
            tighten(file)
            _write_ahead(file)
    except OSError as error:
        raise refused(file, error) from error
    return _sqlite(URL.create("sqlite", database=str(file)), wal=True)


def own_file(settings: StoreSettings) -> Path:
    """Return the path of our own database file."""
    return settings.folder.resolve() / FILE_NAME


def refused(file: str | Path, error: OSError) -> StorageError:
    """Return the error for a file system that does not let us create or open our own database."""
    at = f" ({error.filename})" if error.filename not in (None, str(file)) else ""
    return StorageError(
        f"The database {file} cannot be created or opened: {error.strerror}{at}. Give this user write permission "
        "there, or use another instance_path of Flask, or set SIGNET_DATABASE_URL."
    )


def configured(url: URL, clock: Clock) -> Engine:
    """Return an engine for a URL from the settings.

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
    """Keep result rows out of the log: at DEBUG SQLAlchemy logs each row, with its hashes and keys."""
    # All our engines share one logger by their logging name; it adds the same filter only once.
    logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGING_NAME}").addFilter(_no_rows)
    return engine


def _no_rows(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _write_ahead(file: Path) -> None:
    """Turn on the write-ahead log, under our lock: SQLite does not wait for locks when it changes the journal mode."""
    connection = sqlite3.connect(file, timeout=LOCK_MILLISECONDS / 1000)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error:
        pass  # not a database, or locked: the first transaction reports the same error
    finally:
        connection.close()


def _sqlite(url: URL, *, wal: bool) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        logging_name=_LOGGING_NAME,
        pool_size=8,
        max_overflow=56,  # readers wait for no lock, so threads need not wait for a connection
        pool_timeout=POOL_SECONDS,
        connect_args={"timeout": LOCK_MILLISECONDS / 1000, "check_same_thread": False},
    )

    @event.listens_for(engine, "handle_error")
    def judge(context: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        context.is_disconnect = context.is_disconnect or is_spent(context.original_exception)

    return _with_pragmas(_silent(engine), wal=wal)


def is_spent(error: BaseException | None) -> bool:
    """Return whether SQLite has to open the file again after *error*.

    A connection that was opened while the file was not writable stays read-only.
    """
    return sqlite_codes.primary_code_of(error) in _SPENT


def _with_pragmas(engine: Engine, *, wal: bool = False) -> Engine:
    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        if wal:
            # This pragma is stored in the file, so it is set on our own file only. It has an effect here only if the
            # file was replaced while the application ran.
            if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()

    return engine


def _postgresql(url: URL, clock: Clock) -> Engine:
    arguments: dict[str, Any] = {}
    if url.get_driver_name() in ("psycopg", "psycopg2"):  # both pass these to libpq
        if "connect_timeout" not in url.query:
            arguments["connect_timeout"] = CONNECT_SECONDS
        if "options" not in url.query:
            arguments["options"] = f"-c lock_timeout={LOCK_MILLISECONDS}"
    engine = create_engine(
        url,
        hide_parameters=True,
        logging_name=_LOGGING_NAME,
        pool_size=5,
        max_overflow=10 - SERVER_DRIVERS,  # 15 connections for each process in total, SQLAlchemy's default
        pool_timeout=POOL_SECONDS,
        connect_args=arguments,
    )
    _ping_after_idleness(engine, clock)
    return _silent(engine)


def _ping_after_idleness(engine: Engine, clock: Clock) -> None:
    """Detect dead connections before a request uses them, without a round trip for each transaction."""

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
