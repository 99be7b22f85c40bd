"""The database connections of one process."""

from __future__ import annotations

import os
import threading
from typing import Any, cast

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

from flask_signet.clock import Clock
from flask_signet.store.raw_connections import Drivers


class Opened:
    """The engine of one process, and for which database its tables were checked."""

    def __init__(self, engine: Engine, clock: Clock, *, borrowed: bool) -> None:
        self.pid = os.getpid()
        self.engine = engine
        self.borrowed = borrowed
        #: Whether all threads share one connection: a database in memory is lost with its connection.
        self.single = isinstance(engine.pool, StaticPool)
        self.ready_for: object = None
        self.lock = threading.RLock()
        self.joined = threading.local()
        self.drivers = Drivers(engine, clock)

    @property
    def taken(self) -> bool:
        """Return whether all threads share one connection and a transaction is open on it."""
        return self.single and is_within_transaction(cast(StaticPool, self.engine.pool).connection.dbapi_connection)


def is_within_transaction(connection: Any) -> bool:
    """Return whether a driver connection is within a transaction; ``False`` if the driver does not tell."""
    return bool(getattr(connection, "in_transaction", False))
