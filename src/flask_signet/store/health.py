"""Check whether the database answers, at most once a second."""

from __future__ import annotations

import logging
import threading

from sqlalchemy import text

from flask_signet.clock import Clock
from flask_signet.exceptions import Unavailable
from flask_signet.per_process import PerProcess
from flask_signet.store.database import Store

log = logging.getLogger(__name__)

_SECONDS = 1.0


class Health:
    """The health check, whose result is cached for a second."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._asked_at = float("-inf")
        self._failure: Unavailable | None = None
        self._asking = PerProcess(threading.Lock)

    def check(self) -> None:
        """Query the store, or repeat the last result.

        :raises Unavailable: the store does not answer.
        """
        now = self._clock.monotonic()
        # While one thread queries, the others repeat the last result instead of waiting for a dead store.
        asking = self._asking()
        if not 0.0 <= now - self._asked_at < _SECONDS and asking.acquire(blocking=False):
            try:
                self._asked_at = now
                self._failure = self._ask()
            finally:
                asking.release()
        if self._failure is not None:
            raise Unavailable(str(self._failure), retry_after=self._failure.retry_after)

    def _ask(self) -> Unavailable | None:
        try:
            with self._store.read() as connection:
                connection.execute(text("SELECT 1")).scalar_one()
        except Unavailable as error:
            if type(error) is not Unavailable:
                # An error that the operator can fix. The base class is logged where it arises.
                log.error("The database cannot be used: %s", error)
            return error
        return None
