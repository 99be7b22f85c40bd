"""Connections of the driver itself: lent to one at a time, clean, and only where they may be used."""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import create_engine, event, text

from flask_signet.clock import Clock
from flask_signet.exceptions import Unavailable
from flask_signet.store import Store, StoreSettings, engines, schema
from flask_signet.store.database import Execute


@pytest.fixture
def ready(file_store: Store) -> Store:
    """A store whose tables were looked at."""
    with file_store.read():
        pass
    return file_store


def connections_made(store: Store) -> list[object]:
    made: list[object] = []
    event.listen(store.engine, "connect", lambda connection, _record: made.append(connection))
    return made


def test_one_connection_serves_one_borrower_after_another(ready: Store) -> None:
    with ready.driver() as first:
        pass
    made = connections_made(ready)
    for _ in range(20):
        with ready.driver() as again:
            assert again is first

    assert made == []


def test_two_at_a_time_never_have_the_same_one(ready: Store) -> None:
    with ready.driver() as one, ready.driver() as other:
        assert one is not None
        assert other is not None
        assert one is not other


def test_it_has_the_pragmas_of_every_connection(ready: Store) -> None:
    with ready.driver() as driver:
        pragmas = [driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "foreign_keys")]
        journal = driver.execute("PRAGMA journal_mode").fetchone()[0]

    assert (pragmas, journal) == ([2, 1], "wal")


def test_whatever_a_borrower_began_ends_with_his_error(ready: Store, folder: Path) -> None:
    """A transaction that was left open would keep every other writer out."""

    def fail() -> None:
        with ready.driver() as driver:
            driver.execute("BEGIN IMMEDIATE")
            driver.execute("UPDATE signet_key_ring SET version = 70")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    other = sqlite3.connect(folder / engines.FILE_NAME, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        version = other.execute("SELECT version FROM signet_key_ring").fetchone()[0]
    finally:
        other.close()

    assert version == 0


def test_the_driver_s_own_error_says_that_the_store_does_not_answer(ready: Store) -> None:
    def ask() -> None:
        with ready.driver() as driver:
            driver.execute("SELECT nothing FROM nowhere")

    with pytest.raises(Unavailable):
        ask()


def test_there_is_none_before_the_tables_were_looked_at(file_store: Store) -> None:
    with file_store.driver() as driver:
        assert driver is None


def test_there_is_none_to_memory(folder: Path) -> None:
    """A database in memory is one connection, and its threads take turns in transactions."""
    store = Store(StoreSettings(folder=folder, in_memory=True))
    with store.read():
        pass
    with store.driver() as driver:
        assert driver is None
    store.dispose()


def test_there_is_none_of_the_application_s_own_engine(folder: Path, tmp_path: Path) -> None:
    """Its connections have our limit on locks only in our transactions."""
    engine = create_engine(f"sqlite:///{tmp_path / 'app.sqlite3'}")
    store = Store(StoreSettings(folder=folder, url="app"), app_engine=lambda: engine)
    schema.upgrade(store)
    with store.read():
        pass
    with store.driver() as driver:
        assert driver is None
    engine.dispose()


def test_there_is_none_of_a_driver_whose_connections_are_used_in_another_way(ready: Store) -> None:
    """Those of psycopg2 and pg8000 have no ``execute``; a refresh goes through SQLAlchemy there."""
    ready.engine.dialect.driver = "pg8000"
    with ready.driver() as driver:
        assert driver is None


def test_a_file_put_in_place_of_the_old_one_is_not_met_by_an_old_connection(ready: Store, folder: Path) -> None:
    with ready.driver() as old:
        old.execute("SELECT 1")
    file = folder / engines.FILE_NAME
    with sqlite3.connect(file) as source, sqlite3.connect(folder / "copy") as copy:
        source.backup(copy)
        copy.execute("UPDATE signet_key_ring SET version = 70")
    for connection in (source, copy):
        connection.close()
    for name in ("-wal", "-shm"):
        (folder / (engines.FILE_NAME + name)).unlink(missing_ok=True)
    os.replace(folder / "copy", file)
    with ready.driver() as driver:
        assert driver is None
    with ready.read() as connection:
        connection.execute(text("SELECT 1"))

    with ready.driver() as driver:
        assert driver is not old
        assert driver.execute("SELECT version FROM signet_key_ring").fetchone() == (70,)


@pytest.mark.parametrize(
    ("kind", "most"), [("file_store", 32), pytest.param("postgres_store", 5, marks=pytest.mark.postgres)]
)
def test_only_so_many_have_one_at_a_time(request: pytest.FixtureRequest, kind: str, most: int) -> None:
    """Later requests use the pool, which limits the number of connections to the server."""
    store: Store = request.getfixturevalue(kind)
    with store.read():
        pass
    with ExitStack() as borrowers:
        lent = [borrowers.enter_context(store.driver()) for _ in range(most)]
        with store.driver() as another:
            assert another is None
    with store.driver() as again:
        assert again in lent

    assert len(set(lent)) == most


def test_one_that_failed_or_was_never_opened_makes_room_for_another(ready: Store) -> None:
    def fail(error: Exception) -> None:
        with ready.driver() as driver:
            assert driver is not None
            raise error

    for _ in range(20):
        # With its message, as SQLite raises it: one without is taken for an error about the tables.
        for error in (ZeroDivisionError(), sqlite3.OperationalError("database is locked")):
            with pytest.raises((type(error), Unavailable)):
                fail(error)

    def refuse(_connection: object, _record: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    event.listen(ready.engine, "connect", refuse)
    ready.engine.dispose()
    for _ in range(20):
        with pytest.raises(Unavailable), ready.driver():
            pass
    event.remove(ready.engine, "connect", refuse)
    with ready.driver() as driver:
        assert driver is not None


def raised(store: Store, by: int) -> None:
    """Change the database in a quick transaction."""
    store.quickly(lambda execute: execute("UPDATE signet_key_ring SET version = version + ?", (by,)))


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_query_of_the_driver_gives_the_same_rows_with_a_lent_connection_and_without(
    file_store: Store, looked_at: bool
) -> None:
    if looked_at:
        with file_store.read():
            pass

    assert [tuple(row) for row in file_store.driver_rows("SELECT version FROM signet_key_ring")] == [(0,)]


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_quick_transaction_is_committed_and_one_that_fails_changes_nothing(
    file_store: Store, looked_at: bool
) -> None:
    if looked_at:
        with file_store.read():
            pass

    def fail(execute: Execute) -> None:
        execute("UPDATE signet_key_ring SET version = 70")
        raise ZeroDivisionError

    raised(file_store, 1)
    with pytest.raises(ZeroDivisionError):
        file_store.quickly(fail)
    raised(file_store, 2)

    assert file_store.driver_rows("SELECT version FROM signet_key_ring")[0][0] == 3


def test_only_the_commit_of_a_quick_transaction_does_not_wait_for_the_disk(ready: Store) -> None:
    """The next borrower of the connection may refresh a session, which must not be lost."""
    during = ready.quickly(lambda execute: execute("PRAGMA synchronous").fetchone()[0])
    with ready.driver() as driver:
        after = driver.execute("PRAGMA synchronous").fetchone()[0]

    assert (during, after) == (1, 2)


def test_dispose_closes_what_was_kept(ready: Store) -> None:
    with ready.driver() as driver:
        pass
    ready.dispose()

    assert not _is_open(driver)


def test_what_is_lent_while_all_are_closed_is_closed_when_it_comes_back(ready: Store) -> None:
    with ready.driver() as driver:
        ready.dispose()
        driver.execute("SELECT 1")

    assert not _is_open(driver)


def test_a_forked_process_gets_a_connection_of_its_own(ready: Store) -> None:
    with ready.driver() as parents:
        pass
    child = os.fork()
    if child == 0:
        with ready.read():
            pass
        with ready.driver() as own:
            os._exit(0 if own is not None and own is not parents else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with ready.driver() as again:
        assert again is parents

    assert code == 0


@pytest.mark.postgres
def test_a_server_s_connection_is_kept_beside_the_pool_and_left_in_no_transaction(postgres_store: Store) -> None:
    with postgres_store.read():
        pass
    pool = postgres_store.engine.pool
    with postgres_store.driver() as first:
        first.execute("SELECT 1")
        assert first.info.transaction_status == TransactionStatus.IDLE
        assert pool.checkedout() == 0  # type: ignore[attr-defined]
    made = connections_made(postgres_store)
    with postgres_store.driver() as again:
        assert again is first

    assert made == []


@pytest.mark.postgres
def test_a_server_s_connection_that_died_while_it_was_idle_is_not_lent_again(
    postgres_store: Store, postgres_url: str, folder: Path
) -> None:
    monotonic = 100.0
    store = Store(StoreSettings(folder=folder, url=postgres_url), clock=Clock(monotonic=lambda: monotonic))
    with store.read():
        pass
    with store.driver() as first:
        first.execute("SELECT 1")
    end_all_connections(postgres_store)
    monotonic += engines.PING_AFTER_SECONDS

    with store.driver() as driver:
        assert driver is not first
        assert driver.execute("SELECT 1").fetchone() == (1,)
    store.dispose()


@pytest.mark.postgres
def test_one_dead_connection_of_a_server_takes_the_others_with_it(
    postgres_store: Store, postgres_url: str, folder: Path
) -> None:
    """They were in use a moment ago, so they are not pinged, and the server went away for all of them."""
    store = Store(StoreSettings(folder=folder, url=postgres_url), clock=Clock(monotonic=lambda: 100.0))
    with store.read():
        pass
    with ExitStack() as borrowers:
        for _ in range(5):
            borrowers.enter_context(store.driver())
        for _ in range(3):
            borrowers.enter_context(store.read())
    end_all_connections(postgres_store)

    with pytest.raises(Unavailable), store.driver() as driver:
        driver.execute("SELECT 1")
    for _ in range(5):
        with store.driver() as driver:
            assert driver.execute("SELECT 1").fetchone() == (1,)
    store.dispose()


def end_all_connections(store: Store) -> None:
    """End all that lead to the database of *store*, but its own."""
    with store.write() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True
