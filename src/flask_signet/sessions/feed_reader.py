"""The connection by which one process reads the feed from a SQLite file, and when it last tried to."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask_signet.exceptions import Unavailable

PATIENCE = 0.2  # seconds to wait for another thread's reading

Rows = Iterable[Any]
Ask = Callable[..., Rows]


class FeedReader:
    """What belongs to one process and is made anew after a fork."""

    def __init__(self, abandoned: FeedReader | None = None) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.tried_at = self.tried_wall = float("-inf")
        self.failed = False
        self.version: int | None = None  # PRAGMA data_version of the last good reading
        self._identity: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._abandoned = abandoned  # kept, so that nothing of the parent is closed here

    def reader(self, file: Path) -> Ask:
        """Return what runs a statement on a connection of its own, which can only read.

        :raises Unavailable: the file is not there.
        """
        try:
            status = file.stat()
        except OSError as error:
            raise Unavailable("The database file is not there") from error
        identity = status.st_dev, status.st_ino
        if self._connection is None or identity != self._identity:
            self.close()
            # Each reading is one statement or a few that may see different moments: no transaction stays open.
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
        """Close the reading connection; the next reading opens another one and asks for all that is new."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self.version = None
