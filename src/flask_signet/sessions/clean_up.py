"""Delete expired rows of sessions and of the feed."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from flask_signet.exceptions import SignetError
from flask_signet.sessions import statements
from flask_signet.sessions.events import CleaningUp
from flask_signet.sessions.ground import Ground

log = logging.getLogger(__name__)

ROWS = 200  # maximum in one transaction
_SECONDS = 60.0
_DAY_MS = 86_400_000


class CleanUp:
    """Deletes expired rows, a few at a time."""

    def __init__(self, ground: Ground) -> None:
        self._store = ground.store
        self._rows = ground.rows
        self._feed = ground.feed
        self._clock = ground.clock
        self._events = ground.events
        self._done_at = float("-inf")

    def run(self, limit: int) -> int:
        """Delete up to *limit* sessions whose absolute end was a day ago, and up to *limit* rows of the feed."""

        def run(own: Connection) -> int:
            # On SQLite, use the slower of two clocks: a clock that is set forward for a while must not delete rows.
            moment = self._rows.moment(own, None)
            earliest = moment.now
            if own.dialect.name != "postgresql":
                earliest = min(moment.now, int(self._clock.time() * 1000))
            gone = own.execute(statements.CLEAN_UP, {"before": earliest - _DAY_MS, "limit": limit}).rowcount
            self._events.emit(CleaningUp(), own)
            return gone + self._feed.clean_up(own, limit)

        return self._store.retrying(run)

    def run_now_and_then(self) -> None:
        """Delete expired rows if the last run is a minute ago; log errors."""
        now = self._clock.monotonic()
        if now - self._done_at < _SECONDS:
            return
        self._done_at = now
        try:
            self.run(ROWS)
        except SignetError as error:
            log.warning("Expired sessions could not be deleted: %s", error)
