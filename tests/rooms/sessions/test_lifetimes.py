"""What is remembered for the life of a token takes that life from the settings that the token was issued under."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from flask_signet import Signet, create_access_token, current_session, jwt_required
from flask_signet.sessions.session_tokens import Granted
from flask_signet.sessions.settings import SessionSettings
from flask_signet.testing import frozen
from tests.house.test_signet import bearer, login, make
from tests.rooms.sessions.world import Worker, World

DAY = 86_400
LONG = SessionSettings(access_lifetime=10 * DAY)
SHORT = SessionSettings(access_lifetime=60)

ENDS: dict[str, Callable[[Worker, Granted], Any]] = {
    "end": lambda worker, granted: worker.sessions.end(granted.session_id),
    "end_others": lambda worker, granted: worker.sessions.end_others(granted.user_id, "other"),
    "end_all": lambda worker, granted: worker.sessions.end_all(granted.user_id),
    "the cap": lambda worker, granted: worker.sessions.open(granted.user_id),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("when", ["ended before the change", "ended after the change"])
def test_an_ended_session_is_remembered_for_as_long_as_its_tokens_live(
    sqlite_world: World, end: Callable[[Worker, Granted], Any], when: str
) -> None:
    world = sqlite_world
    world.settings = replace(LONG, per_user=1)
    worker, other = world.worker(), world.worker()
    granted = worker.sessions.open(7)
    if when == "ended before the change":
        end(worker, granted)
    world.settings = replace(SHORT, per_user=1)
    if when == "ended after the change":
        end(worker, granted)
    for days in range(9):
        assert not worker.accepts(granted)
        assert not other.accepts(granted)
        assert not world.worker().accepts(granted), days  # one that starts only now
        world.hand.pass_(DAY)
        worker.sessions.clean_up()


def test_a_refresh_token_that_comes_twice_ends_the_tokens_of_longer_ago(sqlite_world: World) -> None:
    """Theft, under shorter settings than those of the tokens."""
    world = sqlite_world
    world.settings = replace(LONG, idle=30 * DAY)
    worker = world.worker()
    first = worker.sessions.open(7)
    second = worker.sessions.rotate(first.refresh_token)
    world.settings = replace(SHORT, idle=30 * DAY)
    world.hand.pass_(60)
    with pytest.raises(Exception, match="over"):
        worker.sessions.rotate(first.refresh_token)
    world.hand.pass_(2 * DAY)
    worker.sessions.clean_up()

    assert not world.worker().accepts(second)


def test_the_longest_life_of_a_session_counts_and_not_the_last(world: World) -> None:
    world.settings = LONG
    worker = world.worker()
    granted = worker.sessions.open(7)
    world.settings = SHORT
    granted = worker.sessions.rotate(granted.refresh_token)
    worker.sessions.end(granted.session_id)
    with worker.store.read() as connection:
        until = connection.execute(text("SELECT until FROM signet_feed")).scalar_one()

    assert until > (world.hand.wall + 10 * DAY) * 1000


def test_a_token_given_within_the_grace_counts_too(world: World) -> None:
    """The same refresh token again gives one more access token, which lives by what is set now."""
    world.settings = SHORT
    worker = world.worker()
    first = worker.sessions.open(7)
    worker.sessions.rotate(first.refresh_token)
    world.settings = LONG
    again = worker.sessions.rotate(first.refresh_token)
    world.settings = SHORT
    worker.sessions.end(again.session_id)
    with worker.store.read() as connection:
        until = connection.execute(text("SELECT until FROM signet_feed")).scalar_one()

    assert until > (world.hand.wall + 10 * DAY) * 1000


@pytest.mark.parametrize("known", [True, False], ids=["its row says it", "a worker of before wrote its row"])
def test_a_session_can_be_ended_for_as_long_as_its_access_token_lives(sqlite_world: World, known: bool) -> None:
    """An access token may live longer than the session: its row stays, so that a logout finds it."""
    world = sqlite_world
    world.settings = replace(LONG, idle=DAY, absolute=DAY)
    worker = world.worker()
    granted = worker.sessions.open(7)
    if not known:
        with worker.store.write() as connection:
            connection.execute(text("UPDATE signet_sessions SET access_until = NULL"))
    world.hand.pass_((5 if known else 1) * DAY)
    worker.sessions.clean_up()

    assert worker.accepts(granted)
    assert worker.sessions.end(granted.session_id) == 7
    assert not worker.accepts(granted)


def test_a_leeway_that_is_made_longer_revives_nothing(sqlite_world: World) -> None:
    world = sqlite_world
    world.settings = SessionSettings(access_lifetime=900)
    worker = world.worker()
    granted = worker.sessions.open(7)
    worker.sessions.end(granted.session_id)
    world.hand.pass_(900 + 1_800)
    worker.sessions.clean_up()
    world.settings = SessionSettings(access_lifetime=900 + 3_600, leeway=3_600)

    assert not worker.accepts(granted)
    assert not world.worker().accepts(granted)


def test_rows_of_sessions_go_when_nothing_of_them_is_alive(sqlite_world: World) -> None:
    world = sqlite_world
    world.settings = replace(LONG, idle=DAY, absolute=DAY)
    worker = world.worker()
    worker.sessions.open(7)
    world.hand.pass_(12 * DAY)

    assert worker.sessions.clean_up() == 1


def app_of(tmp_path: Path, **config: Any) -> tuple[Flask, Signet[Any]]:
    app, signet = make(tmp_path, **config)
    signet.users.create("ada", "correct horse")

    @app.get("/bare")
    @jwt_required()
    def bare() -> Any:
        return {"session": current_session.id if current_session else None}

    return app, signet


def test_a_logged_out_token_stays_refused_when_the_life_of_tokens_is_made_shorter(tmp_path: Path) -> None:
    app, _ = app_of(tmp_path, JWT_ACCESS_TOKEN_EXPIRES=timedelta(days=10))
    client = app.test_client()
    with frozen(app) as now:
        token = login(app)["token"]
        app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(minutes=1)
        assert client.delete("/token", headers=bearer(token)).status_code == 204
        for _ in range(9):
            assert client.get("/bare", headers=bearer(token)).status_code == 401
            now.move(DAY)
            login(app)  # and with it a clean-up


def test_a_token_of_another_life_without_a_session_stays_refused(tmp_path: Path) -> None:
    app, signet = app_of(tmp_path)
    client = app.test_client()
    with frozen(app) as now, app.app_context():
        token = create_access_token(1, expires_delta=timedelta(days=50))
        signet.revoke_all(1)
        for _ in range(5):
            now.move(9 * DAY)
            login(app)
            assert client.get("/bare", headers=bearer(token)).status_code == 401


def test_a_retired_key_of_the_database_stays_for_the_tokens_of_earlier_settings(tmp_path: Path) -> None:
    app, signet = app_of(tmp_path, JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=90))
    login(app)  # and with it the clean-up that remembers
    app.config["JWT_REFRESH_TOKEN_EXPIRES"] = timedelta(days=1)
    keys = signet._house().keys
    first = next(key.kid for key in keys.load() if key.status == "current")
    keys.rotate()
    with signet.store.write() as connection:
        connection.execute(text("UPDATE signet_keys SET retired_at = retired_at - 86400000 * :days"), {"days": 80})
        connection.execute(text("UPDATE signet_keys SET created_at = created_at - 86400000"))
    result = app.test_cli_runner().invoke(args=["signet", "keys", "rotate"])
    kids = [key.kid for key in keys.load()]

    assert result.exit_code == 0, result.output
    assert first in kids
    assert keys.remember_life(5) == 90 * DAY
    assert keys.remember_life(None) is None
    assert keys.remember_life(5) is None
