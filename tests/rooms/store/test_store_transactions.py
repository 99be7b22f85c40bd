"""Transactions: whole or not at all, on every kind of store."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sqlite3
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, text
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, StaticPool

from flask_signet.exceptions import SchemaError, SettingsError, StorageError, Unavailable
from flask_signet.signing_keys.table import key_ring_table
from flask_signet.store import Store, StoreSettings, engines, schema
from tests.support.postgres import PostgresServer

VERSION = select(key_ring_table.c.version)
COUNT = key_ring_table.update().values(version=key_ring_table.c.version + 1)


def counted(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(VERSION).scalar_one()


@pytest.fixture(autouse=True)
def _tables(request: pytest.FixtureRequest) -> None:
    # The tables of a joined connection are the caller's business; the fixture makes them by a first use.
    if "store" in request.fixturenames:
        counted(request.getfixturevalue("store"))


def test_nothing_happens_before_the_first_use(folder: Path) -> None:
    """A store that is only made opens nothing and makes no folder."""
    Store(StoreSettings(folder=folder))

    assert not folder.parent.exists()


def test_a_write_is_committed(store: Store) -> None:
    with store.write() as connection:
        connection.execute(COUNT)

    assert counted(store) == 1


def test_an_error_takes_the_whole_back(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            connection.execute(COUNT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert counted(store) == 0


def test_a_caller_s_connection_is_joined_and_left_to_him(store: Store) -> None:
    """With `connection=` nothing is committed before the caller commits."""
    with store.engine.connect() as mine:
        with store.write(mine) as joined:
            joined.execute(COUNT)
        mine.rollback()
    with store.engine.connect() as mine:
        store.retrying(lambda connection: connection.execute(COUNT).rowcount, mine)
        mine.commit()

    assert counted(store) == 1


def test_a_savepoint_in_a_joined_transaction_commits_nothing(store: Store) -> None:
    """SQLite's driver begins late; without a real BEGIN the release of a savepoint would be the commit."""
    with store.engine.connect() as mine:
        with store.write(mine) as joined, joined.begin_nested():
            joined.execute(COUNT)
        mine.rollback()

    assert counted(store) == 0


def test_threads_count_without_losing_any(store: Store) -> None:
    """Read, then write what was read plus one: eight threads do not overwrite each other."""

    def count(connection: Connection) -> None:
        now = connection.execute(VERSION.with_for_update()).scalar_one()
        connection.execute(key_ring_table.update().values(version=now + 1))

    threads = [threading.Thread(target=lambda: [store.retrying(count) for _ in range(10)] and None) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counted(store) == 80


def test_a_deadlock_is_run_again(postgres_store: Store) -> None:
    """Two transactions take two locks in opposite order; PostgreSQL ends one, and it succeeds the second time."""
    meet = threading.Barrier(2, timeout=5)
    runs: list[str] = []

    def crossing(first: int, second: int, name: str) -> None:
        def run(connection: Connection) -> None:
            runs.append(name)
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": first})
            if runs.count(name) == 1:
                meet.wait()
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": second})
            connection.execute(COUNT)

        postgres_store.retrying(run)

    threads = [threading.Thread(target=crossing, args=(1, 2, "a")), threading.Thread(target=crossing, args=(2, 1, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (2, 3) == (counted(postgres_store), len(runs))


def test_a_locked_file_is_unavailable_after_two_seconds(file_store: Store, folder: Path) -> None:
    """A writer that holds the file does not hold our threads."""
    counted(file_store)
    other = sqlite3.connect(folder / engines.FILE_NAME)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught, file_store.write() as connection:
        connection.execute(COUNT)
    took = time.monotonic() - began
    readable = counted(file_store)
    other.close()

    assert (0, 2) == (readable, caught.value.retry_after)
    assert 1.5 < took < 4


def test_a_locked_row_is_unavailable_after_two_seconds(postgres_store: Store) -> None:
    with postgres_store.write() as holder:
        holder.execute(COUNT)
        began = time.monotonic()
        with pytest.raises(Unavailable), postgres_store.write() as connection:
            connection.execute(COUNT)

        assert 1.5 < time.monotonic() - began < 4


def test_a_file_that_is_no_database_is_unavailable(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / engines.FILE_NAME).write_bytes(b"no database" * 1000)

    with pytest.raises(Unavailable), Store(StoreSettings(folder=folder)).read():
        pass


def test_a_server_that_is_not_there_is_unavailable(folder: Path, port: int) -> None:
    store = Store(StoreSettings(folder=folder, url=f"postgresql://nobody@127.0.0.1:{port}/nothing"))
    began = time.monotonic()

    with pytest.raises(Unavailable), store.read():
        pass

    assert time.monotonic() - began < 4


def test_a_killed_server_is_unavailable_and_back_with_its_rows(
    postgres_server: PostgresServer, postgres_store: Store
) -> None:
    """Dead connections in the pool are found before a request gets one."""
    with postgres_store.write() as connection:
        connection.execute(COUNT)
    postgres_server.kill9()
    with pytest.raises(Unavailable):
        counted(postgres_store)
    postgres_server.start()
    with postgres_store.write() as connection:
        connection.execute(COUNT)

    assert counted(postgres_store) == 2


def test_an_idle_connection_that_died_is_not_handed_out(postgres_server: PostgresServer, postgres_store: Store) -> None:
    """After a restart of the server the first request is answered."""
    counted(postgres_store)
    postgres_server.stop()
    postgres_server.start()
    time.sleep(engines.PING_AFTER_SECONDS)

    assert counted(postgres_store) == 0


def test_retrying_outlives_a_connection_that_died_just_now(
    postgres_server: PostgresServer, postgres_store: Store
) -> None:
    counted(postgres_store)
    postgres_server.stop()
    postgres_server.start()
    postgres_store.retrying(lambda connection: connection.execute(COUNT).rowcount)

    assert counted(postgres_store) == 1


def test_the_password_of_the_database_is_in_no_log(folder: Path, port: int, caplog: pytest.LogCaptureFixture) -> None:
    settings = StoreSettings(folder=folder, url=f"postgresql://someone:hush-hush@127.0.0.1:{port}/nothing")
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as caught, Store(settings).read():
        pass

    assert "does not answer" in caplog.text
    assert "hush-hush" not in caplog.text + repr(settings) + repr(caught.value)


def test_the_values_of_a_statement_are_in_no_log_and_no_error(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """One of them is the hash of a password, and an unforeseen error goes to the log as a whole."""
    with caplog.at_level(logging.DEBUG, "sqlalchemy.engine"):
        with pytest.raises((DBAPIError, Unavailable)) as raised, store.write() as connection:
            connection.execute(text("INSERT INTO signet_users (id, not_there) VALUES (1, :hash)"), {"hash": "s3cr3t"})
    told = "".join(traceback.format_exception(raised.value))

    assert "INSERT INTO signet_users" in told
    assert "s3cr3t" not in told.replace('{"hash": "s3cr3t"}', "the line of this test")
    assert "s3cr3t" not in caplog.text


def test_the_file_is_ours_alone_and_durable(file_store: Store, folder: Path) -> None:
    """WAL, every commit synced, and no other user may read it."""
    with file_store.read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}

    assert pragmas == ["wal", 2, 1, 2000]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert set(modes.values()) == {0o600}
    assert {".gitignore", engines.FILE_NAME, engines.FILE_NAME + "-wal"} <= set(modes)


def test_another_s_file_keeps_its_journal_mode(tmp_path: Path, folder: Path) -> None:
    """On a file that the settings name nothing is set that stays."""
    store = Store(StoreSettings(folder=folder, url=f"sqlite:///{tmp_path / 'theirs.sqlite3'}"))
    schema.upgrade(store)
    with store.read() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    store.dispose()

    assert mode == "delete"


def test_a_restored_file_is_opened_anew(file_store: Store, folder: Path) -> None:
    """A running process sees the rows of the file that a restore has put in place."""
    counted(file_store)
    with file_store.write() as connection:
        connection.execute(COUNT)
    file = folder / engines.FILE_NAME
    copy = sqlite3.connect(folder / "copy")
    source = sqlite3.connect(file)
    source.backup(copy)
    copy.execute("UPDATE signet_key_ring SET version = 70")
    copy.commit()
    for connection_ in (copy, source):
        connection_.close()
    for name in ("-wal", "-shm"):
        (folder / (engines.FILE_NAME + name)).unlink(missing_ok=True)
    os.replace(folder / "copy", file)

    assert counted(file_store) == 70


def test_a_deleted_file_is_made_anew(file_store: Store, folder: Path) -> None:
    with file_store.write() as connection:
        connection.execute(COUNT)
    for file in folder.glob(engines.FILE_NAME + "*"):
        file.unlink()

    assert counted(file_store) == 0
    assert (folder / engines.FILE_NAME).stat().st_mode & 0o777 == 0o600


def _count_in_child(store: Store, answers: SimpleQueue[int]) -> None:
    with store.write() as connection:
        connection.execute(COUNT)
    answers.put(counted(store))


@pytest.mark.parametrize("kind", ["file", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_forked_child_opens_connections_of_its_own(kind: str, request: pytest.FixtureRequest) -> None:
    """A store that was used before the fork works on both sides of it."""
    store: Store = request.getfixturevalue("file_store" if kind == "file" else "postgres_store")
    with store.write() as connection:
        connection.execute(COUNT)
    parents = store.engine
    context = multiprocessing.get_context("fork")
    answers: SimpleQueue[int] = context.SimpleQueue()
    child = context.Process(target=_count_in_child, args=(store, answers))
    child.start()
    child.join(20)
    seen = answers.get()

    assert (2, 0) == (seen, child.exitcode)
    assert counted(store) == 2
    assert store.engine is parents


def test_memory_is_shared_by_the_threads_of_one_store_only(folder: Path) -> None:
    one, other = (Store(StoreSettings(folder=folder, in_memory=True)) for _ in range(2))
    thread = threading.Thread(target=lambda: one.retrying(lambda connection: connection.execute(COUNT).rowcount))
    thread.start()
    thread.join()
    found = (counted(one), counted(other))
    one.dispose()
    other.dispose()

    assert found == (1, 0)
    assert not folder.exists()


@pytest.mark.parametrize("given", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_postgresql_means_psycopg_3(given: str) -> None:
    assert engines.parse(given).drivername == "postgresql+psycopg"


def test_a_url_that_is_none_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match="SIGNET_DATABASE_URL") as caught:
        engines.parse("hush-hush")

    assert "hush-hush" not in str(caught.value)


def test_a_driver_that_is_missing_is_named_with_its_command(folder: Path) -> None:
    store = Store(StoreSettings(folder=folder, url="postgresql+nosuchdriver://u@h/d"))

    with pytest.raises(SettingsError, match="nosuchdriver"), store.read():
        pass


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgre://host/app", "names 'postgre'.*did you mean 'postgresql'"),
        ("postgresql+pygresql://host/app", "'postgresql.pygresql'|postgresql.pygresql"),
        ("postgresql+psycopg2cffi://host/app", "not installed, psycopg2cffi: install it, or write postgresql://"),
        ("mysql+pymysql://host/app", "names 'mysql', but Signet needs PostgreSQL or SQLite"),
    ],
)
def test_a_database_or_driver_that_is_not_there_is_named(folder: Path, url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words), Store(StoreSettings(folder=folder, url=url)).read():
        pass


def test_the_database_of_an_application_that_is_of_another_kind_is_refused(folder: Path) -> None:
    engine = Engine(NullPool(lambda: None), MySQLDialect(), make_url("mysql://host/app"))  # type: ignore[arg-type,return-value]
    store = Store(StoreSettings(folder=folder, url="app"), app_engine=lambda: engine)

    with pytest.raises(SettingsError, match="names 'mysql'"), store.read():
        pass


def test_app_without_flask_sqlalchemy_is_refused(folder: Path) -> None:
    store = Store(StoreSettings(folder=folder, url="app"), app_engine=lambda: None)

    with pytest.raises(SettingsError, match="Flask-SQLAlchemy"), store.read():
        pass


def test_the_engine_of_the_application_is_borrowed(folder: Path, tmp_path: Path) -> None:
    """With "app", and with the very URL of the application, there is one engine, and it is never closed by us."""
    url = f"sqlite:///{tmp_path / 'app.sqlite3'}"
    engine = create_engine(url)
    stores = [Store(StoreSettings(folder=folder, url=given), app_engine=lambda: engine) for given in ("app", url)]
    elsewhere = Store(StoreSettings(folder=folder, url=url + "2"), app_engine=lambda: engine)
    shared = [store.engine is engine for store in (*stores, elsewhere)]
    with pytest.raises(SchemaError, match="flask signet db upgrade"), stores[0].read():
        pass
    schema.upgrade(stores[0])
    with stores[1].write() as connection:
        connection.execute(COUNT)
    with engine.connect() as connection:
        seen = connection.execute(VERSION).scalar_one()
    for store in (*stores, elsewhere):
        store.dispose()
    engine.dispose()

    assert shared == [True, True, False]
    assert seen == 1


def test_within_a_transaction_on_the_application_s_one_connection_to_memory_ours_is_refused(folder: Path) -> None:
    """And what the application did there stays."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    store = Store(StoreSettings(folder=folder, url="app"), app_engine=lambda: engine)
    schema.upgrade(store)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE things (n INTEGER)")
    assert store.answers_at_once

    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO things VALUES (1)")
        assert not store.answers_at_once
        for begin in (store.read, store.write):
            with pytest.raises(StorageError, match="commit it first"), begin():
                pass
        connection.commit()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT n FROM things").all() == [(1,)]
    with store.read() as connection:
        assert connection.execute(VERSION).scalar_one() == 0
    engine.dispose()


def test_threads_take_turns_on_the_application_s_one_connection_to_memory(folder: Path) -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    store = Store(StoreSettings(folder=folder, url="app"), app_engine=lambda: engine)
    schema.upgrade(store)

    def count(_: int) -> None:
        with store.write() as connection:
            connection.execute(COUNT)
            with store.read() as inner:  # the same thread joins itself
                inner.execute(VERSION).scalar_one()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(80)))
    with store.read() as connection:
        assert connection.execute(VERSION).scalar_one() == 80
    engine.dispose()


def test_an_engine_of_the_application_may_begin_by_itself(folder: Path, tmp_path: Path) -> None:
    """As SQLAlchemy advises where savepoints are to work with SQLite."""
    engine = create_engine(f"sqlite:///{tmp_path / 'app.sqlite3'}")

    @event.listens_for(engine, "connect")
    def leave_it_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    store = Store(StoreSettings(folder=folder, url="app"), app_engine=lambda: engine)
    schema.upgrade(store)

    def count(*, fail: bool) -> None:
        with store.write() as connection:
            connection.execute(COUNT)
            if fail:
                raise ZeroDivisionError

    count(fail=False)
    with pytest.raises(ZeroDivisionError):
        count(fail=True)
    with store.read() as connection:
        assert connection.execute(VERSION).scalar_one() == 1
    engine.dispose()


def test_whether_a_connection_is_free_is_known_without_waiting_for_one(folder: Path, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'app.sqlite3'}", pool_size=1, max_overflow=1)
    store = Store(StoreSettings(folder=folder, url="app"), app_engine=lambda: engine)

    assert store.answers_at_once
    with engine.connect():
        assert not store.answers_at_once
    assert store.answers_at_once
    engine.dispose()


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file where the folder should be")

    with (
        pytest.raises(SettingsError, match="SIGNET_DATABASE_URL"),
        Store(StoreSettings(folder=tmp_path / "instance" / "signet")).read(),
    ):
        pass
