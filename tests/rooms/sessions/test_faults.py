"""Faults with real processes: nothing acknowledged is lost, nothing ended comes back, no honest client is a thief."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import Unavailable
from tests.rooms.sessions.live import House, serving
from tests.rooms.sessions.world import Worker, World
from tests.support.postgres import PostgresServer
from tests.support.processes import Server, wait_until

StartServer = Callable[..., Server]


# --- F1: kill -9 at each point of a refresh ---------------------------------------------------------------


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(word: str) -> Callable[[World], Worker]:
    """Die just before a statement runs, whether it goes through SQLAlchemy or straight to SQLite's driver."""

    def victim(world: World) -> Worker:
        def look(statement: str) -> None:
            if statement.startswith(word):
                _die()

        worker = world.worker()
        worker.sessions.listing(7)
        engine = worker.store.engine
        event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, statement, *_: look(statement))
        if engine.dialect.name == "sqlite":
            engine.dispose()
            event.listen(engine, "connect", lambda connection, _record: connection.set_trace_callback(look))
        if word == "COMMIT":
            event.listen(engine, "commit", _die)
        return worker

    return victim


def _after_the_commit(world: World) -> Worker:
    world.issue = _die
    worker = world.worker()
    worker.sessions.listing(7)
    return worker


POINTS = {
    "before the row is read": _before("SELECT user_id"),
    "before the row is changed": _before("UPDATE signet_sessions"),
    "before the commit": _before("COMMIT"),
    "after the commit": _after_the_commit,
}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_a_worker_killed_in_a_refresh_costs_nobody_the_session(
    tmp_path: Path, database: str | None, point: Callable[[World], Worker]
) -> None:
    world = World(tmp_path / "signet", url=database, clock=SYSTEM)
    worker = world.worker()
    try:
        granted = worker.sessions.open(7)
        token = worker.sessions.rotate(granted.refresh_token).refresh_token
        child = os.fork()
        if child == 0:
            point(World(tmp_path / "signet", url=database, clock=SYSTEM)).sessions.rotate(token)
            os._exit(0)
        # On PostgreSQL the common case is one statement: what is not run cannot be died at.
        ended = os.waitpid(child, 0)[1]
        assert ended in (signal.SIGKILL, 0)
        assert (database is not None and point is not _after_the_commit) or ended == signal.SIGKILL
        retried = worker.sessions.rotate(token).refresh_token

        assert retried != token
        assert worker.sessions.rotate(token).refresh_token == retried
        with worker.store.read() as connection:
            assert connection.execute(text("SELECT generation, ended_at FROM signet_sessions")).one() == (3, None)
    finally:
        world.close()


class _Client(threading.Thread):
    """Refreshes as fast as it can and tries again after every failure, as a front end does."""

    def __init__(self, house: House, stop: threading.Event) -> None:
        super().__init__()
        self.granted = house.sessions.open(1)
        self.token = self.granted.refresh_token
        self.refused: list[str] = []
        self.refreshed = 0
        self._connection = house.connection(timeout=10)
        self._stop_ = stop

    def run(self) -> None:
        answered = time.monotonic()
        while not self._stop_.is_set():
            try:
                answer = self._connection.ask("POST", "/token/refresh", {"refresh_token": self.token})
            except Exception:
                time.sleep(0.01)
                continue
            if answer.status == 200:
                self.refreshed += 1
                self.token = answer.refresh_token
                answered = time.monotonic()
            elif answer.status != 503:
                self.refused.append(f"{answer} after {time.monotonic() - answered:.1f} s without an answer")
            time.sleep(0.01)


def _kills(house: House, count: int) -> None:
    stop = threading.Event()
    clients = [_Client(house, stop) for _ in range(6)]
    for client in clients:
        client.start()
    chance = random.Random(count)  # noqa: S311 - it picks a worker
    try:
        for _ in range(count):
            # One at a time, somewhere in the work: were all of them dead for longer than the grace, the answers that
            # got lost would rightly not be given again.
            before = sum(client.refreshed for client in clients)
            wait_until(
                lambda before=before: sum(client.refreshed for client in clients) > before,
                timeout=60,
                what="a refresh after a worker was killed",
            )
            time.sleep(chance.uniform(0, 0.1))
            victims = _children(house.server.process.pid)
            if victims:
                os.kill(chance.choice(victims), signal.SIGKILL)
    finally:
        time.sleep(1)
        stop.set()
        for client in clients:
            client.join(30)
    last = house.connection()
    for client in clients:
        assert client.refused == []
        assert client.refreshed > 0
        answer = last.ask("POST", "/token/refresh", {"refresh_token": client.token})
        assert answer.status == 200, answer
    assert len(house.sessions.listing(1)) == len(clients)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


@pytest.mark.journey
def test_random_kills_under_load_lose_no_session(start_server: StartServer, tmp_path: Path) -> None:
    with serving(start_server, tmp_path) as house:
        _kills(house, 12)


@pytest.mark.slow
def test_five_hundred_kills_under_load(start_server: StartServer, tmp_path: Path, database: str | None) -> None:
    with serving(start_server, tmp_path, database) as house:
        _kills(house, 500)


# --- F4, F5: the file is locked or full -------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [3.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_a_locked_database_delays_and_accuses_nobody(tmp_path: Path, seconds: float) -> None:
    world = World(tmp_path / "signet", clock=SYSTEM)
    worker = world.worker()
    try:
        granted = worker.sessions.open(7)
        assert worker.accepts(granted)
        current = worker.sessions.rotate(granted.refresh_token).refresh_token
        blocker = sqlite3.connect(tmp_path / "signet" / "signet.sqlite3", isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        end = time.monotonic() + seconds
        tries = 0
        while time.monotonic() < end:
            begun = time.monotonic()
            # The request arrived now; that it waited for the lock must not make its token old.
            with pytest.raises(Unavailable):
                worker.sessions.rotate(current)
            tries += 1
            assert time.monotonic() - begun < 12
            assert worker.accepts(granted)  # guards only read, and readers do not wait
        blocker.execute("ROLLBACK")
        blocker.close()

        assert tries >= 1
        assert worker.sessions.rotate(current).refresh_token != current
        assert worker.sessions.listing(7) != []
    finally:
        world.close()


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    world = World(tmp_path / "signet", clock=SYSTEM)
    worker = world.worker()
    try:
        granted = worker.sessions.open(7)
        with worker.store.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        worker.store.dispose()

        def full(connection: Any, _record: Any) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        event.listen(worker.store.engine, "connect", full)
        refused = 0
        for _ in range(200):
            try:
                worker.sessions.open(8, device="x" * 255)
            except Unavailable:
                refused += 1
        assert refused > 0
        assert worker.accepts(granted)
        event.remove(worker.store.engine, "connect", full)
        worker.store.dispose()

        token = worker.sessions.rotate(granted.refresh_token).refresh_token
        assert worker.sessions.rotate(token)
        assert worker.sessions.open(8)
    finally:
        world.close()


# --- F6: PostgreSQL is killed and comes back --------------------------------------------------------------


@pytest.mark.postgres
def test_postgresql_killed_and_back_within_seconds(
    start_server: StartServer, tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    from tests.rooms.sessions.conftest import migrated

    with serving(start_server, tmp_path, migrated(postgres_url), workers=2) as house:
        granted = house.sessions.open(1)
        ended = house.sessions.open(1)
        client = house.connection()
        token = client.ask("POST", "/token/refresh", {"refresh_token": granted.refresh_token}).refresh_token
        house.sessions.end(ended.session_id)
        time.sleep(1.1)
        assert client.ask("GET", "/protected", token=ended.access_token).status == 401
        postgres_server.kill9()
        try:
            begun = time.monotonic()
            # Several times: the first finds a connection that broke, the others find no server to connect to.
            for _ in range(6):
                answer = client.ask("POST", "/token/refresh", {"refresh_token": token})
                assert answer.status == 503
                assert answer.body["error"] == "unavailable"
            assert time.monotonic() - begun < 10
            # What needs no database continues to work, and what was revoked stays revoked.
            assert client.ask("GET", "/protected", token=granted.access_token).status == 200
            assert client.ask("GET", "/protected", token=ended.access_token).status == 401
            assert client.ask("GET", "/health").status == 503
        finally:
            postgres_server.start()
        back = time.monotonic()
        wait_until(
            lambda: client.ask("POST", "/token/refresh", {"refresh_token": token}).status == 200,
            timeout=5,
            what="a refresh after PostgreSQL came back",
        )

        assert time.monotonic() - back < 5
        assert client.ask("POST", "/token/refresh", {"refresh_token": ended.refresh_token}).status == 401
        assert client.ask("GET", "/protected", token=ended.access_token).status == 401
        assert [info.id for info in house.sessions.listing(1)] == [granted.session_id]


# --- F18: a stopped worker --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [3.0, pytest.param(60.0, marks=pytest.mark.slow)])
def test_a_worker_that_was_stopped_answers_its_first_request_rightly(
    start_server: StartServer, tmp_path: Path, database: str | None, seconds: float
) -> None:
    with serving(start_server, tmp_path, database, workers=1, SIGNET_REFRESH_GRACE=30) as house:
        kept, ended, raced = (house.sessions.open(1) for _ in range(3))
        client, waiting = house.connection(timeout=90), house.connection(timeout=90)
        for granted in (kept, ended):
            assert client.ask("GET", "/protected", token=granted.access_token).status == 200
        (worker,) = _children(house.server.process.pid)
        os.kill(worker, signal.SIGSTOP)
        try:
            answers: list[Any] = []
            late = threading.Thread(
                target=lambda: answers.append(
                    waiting.ask("POST", "/token/refresh", {"refresh_token": raced.refresh_token})
                )
            )
            late.start()
            house.sessions.end(ended.session_id)
            current = house.sessions.rotate(raced.refresh_token).refresh_token
            time.sleep(seconds)
        finally:
            os.kill(worker, signal.SIGCONT)
        late.join(60)

        assert client.ask("GET", "/protected", token=ended.access_token).status == 401
        assert client.ask("GET", "/protected", token=kept.access_token).status == 200
        # The one that waited in the queue arrives when the worker reads it: within the grace it is honest.
        if seconds < 30:
            assert [answer.status for answer in answers] == [200]
            assert answers[0].refresh_token == current
        else:
            assert [answer.status for answer in answers] in ([200], [401])
