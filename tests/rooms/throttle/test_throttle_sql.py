"""Counters in the database: several workers have together what one has."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import RateLimited, Unavailable
from flask_signet.store import Store, StoreSettings, schema
from flask_signet.throttle import Throttle
from flask_signet.throttle import sql as module
from flask_signet.throttle.policies import NAME, PAIR
from flask_signet.throttle.sql import SqlCounters
from tests.rooms.throttle.conftest import SECRET, MovedClock
from tests.support.postgres import PostgresServer
from tests.support.throttling import rate, right, wrong

ROOT = Path(__file__).parents[3]


def over(store: Store, moved: MovedClock) -> Throttle:
    return Throttle(SqlCounters(store, now=moved.milliseconds), lambda: SECRET)


@pytest.fixture(params=["file", pytest.param("postgresql", marks=pytest.mark.postgres)])
def workers(request: pytest.FixtureRequest, folder: Path, moved: MovedClock) -> Iterator[list[Throttle]]:
    """Two workers that share a database and nothing else."""
    url = None if request.param == "file" else request.getfixturevalue("postgres_url")
    stores = [Store(StoreSettings(folder=folder, url=url)) for _ in range(2)]
    if url is not None:
        schema.upgrade(stores[0])
    yield [over(store, moved) for store in stores]
    for store in stores:
        store.dispose()


def taken(tried: Callable[[], None]) -> bool:
    try:
        tried()
    except RateLimited:
        return False
    return True


def test_wrong_tries_spread_over_two_workers_are_held_up_as_in_one(workers: list[Throttle]) -> None:
    answers = [taken(lambda number=number: wrong(workers[number % 2], "ada", "192.0.2.1", 1)) for number in range(10)]

    assert answers == [True] * PAIR.free + [False] * (10 - PAIR.free)


def test_wrong_tries_from_many_networks_count_together_over_two_workers(workers: list[Throttle]) -> None:
    tries = [
        taken(lambda number=number: wrong(workers[number % 2], "ada", f"10.0.0.{number}", 1))
        for number in range(NAME.free + 5)
    ]

    assert tries.count(True) == NAME.free


def test_a_success_in_one_worker_clears_the_failures_in_the_other(workers: list[Throttle]) -> None:
    here, there = workers
    for _ in range(5):
        for _ in range(PAIR.free - 1):
            wrong(here, "ada", "192.0.2.1", 1)
        right(there, "ada", "192.0.2.1", 1)


def test_a_place_that_is_known_in_one_worker_is_known_in_the_other(workers: list[Throttle]) -> None:
    here, there = workers
    right(here, "ada", "192.0.2.1", 1)
    for number in range(NAME.free):
        wrong(here, "ada", f"10.0.0.{number}", 1)
    with pytest.raises(RateLimited):
        wrong(there, "ada", "203.0.113.9", 1)
    wrong(there, "ada", "192.0.2.1", 1)


@pytest.mark.parametrize("known", [False, True])
def test_fifty_wrong_tries_at_once_never_reach_more_hashes_than_the_policy_allows(
    workers: list[Throttle], known: bool
) -> None:
    """Each is counted before its hash is made, so it does not matter how long that takes."""
    if known:
        right(workers[0], "ada", "192.0.2.1", 1)
    with ThreadPoolExecutor(16) as pool:
        tries = list(
            pool.map(lambda number: taken(lambda: wrong(workers[number % 2], "ada", "192.0.2.1", 1)), range(50))
        )

    assert tries.count(True) == PAIR.free


def test_registrations_at_once_have_one_rate_over_two_workers(workers: list[Throttle]) -> None:
    def register(number: int) -> bool:
        def tried() -> None:
            with workers[number % 2].attempt("register", name=f"user{number}", network="192.0.2.1"):
                pass

        return taken(tried)

    allowed = rate("register", "network")
    with ThreadPoolExecutor(8) as pool:
        tries = list(pool.map(register, range(2 * allowed.burst)))

    # The clock of a server does not stand still meanwhile.
    assert allowed.burst <= tries.count(True) <= allowed.burst + 3


SCRIPT = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from flask_signet.exceptions import RateLimited
from flask_signet.store import Store, StoreSettings
from flask_signet.throttle import Throttle
from flask_signet.throttle.sql import SqlCounters
from tests.support.throttling import wrong

folder, url = Path(sys.argv[1]), sys.argv[2] or None
throttle = Throttle(SqlCounters(Store(StoreSettings(folder=folder, url=url)), now=lambda: 1_000_000), lambda: bytes(32))

def tried(_):
    try:
        wrong(throttle, "ada", "192.0.2.1", 1)
    except RateLimited:
        return 0
    return 1

with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(tried, range(25))))
"""


def test_two_processes_have_together_what_one_has(folder: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), ""], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    counts = [int(process.communicate(timeout=120)[0]) for process in processes]

    assert sum(counts) == PAIR.free


def rows(store: Store) -> list[tuple[bytes, ...]]:
    with store.read() as connection:
        return [
            (bytes(row[0]), bytes(row[1]), bytes(str(row[2:]), "ascii"))
            for row in connection.execute(text("SELECT * FROM signet_throttle"))
        ]


def test_a_copy_of_the_database_lists_no_name_network_or_user(file_store: Store, moved: MovedClock) -> None:
    throttle = over(file_store, moved)
    wrong(throttle, "ada", "192.0.2.1", 4_711)
    right(throttle, "bob", "192.0.2.1", 4_712)
    plain = rows(file_store)
    with file_store.write() as connection:
        connection.execute(text("DELETE FROM signet_throttle"))
    wrong(Throttle(SqlCounters(file_store, now=moved.milliseconds), lambda: b"another"), "ada", "192.0.2.1", 4_711)
    other_secret = {row[0] for row in rows(file_store)}

    assert len(plain) > 5
    assert not any(word in b"".join(row) for row in plain for word in (b"ada", b"bob", b"192.0", b"4711", b"4712"))
    assert not other_secret & {row[0] for row in plain}  # without the secret no guess can be compared


def test_rows_that_say_nothing_any_more_are_deleted(store: Store, moved: MovedClock) -> None:
    throttle = over(store, moved)
    counters = SqlCounters(store, now=moved.milliseconds)
    with throttle.attempt("register", name="ada", network="192.0.2.1"):
        pass
    wrong(throttle, "ada", "192.0.2.1", 1)
    before = len(rows(store))
    store.retrying(counters.clean_up)
    kept = len(rows(store))
    with store.write() as connection:
        connection.execute(text("UPDATE signet_throttle SET until = 1"))
    store.retrying(counters.clean_up)

    assert before == kept > 4
    assert rows(store) == []


def test_a_flood_of_names_is_bounded_and_pushes_no_blocked_one_out(
    file_store: Store, moved: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No user logs in during this time, so nothing else cleans up."""
    monkeypatch.setattr(module, "CLEAN_UP_AFTER", 50)
    throttle = Throttle(SqlCounters(file_store, now=moved.milliseconds, most=100), lambda: SECRET)
    for number in range(NAME.free):
        wrong(throttle, "ada", f"198.51.100.{number}")
    for number in range(200):
        moved.seconds += 0.001
        wrong(throttle, f"user{number}", f"10.0.{number // 250}.{number % 250}")

    assert len(rows(file_store)) <= 100 + 50 + 6
    with pytest.raises(RateLimited):
        wrong(throttle, "ada", "203.0.113.9")


def test_a_success_that_cannot_be_written_is_a_success_all_the_same(
    file_store: Store, moved: MovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttle = over(file_store, moved)
    right(throttle, "ada", "192.0.2.1", 1)
    caplog.set_level(logging.WARNING)
    with throttle.attempt("login", name="ada", network="192.0.2.1") as attempt:
        attempt.aimed_at(1)
        other = sqlite3.connect(file_store.settings.folder / "signet.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        attempt.succeeded()
        other.execute("ROLLBACK")
        other.close()

    assert "could not be counted" in caplog.text


def test_while_the_database_is_away_nothing_is_tried(
    postgres_server: PostgresServer, postgres_store: Store, moved: MovedClock
) -> None:
    throttle = over(postgres_store, moved)
    wrong(throttle, "ada", "192.0.2.1", 1)
    postgres_server.kill9()
    tried = False
    with pytest.raises(Unavailable), throttle.attempt("register", name="ada", network="192.0.2.1"):
        tried = True
    postgres_server.start()
    wrong(throttle, "ada", "192.0.2.1", 1)

    assert not tried


def test_on_a_server_the_time_is_the_server_s(postgres_store: Store) -> None:
    """Machines may have other clocks: here one that is a day behind."""
    behind = Throttle(SqlCounters(postgres_store, now=lambda: int((SYSTEM.time() - 86_400) * 1_000)), lambda: SECRET)
    ahead = Throttle(SqlCounters(postgres_store, now=lambda: int((SYSTEM.time() + 86_400) * 1_000)), lambda: SECRET)
    for _ in range(PAIR.free):
        wrong(behind, "ada", "192.0.2.1", 1)
    with pytest.raises(RateLimited):
        wrong(ahead, "ada", "192.0.2.1", 1)
