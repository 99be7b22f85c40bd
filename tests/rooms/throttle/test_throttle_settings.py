"""Where an application counts, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_signet import Signet
from flask_signet.exceptions import SettingsError
from flask_signet.testing import reset
from flask_signet.throttle.policies import PAIR

PASSWORD = "correct horse"
Make = Callable[..., Flask]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A function that makes one more worker over the same files."""
    apps: list[Flask] = []

    def worker(**config: Any) -> Flask:
        app = Flask("worker", instance_path=str(tmp_path))
        app.config.update(config)
        Signet(app)
        apps.append(app)
        return app

    yield worker
    for app in apps:
        app.extensions["signet"].close()


def log_in(app: Flask, password: str) -> int:
    return app.test_client().post("/token", json={"username": "ada", "password": password}).status_code


def guess(app: Flask, times: int = PAIR.free) -> list[int]:
    return [log_in(app, "wrong") for _ in range(times)]


@pytest.mark.parametrize(("store", "elsewhere"), [("store", 429), ("memory", 200)])
def test_another_worker_knows_the_failures_where_they_are_counted_in_the_store(
    make: Make, store: str, elsewhere: int
) -> None:
    here, there = (make(SIGNET_THROTTLE_STORE=store) for _ in range(2))
    here.extensions["signet"].users.create("ada", PASSWORD)

    assert guess(here) == [401] * PAIR.free
    assert (log_in(here, PASSWORD), log_in(there, PASSWORD)) == (429, elsewhere)


def test_the_store_is_the_default_and_outlives_a_restart(make: Make) -> None:
    app = make()
    app.extensions["signet"].users.create("ada", PASSWORD)
    guess(app)
    app.extensions["signet"].close()

    assert log_in(app, PASSWORD) == 429


@pytest.mark.parametrize("testing", [False, True])
def test_reset_forgets_what_was_counted(make: Make, testing: bool) -> None:
    app = make(TESTING=testing)
    app.extensions["signet"].users.create("ada", PASSWORD)
    guess(app)
    assert log_in(app, "wrong") == 429
    reset(app)

    assert log_in(app, "wrong") == 401


def test_switched_off_nothing_is_written(make: Make) -> None:
    app = make(SIGNET_THROTTLE=False)
    app.extensions["signet"].users.create("ada", PASSWORD)
    assert guess(app, 2 * PAIR.free) == [401] * 2 * PAIR.free
    with app.extensions["signet"].store.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM signet_throttle").scalar()

    assert count == 0


def test_another_place_to_count_is_refused(make: Make) -> None:
    with pytest.raises(SettingsError, match="SIGNET_THROTTLE_STORE must be one of 'memory', 'store', not 'redis'"):
        make(TESTING=True, SIGNET_THROTTLE_STORE="redis").extensions["signet"].services.users.find("ada")
