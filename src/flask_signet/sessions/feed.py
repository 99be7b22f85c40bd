"""The feed of revocations: how every worker learns within a second who was signed out.

Whoever revokes writes numbered rows as the last act of the transaction. A worker reads what is newer than the last
row it knows, when a request needs it and the last good reading is a second old: no thread, one reader at a time.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from flask_signet.clock import Clock
from flask_signet.exceptions import SignetError, Unavailable
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.steady_time import SteadyTime
from flask_signet.store import Store
from flask_signet.tokens.revocations import RevocationMemory

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between two readings of a worker
_PATIENCE = 0.2  # seconds to wait for another thread's reading
_FIRST_PATIENCE = 2.0  # the same before the first reading: without it nobody may answer
_EXPECT_SECONDS = 5.0  # how long to look at every request for a revocation of our own that is being committed
# The clocks of two machines differ.
_MARGIN_MS = 300_000
_FOR_EVER = 2**53
# How long to remember an ended session if it is not known how long its access tokens live: a worker of revision 0001
# opened it, or its row is gone.
_UNKNOWN_MS = 30 * 86_400_000
# JWT_DECODE_LEEWAY may be made longer after a session ended; up to so much its tokens stay refused.
_LEEWAY_MS = 3_600_000
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

_Rows = Iterable[Any]
_Ask = Callable[..., _Rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One revocation: of a session, or of all tokens of a user that are older than *epoch*."""

    subject: str
    epoch: int | None = None
    until: int | None = None  # of a session: when its last access token expires, by what it was issued with


class Feed:
    """Fills the port :class:`flask_signet.tokens.ports.Revocations`.

    :param settings: gives the settings that hold now.
    """

    def __init__(self, store: Store, settings: Callable[[], SessionSettings], clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._time = SteadyTime(clock)
        self._memory = RevocationMemory(self._seconds)
        self._last = -1  # number of the newest row that the memory holds; -1 before the first reading
        self._good_at = self._good_wall = float("-inf")  # begin of the last good reading, on both clocks
        self._expected = -1
        self._expected_at = float("-inf")
        self._process = _Process()

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

        The row of the head is held until the commit: so the order of numbers is the order of commits.
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
                    "until": self._until(entry),
                }
                for i, entry in enumerate(ended)
            ],
        )
        self._expected, self._expected_at = last, self._clock.monotonic()

    def note(self, ended: list[Ended]) -> None:
        """Know at once what this worker has just committed."""
        sessions = [entry for entry in ended if entry.epoch is None]
        self._memory.end_sessions((entry.subject, _second(self._until(entry))) for entry in sessions)
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
            {"step": 2**20, "now": self._time.today()},
        )
        self._good_at = float("-inf")

    def clean_up(self, connection: Connection, limit: int) -> int:
        """Delete up to *limit* rows that concern nothing alive; return how many."""
        dead = text(
            "DELETE FROM signet_feed WHERE n IN (SELECT n FROM signet_feed WHERE until < :now ORDER BY n LIMIT :limit)"
        )
        return connection.execute(dead, {"now": self._earliest(), "limit": limit}).rowcount

    # --- Reading -------------------------------------------------------------------------------------

    def _catch_up(self, monotonic: float, since: float = float("-inf")) -> None:
        """Read what is new where that is due.

        :param since: when the last try must have begun, unless it failed.
        """
        process = self._process
        if process.pid != os.getpid():
            # After a fork: a lock that another thread of the parent held is locked here for ever, and SQLite
            # connections must not cross a fork, not even to be closed.
            process = self._process = _Process(abandoned=process)
        if self._expected > self._last and monotonic - self._expected_at > _EXPECT_SECONDS:
            self._expected = -1  # a transaction that was rolled back
        # While somebody reads, the try is no longer due but its fruit is not there yet: wait for it as well, or the
        # first requests of a process would be refused beside the one that reads.
        if process.lock.locked() or self._due(process, monotonic, since):
            patience = _PATIENCE if self._last >= 0 else _FIRST_PATIENCE
            if process.lock.acquire(timeout=patience):
                try:
                    # Whoever waited for another thread's reading has it now.
                    if self._due(process, self._clock.monotonic(), since):
                        self._try_to_read(process)
                finally:
                    process.lock.release()
        self._refuse_if_too_old()

    def _due(self, process: _Process, monotonic: float, since: float) -> bool:
        """Return whether the last try is long enough ago for another one, or something of our own must be there."""
        if not process.failed and (self._expected > self._last or process.tried_at <= since):
            return True
        if self._clock.time() - process.tried_wall >= INTERVAL:
            return True
        return not 0.0 <= monotonic - process.tried_at < INTERVAL

    def _try_to_read(self, process: _Process) -> None:
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

    def _read(self, process: _Process) -> None:
        file = self._sqlite_file()
        if file is None:
            with self._store.read() as connection:

                def through_store(sql: str, **values: Any) -> _Rows:
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

    def _apply(self, ask: _Ask) -> None:
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

    def _read_all(self, ask: _Ask) -> None:
        # The head first: what is committed after this line comes again with the next reading, and doing it twice
        # changes nothing.
        heads = list(ask(_HEAD))
        head, floor = (heads[0][0], heads[0][1]) if heads else (0, 0)
        memory = self._memory
        if head < self._last:
            memory = RevocationMemory(self._seconds)
            memory.keep_sessions_of(self._memory)
        count = next(iter(ask(_COUNT)))[0]
        memory.end_sessions(ask(_SESSIONS), about=count)
        memory.raise_epochs(ask(_EPOCHS))
        memory.set_floor(floor)
        self._memory = memory
        self._last = head

    # --- Time ----------------------------------------------------------------------------------------

    def issued_until(self) -> int:
        """Return until when an access token that is issued now is accepted, in milliseconds since 1970."""
        lifetime = self._settings().access_lifetime
        return _FOR_EVER if lifetime is None else self._present() + lifetime * 1000

    def unknown_until(self) -> int:
        """Return until when tokens may be accepted of which nothing is known."""
        return self._present() + _UNKNOWN_MS

    def _until(self, entry: Ended) -> int:
        """Return how long *entry* matters: by what its tokens were issued with, whatever the settings say by now."""
        latest = self.issued_until()
        if entry.epoch is None:
            latest = max(latest, self.unknown_until() if entry.until is None else entry.until)
        leeway = max(_LEEWAY_MS, self._settings().leeway * 1000)
        return min(latest + leeway + _MARGIN_MS, _FOR_EVER)

    def _present(self) -> int:
        return max(self._time.now(), self._time.today())

    def _earliest(self) -> int:
        # By the slower of two clocks: neither a step forward nor one back may revive what was revoked.
        return min(self._time.now(), int(self._clock.time() * 1000))

    def _seconds(self) -> int:
        return self._earliest() // 1000


class _Process:
    """What belongs to one process and is made anew after a fork."""

    def __init__(self, abandoned: _Process | None = None) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.tried_at = self.tried_wall = float("-inf")
        self.failed = False
        self.version: int | None = None  # PRAGMA data_version of the last good reading
        self._identity: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._abandoned = abandoned  # kept, so that nothing of the parent is closed here

    def reader(self, file: Path) -> _Ask:
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
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
            self._identity = identity
        connection = self._connection

        def ask(sql: str, **values: Any) -> _Rows:
            return connection.execute(sql, values)

        return ask

    def close(self) -> None:
        """Close the reading connection; the next reading opens another one and asks for all that is new."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self.version = None


def _draw(connection: Connection, count: int) -> int:
    """Return the last of *count* new numbers; the row of the head is ours until the commit."""
    connection.execute(text("UPDATE signet_feed_head SET n = n + :count WHERE id = 1"), {"count": count})
    return connection.execute(text("SELECT n FROM signet_feed_head WHERE id = 1")).scalar_one()


def _second(until: int) -> int:
    return min(until // 1000 + 1, _LAST_SECOND)
