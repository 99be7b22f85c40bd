"""Open read-only connections, which create no file, take no lock and change no mode."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from flask_signet.clock import Clock
from flask_signet.exceptions import SettingsError
from flask_signet.store import engines
from flask_signet.store.settings import StoreSettings


class Absent(Exception):
    """The database file does not exist yet."""

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self.file = file


def file_of(settings: StoreSettings, app_engine: Callable[[], Engine | None]) -> Path | None:
    """Return the SQLite file that the settings name; ``None`` for a database server or memory.

    :raises SettingsError: the settings name no usable database.
    """
    if settings.url is None:
        return settings.folder / engines.FILE_NAME
    url = _app_engine(app_engine).url if settings.url == "app" else engines.parse(settings.url)
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    assert url.database is not None
    return Path(url.database.removeprefix("file:").partition("?")[0])


@contextmanager
def looking(
    settings: StoreSettings, app_engine: Callable[[], Engine | None], clock: Clock
) -> Generator[Connection, None, None]:
    """Lend a connection for reading.

    :raises Absent: the SQLite file does not exist.
    :raises SettingsError: the settings name no usable database.
    """
    file = file_of(settings, app_engine)
    borrowed = file is None and settings.url == "app"
    if file is not None:
        engine = _reading(file)
    elif borrowed:
        engine = _app_engine(app_engine)
        engines.check_kind(engine.url)
    else:
        engine = engines.configured(engines.parse(settings.url or ""), clock)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        if not borrowed:
            engine.dispose()


def _app_engine(app_engine: Callable[[], Engine | None]) -> Engine:
    engine = app_engine()
    if engine is None:
        raise SettingsError(
            'SIGNET_DATABASE_URL is "app", but the application has no Flask-SQLAlchemy: call db.init_app(app), or give '
            "a URL"
        )
    return engine


def _reading(file: Path) -> Engine:
    if not file.exists():
        raise Absent(file)
    # If a write-ahead log exists, the file is in use or a server crashed: SQLite reads both files. If none exists, the
    # file is complete, and `immutable` keeps SQLite from creating the log in order to read it.
    in_use = os.path.exists(f"{file}-wal") and os.path.exists(f"{file}-shm")
    uri = f"file:{quote(str(file.resolve()))}?mode=ro" + ("" if in_use else "&immutable=1")
    return create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool, hide_parameters=True
    )
