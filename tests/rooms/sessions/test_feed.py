"""How workers learn of revocations: at once, within a second, after a sleep, after a fork, or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import Unavailable
from flask_signet.sessions.session_tokens import Granted
from flask_signet.sessions.settings import SessionSettings
from tests.rooms.sessions.world import Worker, World


def claims(sid: str = "nobody", sub: str = "0", epoch: int = 0) -> dict[str, Any]:
    return {"sid": sid, "sub": sub, "epoch": epoch}


@contextmanager
def counted(worker: Worker) -> Iterator[list[str]]:
    """Collect the statements that reach the database by either way: the store's engine or the reading connection."""
    statements: list[str] = []

    def through_engine(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = worker.store.engine
    event.listen(engine, "before_cursor_execute", through_engine)
    reader = worker.feed._process._connection
    if reader is not None:
        reader.set_trace_callback(statements.append)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", through_engine)
        if reader is not None:
            reader.set_trace_callback(None)


@contextmanager
def locked_out(worker: Worker) -> Iterator[None]:
    """Take the database away for a while."""
    folder = worker.store.settings.folder
    away = folder.with_name("away")
    away.mkdir()
    worker.store.dispose()
    for path in list(folder.glob("signet.sqlite3*")):
        shutil.move(path, away / path.name)
    (folder / "signet.sqlite3").mkdir()
    try:
        yield
    finally:
        (folder / "signet.sqlite3").rmdir()
        for path in list(away.glob("signet.sqlite3*")):
            shutil.move(path, folder / path.name)
        away.rmdir()


def test_many_requests_in_a_second_read_once(world: World) -> None:
    worker = world.worker()
    worker.feed.is_revoked(claims())
    world.hand.pass_(1)
    worker.feed.is_revoked(claims())
    with counted(worker) as statements:
        for _ in range(100):
            worker.feed.is_revoked(claims())
            world.hand.pass_(0.0099)
        assert statements == []
        world.hand.pass_(0.02)
        for _ in range(100):
            worker.feed.is_revoked(claims())

        asked = [statement for statement in statements if not statement.startswith(("BEGIN", "ROLLBACK"))]
        assert len(asked) == 1


def test_an_unchanged_sqlite_file_is_not_even_queried(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    for _ in range(3):
        worker.feed.is_revoked(claims())
        sqlite_world.hand.pass_(1)
    with counted(worker) as statements:
        worker.feed.is_revoked(claims())

    assert statements == ["PRAGMA data_version"]


def test_the_reading_connection_cannot_write(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    for _ in range(2):
        worker.feed.is_revoked(claims())
        sqlite_world.hand.pass_(1)
    reader = worker.feed._process._connection
    assert reader is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM signet_feed")


def test_a_worker_that_slept_reads_before_it_answers(sqlite_world: World) -> None:
    """A laptop: the monotonic clock stopped, the wall clock continued."""
    here, there = sqlite_world.worker(), sqlite_world.worker()
    granted = here.sessions.open(7)
    assert there.accepts(granted)
    here.sessions.end(granted.session_id)
    sqlite_world.hand.step(3_600)

    assert not there.accepts(granted)


def test_a_worker_whose_news_were_cleaned_up_meanwhile_reads_all_again(world: World) -> None:
    here, there = world.worker(), world.worker()
    kept, gone = here.sessions.open(7), here.sessions.open(7)
    assert there.accepts(kept)
    here.sessions.end_all(8)
    here.sessions.end(gone.session_id)
    with here.store.write() as connection:
        connection.execute(text("DELETE FROM signet_feed WHERE kind = 'user'"))
    world.hand.pass_(1)

    assert not there.accepts(gone)
    assert there.accepts(kept)
    assert there.feed.is_revoked(claims(sub="8", epoch=0))


def test_a_database_restored_from_yesterday_revives_nothing_here(sqlite_world: World, tmp_path: Path) -> None:
    """Fault F23: running workers keep what they know; then `db restored` ends everything."""
    here, there = sqlite_world.worker(), sqlite_world.worker()
    ended_later, never_ended = here.sessions.open(7), here.sessions.open(8)
    there.accepts(ended_later)
    file = sqlite_world.folder / "signet.sqlite3"
    copy = tmp_path / "yesterday.sqlite3"
    _copy(file, copy)
    here.sessions.end(ended_later.session_id)
    sqlite_world.hand.pass_(1)
    assert not there.accepts(ended_later)
    for path in sqlite_world.folder.glob("signet.sqlite3*"):
        path.unlink()
    shutil.move(copy, file)
    sqlite_world.hand.pass_(1)

    assert [worker.accepts(ended_later) for worker in (here, there)] == [False, False]
    assert there.accepts(never_ended)
    new = sqlite_world.worker()
    assert new.sessions.restored() == 2
    sqlite_world.hand.pass_(1)
    for worker in (here, there, new):
        assert [worker.accepts(granted) for granted in (ended_later, never_ended)] == [False, False]
        assert worker.accepts(new.sessions.open(7))


def test_the_same_copy_restored_twice_revives_nothing_either(sqlite_world: World, tmp_path: Path) -> None:
    worker = sqlite_world.worker()
    worker.sessions.open(7)
    file, copy = sqlite_world.folder / "signet.sqlite3", tmp_path / "yesterday.sqlite3"
    _copy(file, copy)
    between: list[Granted] = []
    for _ in range(2):
        for path in sqlite_world.folder.glob("signet.sqlite3*"):
            path.unlink()
        shutil.copy(copy, file)
        sqlite_world.hand.pass_(5)
        worker.sessions.restored()
        sqlite_world.hand.pass_(1)
        assert not any(worker.accepts(granted) for granted in between)
        between.append(worker.sessions.open(7))
        assert worker.accepts(between[-1])


def test_without_the_store_guards_go_on_for_a_while_and_then_stop(sqlite_world: World) -> None:
    sqlite_world.settings = SessionSettings(revocation_max_age=30)
    here, there = sqlite_world.worker(), sqlite_world.worker()
    granted = here.sessions.open(7)
    assert there.accepts(granted)
    with locked_out(there):
        sqlite_world.hand.pass_(29)
        assert there.accepts(granted)
        sqlite_world.hand.pass_(1)
        with pytest.raises(Unavailable):
            there.accepts(granted)
    sqlite_world.hand.pass_(1)

    assert there.accepts(granted)


def test_an_idle_worker_answers_at_once_when_the_store_does(sqlite_world: World) -> None:
    """503 needs a reading that was tried and failed, not only a last good one that is old."""
    worker = sqlite_world.worker()
    granted = worker.sessions.open(7)
    worker.accepts(granted)
    sqlite_world.hand.pass_(800)

    assert worker.accepts(granted)


def test_nobody_is_let_in_before_the_first_reading(sqlite_world: World) -> None:
    opened = sqlite_world.worker()
    granted = opened.sessions.open(7)
    worker = sqlite_world.worker()
    with locked_out(opened), pytest.raises(Unavailable):
        worker.accepts(granted)
    sqlite_world.hand.pass_(1)

    assert worker.accepts(granted)


def test_a_dead_store_is_asked_once_a_second_and_not_by_every_request(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    worker.feed.is_revoked(claims())
    sqlite_world.hand.pass_(1)
    with locked_out(worker):
        tries = 0
        before = worker.feed._process.tried_at
        for _ in range(50):
            worker.feed.is_revoked(claims())
            sqlite_world.hand.pass_(0.1)
            tries += worker.feed._process.tried_at != before
            before = worker.feed._process.tried_at

    assert 4 <= tries <= 6


def test_who_waits_for_a_slow_reading_goes_on_with_what_is_there(tmp_path: Path) -> None:
    world = World(tmp_path / "signet", clock=SYSTEM)
    worker = world.worker()
    try:
        granted = worker.sessions.open(7)
        worker.accepts(granted)
        time.sleep(1.05)
        with worker.feed._process.lock:  # another thread reads, and reads, and reads
            begun = time.monotonic()
            answers: list[bool] = []
            threads = [threading.Thread(target=lambda: answers.append(worker.accepts(granted))) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(5)
            waited = time.monotonic() - begun

        assert answers == [True] * 4
        assert 0.15 < waited < 1.0
    finally:
        world.close()


def test_a_fork_while_another_thread_reads_does_not_stop_the_child(tmp_path: Path) -> None:
    """Fault F19: the lock that was held at the fork is free in the child, and no connection is shared."""
    world = World(tmp_path / "signet", clock=SYSTEM)
    worker = world.worker()
    try:
        kept, ended = worker.sessions.open(7), worker.sessions.open(7)
        for _ in range(2):
            worker.accepts(kept)
            time.sleep(1.01)
        with worker.feed._process.lock:
            child = os.fork()
            if child == 0:
                os._exit(_in_child(lambda: worker.accepts(kept) and not _ends_and_accepts(worker, ended)))
        assert os.waitpid(child, 0)[1] == 0
        time.sleep(1.01)

        assert worker.accepts(kept)
        assert not worker.accepts(ended)
    finally:
        world.close()


def test_numbers_are_drawn_in_the_order_of_commits(world: World) -> None:
    """Two revocations at once, and the first commits last: no worker may miss it."""
    first, second, reader = world.worker(), world.worker(), world.worker()
    one, other = first.sessions.open(7), first.sessions.open(8)
    reader.accepts(one)
    drawn, finish = threading.Event(), threading.Event()

    def slowly() -> None:
        with first.store.write() as connection:
            first.sessions.end(one.session_id, connection=connection)
            drawn.set()
            finish.wait(5)

    slow = threading.Thread(target=slowly)
    slow.start()
    assert drawn.wait(5)
    quick = threading.Thread(target=second.sessions.end, args=(other.session_id,))
    quick.start()
    world.hand.pass_(1)
    assert reader.accepts(one)
    assert reader.accepts(other)
    finish.set()
    slow.join(5)
    quick.join(5)
    world.hand.pass_(1)

    assert not reader.accepts(one)
    assert not reader.accepts(other)


def test_a_token_without_a_session_is_judged_by_its_epoch(world: World) -> None:
    here, there = world.worker(), world.worker()
    token = claims(sub="7", epoch=there.feed.epoch("7"))
    assert not there.feed.is_revoked(token)
    here.sessions.end_all(7)
    world.hand.pass_(1)

    assert there.feed.is_revoked(token)
    assert not there.feed.is_revoked(claims(sub="7", epoch=there.feed.epoch("7")))


def _ends_and_accepts(worker: Worker, granted: Granted) -> bool:
    worker.sessions.end(granted.session_id)
    return worker.accepts(granted)


def _in_child(check: Callable[[], bool]) -> int:
    signal.alarm(20)  # a child that blocks must end before the test
    try:
        return 0 if check() else 1
    except BaseException:
        return 2


def _copy(file: Path, to: Path) -> None:
    """Make a whole copy of a database in use, as a backup does."""
    source, target = sqlite3.connect(file), sqlite3.connect(to)
    with target:
        source.backup(target)
    target.execute("PRAGMA journal_mode = WAL")
    source.close()
    target.close()


def test_a_token_made_a_moment_after_its_user_was_signed_out_elsewhere_stays_good(world: World) -> None:
    here, there = world.worker(), world.worker()
    for worker in (here, there):
        worker.feed.epoch("5")

    there.sessions.end_all(5)
    made = claims(sub="5", epoch=here.feed.epoch("5"))
    assert not here.feed.is_revoked(made)
    world.hand.pass_(1)

    assert not here.feed.is_revoked(made)
    assert here.feed.is_revoked(claims(sub="5"))


def test_tokens_are_made_without_a_new_try_for_a_second_after_the_store_did_not_answer(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    worker.feed.epoch("5")
    with locked_out(worker):
        worker.feed.epoch("5")
        assert worker.feed._process.failed
        tried = worker.feed._process.tried_at
        sqlite_world.hand.pass_(0.5)
        assert worker.feed.epoch("5") == 0
        assert worker.feed._process.tried_at == tried
