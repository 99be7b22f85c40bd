"""The connection through which one process reads the feed from a SQLite file, and the time of its last attempt."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask_signet.exceptions import Unavailable

PATIENCE = 0.2  # seconds to wait for another thread's read

Rows = Iterable[Any]
Ask = Callable[..., Rows]


class FeedReader:
    """The reader state of one process; each worker creates its own after a fork."""

    def __init__(self, abandoned: FeedReader | None = None) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.tried_at = self.tried_wall = float("-inf")
        self.failed = False
        self.version: int | None = None  # PRAGMA data_version of the last successful read
        self._identity: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._abandoned = abandoned  # keep a reference, so that the parent's connection is not closed in this process

    def reader(self, file: Path) -> Ask:
        """Return a function that runs a statement on a separate, read-only connection.

        :raises Unavailable: the file does not exist.
        """
        try:
            status = file.stat()
        except OSError as error:
            raise Unavailable("The database file does not exist") from error
        identity = status.st_dev, status.st_ino
        if self._connection is None or identity != self._identity:
            self.close()
            # Autocommit: the statements of one read may see different states, and no transaction stays open.
            self._connection = sqlite3.connect(
                f"{file.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
            self._identity = identity
        connection = self._connection

        def ask(sql: str, **values: Any) -> Rows:
            return connection.execute(sql, values)

        return ask

    def close(self) -> None:
        """Close the read connection; the next read opens a new one and checks for new rows."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self.version = None
