"""The feed of revocations: how every worker learns within a second who was signed out.

Every revocation writes numbered rows as the last act of its transaction. A worker reads what is newer than the last
row it knows, when a request needs it and the last good reading is a second old: no thread, one reader at a time.
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

INTERVAL = 1.0  # seconds between two readings of a worker
_FIRST_PATIENCE = 2.0  # the same before the first reading: without it nobody may answer
_EXPECT_SECONDS = 5.0  # how long to look at every request for a revocation of our own that is being committed
_LAST_SECOND = 2**32 - 1
# `db restored` jumps over so many numbers: a gap makes every worker read all again.
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
    """Fills the port :class:`flask_signet.tokens.ports.Revocations`.

    :param settings: gives the settings that hold now.
    """

    def __init__(self, store: Store, settings: Callable[[], SessionSettings], clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        #: How long access tokens live.
        self.lives = TokenLives(settings, clock)
        self._memory = RevocationMemory(self.lives.seconds)
        self._last = -1  # number of the newest row that the memory holds; -1 before the first reading
        self._good_at = self._good_wall = float("-inf")  # begin of the last good reading, on both clocks
        self._expected = -1
        self._expected_at = float("-inf")
        self._process = FeedReader()

    # --- What guards ask -----------------------------------------------------------------------------

    def is_revoked(self, claims: Mapping[str, Any], identity_claim: str = "sub") -> bool:
        """Return whether the session or the user of *claims* was signed out.

        :param identity_claim: the claim that names the user.
        :raises Unavailable: the store does not answer, and the last good reading is older than allowed.
        """
        self.refresh()
        return self._memory.is_revoked(claims, identity_claim)

    def epoch(self, user_id: str) -> int:
        """Return the epoch that a token of this user, made now, must carry.

        Guards learn of an epoch within a second; a token made in that second under the old one would be refused
        at its end. So this reads whatever the age of the last reading, unless it would have to wait for long. What a
        transaction did that is not committed yet it cannot know.

        :raises Unavailable: as :meth:`is_revoked`.
        """
        monotonic = self._clock.monotonic()
        if self._answers_at_once():
            self._catch_up(monotonic, since=monotonic)
        else:
            self.refresh()
        return self._memory.epoch(user_id)

    def has_ended(self, sid: str) -> bool:
        """Return whether this worker remembers the session as ended, whatever the store says by now; reads nothing."""
        return self._memory.has_ended(sid)

    def refresh(self) -> None:
        """Read what is new if the last good reading is a second old."""
        monotonic = self._clock.monotonic()
        # The wall clock as well: the other one stands still while a laptop sleeps. A test may move either.
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
        """Close the reading connection, if there is one; the next reading opens another."""
        self._process.close()

    # --- What whoever revokes calls ------------------------------------------------------------------

    def append(self, connection: Connection, ended: list[Ended]) -> None:
        """Write revocations into the transaction of *connection*, as its last act.

        The row of the head is held until the commit: so the order of numbers is the order of commits. After the commit,
        the caller's where the connection is a caller's, this worker knows of them at once.
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
        """Know at once what this worker has just committed; :meth:`append` sees to it."""
        sessions = [entry for entry in ended if entry.epoch is None]
        self._memory.end_sessions((entry.subject, _second(self.lives.until(entry))) for entry in sessions)
        self._memory.raise_epochs((entry.subject, entry.epoch) for entry in ended if entry.epoch is not None)
        self._expected = -1

    def raise_floor(self, connection: Connection) -> None:
        """Make every access token that was ever issued too old, in the transaction of *connection*.

        For a database that was restored: what was revoked since is not in it. The floor is a number larger than
        any before, also than those that the restored copy forgot; no clock is needed for that to hold often enough,
        and the time helps where the same copy is restored twice.
        """
        _draw(connection, _JUMP)
        connection.execute(
            text("UPDATE signet_feed_head SET floor = CASE WHEN floor + :step > :now THEN floor + :step ELSE :now END"),
            {"step": 2**20, "now": self.lives.today()},
        )
        self._good_at = float("-inf")

    def clean_up(self, connection: Connection, limit: int) -> int:
        """Delete up to *limit* rows that concern nothing alive; return how many."""
        dead = text(
            "DELETE FROM signet_feed WHERE n IN (SELECT n FROM signet_feed WHERE until < :now ORDER BY n LIMIT :limit)"
        )
        return connection.execute(dead, {"now": self.lives.earliest(), "limit": limit}).rowcount

    # --- Reading -------------------------------------------------------------------------------------

    def _catch_up(self, monotonic: float, since: float = float("-inf")) -> None:
        """Read what is new where that is due.

        :param since: when the last try must have begun, unless it failed.
        """
        process = self._process
        if process.pid != os.getpid():
            # After a fork: a lock that another thread of the parent held is locked here for ever, and SQLite
            # connections must not cross a fork, not even to be closed.
            process = self._process = FeedReader(abandoned=process)
        if self._expected > self._last and monotonic - self._expected_at > _EXPECT_SECONDS:
            self._expected = -1  # a transaction that was rolled back
        # While somebody reads, the try is no longer due but its fruit is not there yet: wait for it as well, or the
        # first requests of a process would be refused beside the one that reads.
        if process.lock.locked() or self._due(process, monotonic, since):
            patience = PATIENCE if self._last >= 0 else _FIRST_PATIENCE
            if process.lock.acquire(timeout=patience):
                try:
                    # Whoever waited for another thread's reading has it now.
                    if self._due(process, self._clock.monotonic(), since):
                        self._try_to_read(process)
                finally:
                    process.lock.release()
        self._refuse_if_too_old()

    def _due(self, process: FeedReader, monotonic: float, since: float) -> bool:
        """Return whether the last try is long enough ago for another one, or something of our own must be there."""
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
            # From here: whoever waited for this try must not try in turn, each for the length of a time-out.
            process.failed, process.tried_at = True, self._clock.monotonic()
            log.warning("The revocations could not be read: %s", error)
        else:
            process.failed = False
            self._good_at, self._good_wall = monotonic, wall
            self._memory.sweep()

    def _refuse_if_too_old(self) -> None:
        if self._last < 0:
            raise Unavailable("The store does not answer")
        age = max(self._clock.monotonic() - self._good_at, self._clock.time() - self._good_wall)
        if age >= max(self._settings().revocation_max_age, INTERVAL):
            raise Unavailable("The store does not answer, so nobody can say who was signed out")

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
                pass  # makes or checks the tables; the many rows come quicker through the driver
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
            return True  # by an error, which the reading meets too and judges

    def _sqlite_file(self) -> Path | None:
        if self._store.dialect != "sqlite" or self._store.in_memory:
            return None
        url = self._store.engine.url
        database = url.database
        if not database or database == ":memory:" or database.startswith("file:"):
            return None  # a URI may name memory or another place: SQLAlchemy knows which
        return Path(database)

    def _apply(self, ask: Ask) -> None:
        if self._last < 0:
            self._read_all(ask)
            return
        rows = list(ask(_NEWER, last=self._last))
        head, floor = (rows[0][0], rows[0][1]) if rows else (0, 0)
        new = [row[2:] for row in rows if row[2] is not None]
        # A smaller head: the store is another one, or an older copy. A gap: rows that we slept through are gone.
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
        # The head first: what is committed after this line comes again with the next reading, and doing it twice
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
    """Return the last of *count* new numbers; the row of the head is ours until the commit."""
    connection.execute(text("UPDATE signet_feed_head SET n = n + :count WHERE id = 1"), {"count": count})
    return connection.execute(text("SELECT n FROM signet_feed_head WHERE id = 1")).scalar_one()


def _second(until: int) -> int:
    return min(until // 1000 + 1, _LAST_SECOND)
