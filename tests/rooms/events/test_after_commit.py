"""What is outside hears of a change after its commit, once, and never of one that was rolled back."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import Connection, Engine, create_engine, exc, text

from flask_signet.events import Event, Events
from flask_signet.store import Store, StoreSettings, schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooked(Event):
    code: ClassVar[str] = "cooked"

    dish: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Eaten(Event):
    code: ClassVar[str] = "eaten"

    dish: str


@dataclass
class Kitchen:
    """A store with events, a caller's own engine to the same database, and all that was heard."""

    store: Store
    events: Events
    engine: Engine
    heard: list[str]

    def cook(self, dish: str, connection: Connection) -> None:
        """Write a row and tell of it."""
        connection.execute(text("INSERT INTO signet_epochs (user_id, epoch) VALUES (:dish, 0)"), {"dish": dish})
        self.events.emit(Cooked(dish=dish), connection)

    def dishes(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.execute(text("SELECT user_id FROM signet_epochs ORDER BY user_id")).scalars())


@pytest.fixture
def kitchen(store: Store) -> Iterator[Kitchen]:
    """Each kind of store. The caller has an engine of its own, but where the database is one connection."""
    with store.read():
        pass  # makes the tables
    engine = store.engine if store.in_memory else create_engine(store.engine.url)
    events = Events(store)
    kitchen = Kitchen(store, events, engine, [])
    events.listen(Cooked, lambda event: kitchen.heard.append(event.dish))
    yield kitchen
    if engine is not store.engine:
        engine.dispose()


# --- Transactions of the store ----------------------------------------------------------------------------


def test_an_event_is_heard_after_the_commit_when_others_see_the_change(kitchen: Kitchen) -> None:
    seen: list[list[str]] = []
    kitchen.events.listen(Cooked, lambda _: seen.append(kitchen.dishes()))
    with kitchen.store.write() as connection:
        kitchen.cook("soup", connection)
        inside = list(kitchen.heard)

    assert inside == []
    assert kitchen.heard == ["soup"]
    assert seen == [["soup"]]


def test_nothing_is_heard_of_a_transaction_of_the_store_that_fails(kitchen: Kitchen) -> None:
    def fail(connection: Connection) -> None:
        kitchen.cook("soup", connection)
        raise LookupError

    with pytest.raises(LookupError):
        kitchen.store.retrying(fail)

    assert (kitchen.heard, kitchen.dishes()) == ([], [])


def test_a_receiver_may_use_the_store_itself(kitchen: Kitchen) -> None:
    """The connection is free again when it is called: also where there is one connection only."""

    def eat(event: Cooked) -> None:
        with kitchen.store.write() as connection:
            kitchen.events.emit(Eaten(dish=event.dish), connection)

    kitchen.events.listen(Cooked, eat)
    kitchen.events.listen(Eaten, lambda event: kitchen.heard.append(f"{event.dish} eaten"))
    with kitchen.store.write() as connection:
        kitchen.cook("soup", connection)

    assert kitchen.heard == ["soup", "soup eaten"]


def test_a_run_that_lost_is_not_heard_of_and_the_next_one_once(kitchen: Kitchen) -> None:
    """The error is one of the driver's that `retrying` begins again after."""
    runs = 0

    def run(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        kitchen.cook(f"soup {runs}", connection)
        if runs < 3:
            raise exc.OperationalError("commit", None, _lost(kitchen.store))

    kitchen.store.retrying(run)

    assert kitchen.heard == kitchen.dishes() == ["soup 3"]


def _lost(store: Store) -> Exception:
    """Return the driver's own error of a transaction that lost."""
    if store.dialect == "postgresql":
        import psycopg.errors

        return psycopg.errors.SerializationFailure("could not serialize access")
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


@pytest.mark.postgres
def test_a_real_serialization_failure_is_heard_of_once(postgres_store: Store) -> None:
    """Two serializable transactions read what the other writes; one of them loses and runs again."""
    events = Events(postgres_store)
    heard: list[str] = []
    runs: list[str] = []
    events.listen(Cooked, lambda event: heard.append(event.dish))
    both_have_read = threading.Barrier(2)

    def cook(dish: str, connection: Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        connection.execute(text("SELECT count(*) FROM signet_epochs")).scalar_one()
        if runs.count(dish) == 0:
            runs.append(dish)
            both_have_read.wait(10)
        else:
            runs.append(dish)
        connection.execute(text("INSERT INTO signet_epochs (user_id, epoch) VALUES (:dish, 0)"), {"dish": dish})
        events.emit(Cooked(dish=dish), connection)

    threads = [
        threading.Thread(target=postgres_store.retrying, args=(partial(cook, dish),)) for dish in ("soup", "stew")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(runs) == 3
    assert sorted(heard) == ["soup", "stew"]


def test_a_database_that_is_really_locked_is_heard_of_once(folder: Path, tmp_path: Path) -> None:
    """Another connection holds the lock while the first run fails."""
    url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    store = Store(StoreSettings(folder=folder, url=url))
    schema.upgrade(store)
    events = Events(store)
    heard: list[str] = []
    events.listen(Cooked, lambda event: heard.append(event.dish))
    other = sqlite3.connect(tmp_path / "other.sqlite3", isolation_level=None)
    runs = 0

    def run(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        events.emit(Cooked(dish=f"soup {runs}"), connection)
        if runs == 1:
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            connection.exec_driver_sql("COMMIT")  # gives the lock away, so that the other one can have it
            other.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(text("INSERT INTO signet_epochs (user_id, epoch) VALUES ('soup', 0)"))
            finally:
                other.execute("ROLLBACK")
        connection.execute(text("INSERT INTO signet_epochs (user_id, epoch) VALUES ('soup', 0)"))

    store.retrying(run)
    other.close()
    store.dispose()

    assert (runs, heard) == (2, ["soup 2"])


@pytest.mark.parametrize("kept", [True, False], ids=["released", "rolled back"])
def test_a_savepoint_of_the_store_decides(kitchen: Kitchen, kept: bool) -> None:
    with kitchen.store.write() as connection:
        kitchen.cook("bread", connection)
        savepoint = connection.begin_nested()
        kitchen.cook("soup", connection)
        savepoint.commit() if kept else savepoint.rollback()
        kitchen.cook("tea", connection)
        assert kitchen.heard == []

    assert sorted(kitchen.heard) == kitchen.dishes() == sorted(["bread", "tea"] + ["soup"] * kept)


# --- Transactions of a caller ----------------------------------------------------------------------------


def test_an_event_is_heard_after_the_caller_s_commit(kitchen: Kitchen) -> None:
    seen: list[list[str]] = []
    if not kitchen.store.in_memory:
        kitchen.events.listen(Cooked, lambda _: seen.append(kitchen.dishes()))
    with kitchen.engine.begin() as mine, kitchen.store.write(mine) as connection:
        kitchen.cook("soup", connection)
        assert kitchen.heard == []

    assert kitchen.heard == ["soup"]
    assert seen in ([["soup"]], [])


def test_nothing_is_heard_after_the_caller_s_rollback(kitchen: Kitchen) -> None:
    with kitchen.engine.connect() as mine:
        with kitchen.store.write(mine) as connection:
            kitchen.cook("soup", connection)
        mine.rollback()
        with kitchen.store.write(mine) as connection:
            kitchen.cook("tea", connection)
        # Closed without a commit.

    assert (kitchen.heard, kitchen.dishes()) == ([], [])


def test_a_connection_that_goes_on_tells_when_the_next_transaction_begins(kitchen: Kitchen) -> None:
    with kitchen.engine.connect() as mine:
        for dish in ("soup", "tea"):
            with kitchen.store.write(mine) as connection:
                kitchen.cook(dish, connection)
            mine.commit()
        mine.execute(text("SELECT 1"))
        heard = list(kitchen.heard)
        with kitchen.store.write(mine) as connection:
            kitchen.cook("salt", connection)
        mine.rollback()

    assert heard == kitchen.heard == ["soup", "tea"]


PATHS = {
    "released": ("soup", "tea"),
    "rolled back": ("tea",),
    "released in one that is rolled back": ("tea",),
    "released in one that is released": ("soup", "tea"),
    "released before one that is rolled back": ("soup", "tea"),
    "rolled back from outside": ("tea",),
}


@pytest.mark.parametrize("path", PATHS)
def test_savepoints_of_the_caller_decide(kitchen: Kitchen, path: str) -> None:
    with kitchen.engine.begin() as mine:
        with kitchen.store.write(mine):
            pass  # begins in earnest, as SQLite's driver alone does not
        _walk(path, mine, partial(kitchen.cook, "soup", mine))
        kitchen.cook("tea", mine)

    assert tuple(sorted(kitchen.heard)) == tuple(kitchen.dishes()) == PATHS[path]


@pytest.mark.filterwarnings("ignore:nested transaction already deassociated")
def _walk(path: str, mine: Connection, cook: Any) -> None:
    match path:
        case "released":
            with mine.begin_nested():
                cook()
        case "rolled back":
            savepoint = mine.begin_nested()
            cook()
            savepoint.rollback()
        case "released in one that is rolled back":
            outer = mine.begin_nested()
            with mine.begin_nested():
                cook()
            outer.rollback()
        case "released in one that is released":
            with mine.begin_nested(), mine.begin_nested():
                cook()
        case "released before one that is rolled back":
            with mine.begin_nested():
                cook()
            mine.begin_nested().rollback()
        case _:
            outer = mine.begin_nested()
            cook()
            with mine.begin_nested():
                pass
            outer.rollback()


@pytest.mark.postgres
def test_a_commit_that_fails_tells_nothing(postgres_store: Store) -> None:
    """A deferred constraint is looked at by the commit itself."""
    events = Events(postgres_store)
    heard: list[str] = []
    events.listen(Cooked, lambda event: heard.append(event.dish))
    engine = create_engine(postgres_store.engine.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE menu (dish text, UNIQUE (dish) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(exc.IntegrityError), postgres_store.write() as connection:
        _twice(connection, events)
    with pytest.raises(exc.IntegrityError), engine.begin() as connection:
        _twice(connection, events)
    engine.dispose()

    assert heard == []


def _twice(connection: Connection, events: Events) -> None:
    events.emit(Cooked(dish="soup"), connection)
    for _ in range(2):
        connection.exec_driver_sql("INSERT INTO menu VALUES ('soup')")


@pytest.mark.postgres
def test_a_connection_that_breaks_at_its_commit_tells_nothing(postgres_store: Store) -> None:
    """Whether such a commit took place is not known."""
    events = Events(postgres_store)
    heard: list[str] = []
    events.listen(Cooked, lambda event: heard.append(event.dish))
    engine = create_engine(postgres_store.engine.url)
    with engine.connect() as mine:
        events.emit(Cooked(dish="soup"), mine)
        number = mine.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with postgres_store.write() as other:
            other.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
        with pytest.raises(exc.DBAPIError):
            mine.commit()
    with engine.begin() as mine:
        events.emit(Cooked(dish="tea"), mine)
    engine.dispose()

    assert heard == ["tea"]


# --- Order, reactions and receivers that fail ------------------------------------------------------------


def test_reactions_run_inside_in_their_order_and_before_anything_outside(kitchen: Kitchen) -> None:
    def note(name: str, event: Event, connection: Connection) -> None:
        assert connection.in_transaction()
        kitchen.heard.append(f"{name} {event.code}")

    kitchen.events.react(Cooked, partial(note, "first"))
    kitchen.events.react(Event, partial(note, "every"))
    kitchen.events.react(Eaten, partial(note, "other"))
    kitchen.events.react(Cooked, partial(note, "last"))
    with kitchen.store.write() as connection:
        kitchen.cook("soup", connection)

    assert kitchen.heard == ["first cooked", "every cooked", "last cooked", "soup"]


def test_a_reaction_that_fails_leaves_nothing_changed_and_nothing_told(kitchen: Kitchen) -> None:
    def fail(_event: Cooked, _connection: Connection) -> None:
        raise LookupError

    kitchen.events.react(Cooked, fail)
    with pytest.raises(LookupError), kitchen.store.write() as connection:
        kitchen.cook("soup", connection)

    assert (kitchen.heard, kitchen.dishes()) == ([], [])


def test_a_receiver_that_fails_is_logged_and_the_others_hear_all_the_same(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def spill(_event: Cooked) -> None:
        raise LookupError("no spoon")

    events = Events(store)
    events.listen(Cooked, spill)
    events.listen(Cooked, lambda event: heard.append(event.dish))
    with caplog.at_level(logging.ERROR, "flask_signet.events"):
        store.retrying(partial(lambda connection: events.emit(Cooked(dish="soup"), connection)))

    assert heard == ["soup"]
    [record] = caplog.records
    assert "spill" in record.getMessage()
    assert "the event cooked failed" in record.getMessage()
    assert "no spoon" in caplog.text


def test_a_connection_leaves_nothing_behind_in_its_pool(kitchen: Kitchen) -> None:
    for number in range(3):
        with kitchen.engine.begin() as mine:
            kitchen.cook(str(number), mine)
    with kitchen.engine.connect() as mine:
        left = mine.info.get("flask-signet-after-commit", [])

    assert len(left) <= 1
