"""The revocation feed: every worker learns of a revocation within a second.

Every revocation writes numbered rows as the last statement of its transaction. A worker reads the rows that are newer
than the last one it knows, when a request needs them and the last successful read is a second old. No thread runs,
and one request thread reads at a time.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from flask_signet.clock import Clock
from flask_signet.exceptions import SignetError, Unavailable
from flask_signet.sessions.feed_reader import PATIENCE, Ask, FeedReader, Rows
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.token_lives import Ended, TokenLives
from flask_signet.store import Store
from flask_signet.tokens.revocations import RevocationMemory

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between two reads by one worker
_FIRST_PATIENCE = 2.0  # PATIENCE before the first read: until it succeeds, every request is refused
_EXPECT_SECONDS = 5.0  # how long each request checks for this worker's own revocation while it is being committed
_LAST_SECOND = 2**32 - 1
# `db restored` skips this many numbers: a gap makes every worker read the whole feed again.
_JUMP = 1_000_000

_HEAD = "SELECT n, floor FROM signet_feed_head"
_COUNT = "SELECT count(*) FROM signet_feed"
_SESSIONS = "SELECT subject, until / 1000 + 1 FROM signet_feed WHERE kind = 'session'"  # in seconds, rounded up
_EPOCHS = "SELECT user_id, epoch FROM signet_epochs WHERE epoch > 0"
_NEWER = (
    "SELECT h.n, h.floor, f.n, f.kind, f.subject, f.epoch, f.until "
    "FROM signet_feed_head h LEFT JOIN signet_feed f ON f.n > :last ORDER BY f.n"
)

_INSERT = text("INSERT INTO signet_feed (n, kind, subject, epoch, until) VALUES (:n, :kind, :subject, :epoch, :until)")


class Feed:
    """Implements the port :class:`flask_signet.tokens.ports.Revocations`.

    :param settings: returns the current settings.
    """

    def __init__(self, store: Store, settings: Callable[[], SessionSettings], clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        #: How long access tokens live.
        self.lives = TokenLives(settings, clock)
        self._memory = RevocationMemory(self.lives.seconds)
        self._last = -1  # number of the newest row that the memory holds; -1 before the first read
        self._good_at = self._good_wall = float("-inf")  # start of the last successful read, on both clocks
        self._expected = -1
        self._expected_at = float("-inf")
        self._process = FeedReader()

    # --- Called by guards ----------------------------------------------------------------------------

    def is_revoked(self, claims: Mapping[str, Any], identity_claim: str = "sub") -> bool:
        """Return whether the session or the user of *claims* was signed out.

        :param identity_claim: the claim that names the user.
        :raises Unavailable: the store does not answer, and the last successful read is older than allowed.
        """
        self.refresh()
        return self._memory.is_revoked(claims, identity_claim)

    def epoch(self, user_id: str) -> int:
        """Return the epoch that a new token of this user must carry.

        Guards learn of a new epoch within a second. A token made in that second with the old epoch would be refused
        afterwards. So this method reads the feed even if the last read is recent, unless the read could take long.
        It does not see transactions that are not committed yet.

        :raises Unavailable: as :meth:`is_revoked`.
        """
        monotonic = self._clock.monotonic()
        if self._answers_at_once():
            self._catch_up(monotonic, since=monotonic)
        else:
            self.refresh()
        return self._memory.epoch(user_id)

    def has_ended(self, sid: str) -> bool:
        """Return whether this worker remembers the session as ended; does not read the store."""
        return self._memory.has_ended(sid)

    def refresh(self) -> None:
        """Read new rows if the last successful read is a second old."""
        monotonic = self._clock.monotonic()
        # Check the wall clock too: the monotonic clock stops while a laptop sleeps. A test may move either clock.
        if (
            0.0 <= monotonic - self._good_at < INTERVAL
            and self._clock.time() - self._good_wall < INTERVAL
            and self._expected <= self._last
        ):
            return
        self._catch_up(monotonic)

    def __len__(self) -> int:
        return len(self._memory)

    def close(self) -> None:
        """Close the read connection, if one is open; the next read opens a new one."""
        self._process.close()

    # --- Called to revoke ----------------------------------------------------------------------------

    def append(self, connection: Connection, ended: list[Ended]) -> None:
        """Write revocations in the transaction of *connection*, as its last statement.

        The head row stays locked until the commit, so the order of numbers is the order of commits. After the commit
        (the caller's, if the caller passed the connection) this worker knows the revocations at once.
        """
        if not ended:
            return
        last = _draw(connection, len(ended))
        connection.execute(
            _INSERT,
            [
                {
                    "n": last - len(ended) + 1 + i,
                    "kind": "session" if entry.epoch is None else "user",
                    "subject": entry.subject,
                    "epoch": entry.epoch,
                    "until": self.lives.until(entry),
                }
                for i, entry in enumerate(ended)
            ],
        )
        self._expected, self._expected_at = last, self._clock.monotonic()
        self._store.after_commit(connection, partial(self.note, tuple(ended)))

    def note(self, ended: Sequence[Ended]) -> None:
        """Store in memory what this worker has just committed; :meth:`append` arranges this call."""
        sessions = [entry for entry in ended if entry.epoch is None]
        self._memory.end_sessions((entry.subject, _second(self.lives.until(entry))) for entry in sessions)
        self._memory.raise_epochs((entry.subject, entry.epoch) for entry in ended if entry.epoch is not None)
        self._expected = -1

    def raise_floor(self, connection: Connection) -> None:
        """Refuse every access token issued so far, in the transaction of *connection*.

        Called after a restore, because the restored copy lacks the later revocations. The new floor is
        ``max(floor + 2**20, now_ms)``. The step exceeds every floor that the copy may lack, without relying on a
        clock; the time makes the floors differ if the same copy is restored twice.
        """
        _draw(connection, _JUMP)
        connection.execute(
            text("UPDATE signet_feed_head SET floor = CASE WHEN floor + :step > :now THEN floor + :step ELSE :now END"),
            {"step": 2**20, "now": self.lives.today()},
        )
        self._good_at = float("-inf")

    def clean_up(self, connection: Connection, limit: int) -> int:
        """Delete up to *limit* expired rows; return how many were deleted."""
        dead = text(
            "DELETE FROM signet_feed WHERE n IN (SELECT n FROM signet_feed WHERE until < :now ORDER BY n LIMIT :limit)"
        )
        return connection.execute(dead, {"now": self.lives.earliest(), "limit": limit}).rowcount

    # --- Read ----------------------------------------------------------------------------------------

    def _catch_up(self, monotonic: float, since: float = float("-inf")) -> None:
        """Read new rows if a read is due.

        :param since: a read is also due if the last attempt started before this time and did not fail.
        """
        process = self._process
        if process.pid != os.getpid():
            # After a fork: a lock that another thread of the parent held stays locked here for ever. SQLite
            # connections must not be used after a fork, not even to close them.
            process = self._process = FeedReader(abandoned=process)
        if self._expected > self._last and monotonic - self._expected_at > _EXPECT_SECONDS:
            self._expected = -1  # a transaction that was rolled back
        # While another thread reads, no read is due but its result is not there yet. Wait for that thread, or the
        # other first requests of a process would be refused.
        if process.lock.locked() or self._due(process, monotonic, since):
            patience = PATIENCE if self._last >= 0 else _FIRST_PATIENCE
            if process.lock.acquire(timeout=patience):
                try:
                    # If this thread waited for another one's read, the memory is up to date now.
                    if self._due(process, self._clock.monotonic(), since):
                        self._try_to_read(process)
                finally:
                    process.lock.release()
        self._refuse_if_too_old()

    def _due(self, process: FeedReader, monotonic: float, since: float) -> bool:
        """Return whether the last attempt is old enough for another one, or a revocation of this worker is expected."""
        if not process.failed and (self._expected > self._last or process.tried_at <= since):
            return True
        if self._clock.time() - process.tried_wall >= INTERVAL:
            return True
        return not 0.0 <= monotonic - process.tried_at < INTERVAL

    def _try_to_read(self, process: FeedReader) -> None:
        monotonic, wall = self._clock.monotonic(), self._clock.time()
        process.tried_at, process.tried_wall = monotonic, wall
        try:
            self._read(process)
        except (SignetError, sqlite3.Error) as error:
            process.close()
            # Count from now: threads that waited for this attempt must not each retry for the length of a time-out.
            process.failed, process.tried_at = True, self._clock.monotonic()
            log.warning("The revocations could not be read: %s", error)
        else:
            process.failed = False
            self._good_at, self._good_wall = monotonic, wall
            self._memory.sweep()

    def _refuse_if_too_old(self) -> None:
        if self._last < 0:
            raise Unavailable("The database does not answer")
        age = max(self._clock.monotonic() - self._good_at, self._clock.time() - self._good_wall)
        if age >= max(self._settings().revocation_max_age, INTERVAL):
            raise Unavailable("The database does not answer, so it is unknown which sessions have ended")

    def _read(self, process: FeedReader) -> None:
        file = self._sqlite_file()
        if file is None:
            with self._store.read() as connection:

                def through_store(sql: str, **values: Any) -> Rows:
                    return connection.execute(text(sql), values)

                self._apply(through_store)
            return
        if self._last < 0:
            with self._store.read():
                pass  # creates or checks the tables; the driver reads many rows faster
        ask = process.reader(file)
        version = next(iter(ask("PRAGMA data_version")))[0]
        if version == process.version:
            return
        self._apply(ask)
        process.version = version

    def _answers_at_once(self) -> bool:
        try:
            return self._sqlite_file() is not None or self._store.answers_at_once
        except SignetError:
            return True  # the read fails with the same error and handles it

    def _sqlite_file(self) -> Path | None:
        if self._store.dialect != "sqlite" or self._store.in_memory:
            return None
        url = self._store.engine.url
        database = url.database
        if not database or database == ":memory:" or database.startswith("file:"):
            return None  # a URI may mean memory or another file; SQLAlchemy resolves it
        return Path(database)

    def _apply(self, ask: Ask) -> None:
        if self._last < 0:
            self._read_all(ask)
            return
        rows = list(ask(_NEWER, last=self._last))
        head, floor = (rows[0][0], rows[0][1]) if rows else (0, 0)
        new = [row[2:] for row in rows if row[2] is not None]
        # A smaller head: the database was replaced or is an older copy. A gap: rows were deleted before this worker
        # read them.
        if head < self._last or [row[0] for row in new] != list(range(self._last + 1, self._last + 1 + len(new))):
            self._read_all(ask)
            return
        reached = self._last + len(new)
        if reached < head:
            self._read_all(ask)
            return
        self._memory.end_sessions((subject, _second(until)) for _, kind, subject, _, until in new if kind == "session")
        self._memory.raise_epochs((subject, epoch) for _, kind, subject, epoch, _ in new if kind == "user")
        self._memory.set_floor(floor)
        self._last = reached

    def _read_all(self, ask: Ask) -> None:
        # Read the head first: rows committed after this line are read again next time, and applying a row twice
        # changes nothing.
        heads = list(ask(_HEAD))
        head, floor = (heads[0][0], heads[0][1]) if heads else (0, 0)
        memory = self._memory
        if head < self._last:
            memory = RevocationMemory(self.lives.seconds)
            memory.keep_sessions_of(self._memory)
        count = next(iter(ask(_COUNT)))[0]
        memory.end_sessions(ask(_SESSIONS), about=count)
        memory.raise_epochs(ask(_EPOCHS))
        memory.set_floor(floor)
        self._memory = memory
        self._last = head


def _draw(connection: Connection, count: int) -> int:
    """Return the last of *count* new numbers; this transaction holds the head row until the commit."""
    connection.execute(text("UPDATE signet_feed_head SET n = n + :count WHERE id = 1"), {"count": count})
    return connection.execute(text("SELECT n FROM signet_feed_head WHERE id = 1")).scalar_one()


def _second(until: int) -> int:
    return min(until // 1000 + 1, _LAST_SECOND)
