"""A small world for tests: one database, one clock that is moved by hand, any number of workers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.clock import SYSTEM, Clock
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.granted import Granted, Issue
from flask_signet.sessions.mac_keys import RootKeys
from flask_signet.sessions.same_user import Standing
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.settings import SessionSettings
from flask_signet.store import RootKeyRing, Store, StoreSettings, open_root_keys
from tests.rooms.sessions.application import ROOT_KEY


@dataclass
class HandClock:
    """A wall clock and a monotonic one; a step moves the first alone, time moves both."""

    wall: float = field(default_factory=time.time)  # not any time: a database server has a clock of its own
    steady: float = 5_000.0
    boot: str = "one"

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def step(self, seconds: float) -> None:
        self.wall += seconds

    @property
    def clock(self) -> Clock:
        return Clock(
            time=lambda: self.wall,
            monotonic=lambda: self.steady,
            token_bytes=SYSTEM.token_bytes,
            boot=lambda: self.boot,
        )


@dataclass(frozen=True)
class Claims:
    """An access token that is nothing but its claims."""

    sub: str
    sid: str
    epoch: int
    fresh: bool
    mark: str | None = None
    expires_in: int | None = 900

    @property
    def text(self) -> str:
        return f"{self.sub}|{self.sid}|{self.epoch}|{self.fresh}"

    @classmethod
    def read(cls, text: str) -> dict[str, object]:
        sub, sid, epoch, fresh = text.split("|")
        return {"sub": sub, "sid": sid, "epoch": int(epoch), "fresh": fresh == "True"}


def issue(
    user_id: UserId, *, fresh: bool, sid: str, epoch: int, mark: str | None, connection: Connection | None
) -> Claims:
    return Claims(sub=str(user_id), sid=sid, epoch=epoch, fresh=fresh, mark=mark)


@dataclass
class Worker:
    """What one process of the application holds."""

    store: Store
    feed: Feed
    sessions: Sessions

    def accepts(self, granted: Granted) -> bool:
        """Whether a guard of this worker lets the access token in."""
        return not self.feed.is_revoked(Claims.read(granted.access_token))


@dataclass
class World:
    """One database and what its workers share."""

    folder: Path
    hand: HandClock = field(default_factory=HandClock)
    settings: SessionSettings = field(default_factory=SessionSettings)
    url: str | None = None
    root_keys: RootKeys | None = None
    clock: Clock | None = None  # instead of the one that is moved by hand
    issue: Issue = issue
    standing: Standing | None = None
    workers: list[Worker] = field(default_factory=list)

    def worker(self) -> Worker:
        clock = self.clock or self.hand.clock
        store_settings = StoreSettings(
            folder=self.folder, url=self.url, root_key=None if self.url is None else ROOT_KEY
        )
        if self.root_keys is None:
            ring: RootKeyRing = open_root_keys(store_settings, clock=clock, server_database=False)
            self.root_keys = ring
        store = Store(store_settings, clock=clock)
        feed = Feed(store, lambda: self.settings, clock)
        sessions = Sessions(
            store=store,
            root_keys=self.root_keys,
            feed=feed,
            settings=lambda: self.settings,
            clock=clock,
            issue=self.issue,
            standing=self.standing,
            ask_on_refresh=self.standing is not None,
        )
        worker = Worker(store=store, feed=feed, sessions=sessions)
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.workers:
            worker.feed.close()
            worker.store.dispose()
