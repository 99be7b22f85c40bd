"""What one process has opened of a database."""

from __future__ import annotations

import os
import threading
from typing import Any, cast

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

from flask_signet.clock import Clock
from flask_signet.store.raw_connections import Drivers


class Opened:
    """What belongs to one process: its engine, and whether the tables were found right."""

    def __init__(self, engine: Engine, clock: Clock, *, borrowed: bool) -> None:
        self.pid = os.getpid()
        self.engine = engine
        self.borrowed = borrowed
        #: Whether all share one connection, as they must where a database in memory ends with it.
        self.single = isinstance(engine.pool, StaticPool)
        self.ready_for: object = None
        self.lock = threading.RLock()
        self.joined = threading.local()
        self.drivers = Drivers(engine, clock)

    @property
    def taken(self) -> bool:
        """Whether all share one connection, and a transaction is open on it."""
        return self.single and is_within_transaction(cast(StaticPool, self.engine.pool).connection.dbapi_connection)


def is_within_transaction(connection: Any) -> bool:
    """Return whether a connection of the driver is within a transaction, as far as the driver says."""
    return bool(getattr(connection, "in_transaction", False))
