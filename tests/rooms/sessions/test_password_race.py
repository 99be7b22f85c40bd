"""Two who change one password at once: one of them wins, and the other one hears that it is too late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String

from flask_signet.accounts import Passwords, SQLAlchemyUsers
from flask_signet.exceptions import InvalidCredentials
from tests.rooms.sessions.application import PASSWORD, ROOT_KEY, USERNAME
from tests.rooms.sessions.live import Answer, serving
from tests.support.own_users import AppWithUsers
from tests.support.processes import Server

StartServer = Callable[..., Server]
NEW = [f"password number {number}" for number in range(8)]


def change(ask: Callable[..., Answer], token: str, new: str, current: str = PASSWORD) -> Answer:
    body = {"current_password": current, "password": new}
    return ask("POST", "/account/password", body, token)


def test_of_many_changes_at_once_one_wins_and_the_others_are_refused(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    """The client that got 200 has the password that counts; no other session is left."""
    with serving(start_server, tmp_path, database, workers=4, threads=2) as house:
        current = PASSWORD
        for turn in range(5):
            connections = [house.connection() for _ in NEW]
            log_in = [c.ask("POST", "/token", {"username": USERNAME, "password": current}) for c in connections]
            together = threading.Barrier(len(NEW))
            new = [f"{password} of turn {turn}" for password in NEW]

            def one(
                number: int,
                connections: list[Any] = connections,
                log_in: list[Answer] = log_in,
                together: threading.Barrier = together,
                new: list[str] = new,
                current: str = current,
            ) -> Answer:
                together.wait(30)
                token = log_in[number].body["access_token"]
                return change(connections[number].ask, token, new[number], current)

            with ThreadPoolExecutor(len(NEW)) as pool:
                answers = list(pool.map(one, range(len(NEW))))
            winners = [number for number, answer in enumerate(answers) if answer.status == 200]
            assert len(winners) == 1, answers
            # Too late in one of three ways: the password is another one by now, the session that asks was ended, or
            # so many passwords were being hashed that the change was not begun.
            refused = {(answer.status, answer.body["error"]) for answer in answers if answer.status != 200}
            assert refused <= {(401, "invalid_credentials"), (401, "token_revoked"), (503, "unavailable")}
            current = new[winners[0]]
            for number, password in enumerate(new):
                answer = connections[0].ask("POST", "/token", {"username": USERNAME, "password": password})
                assert answer.status == (200 if number == winners[0] else 401)
            winner = answers[winners[0]].refresh_token
            assert connections[0].ask("POST", "/token/refresh", {"refresh_token": winner}).status == 200


class Halves:
    """Holds back a request that has checked a password until another change has been made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.judged, self.go_on = threading.Event(), threading.Event()
        verify = Passwords.verify
        held: list[int] = []

        def held_back(passwords: Passwords, stored: str | None, password: str, **work: Any) -> bool:
            right = verify(passwords, stored, password, **work)
            if threading.current_thread().name == "late" and not held:
                held.append(1)
                self.judged.set()
                assert self.go_on.wait(20)
            return right

        monkeypatch.setattr(Passwords, "verify", held_back)

    def late(self, work: Callable[[], Any], meanwhile: Callable[[], Any]) -> Any:
        """Return what *work* gives if *meanwhile* happens after its password was judged."""
        result: list[Any] = []
        thread = threading.Thread(target=lambda: result.append(work()), name="late")
        thread.start()
        assert self.judged.wait(20)
        meanwhile()
        self.go_on.set()
        thread.join(20)
        return result[0]


@pytest.fixture
def app(unthrottled_app: Flask) -> Flask:
    unthrottled_app.extensions["signet"].users.create(USERNAME, PASSWORD)
    return unthrottled_app


def ask(app: Flask, method: str, path: str, body: dict[str, Any] | None, token: str | None = None) -> Answer:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = app.test_client().open(path, method=method, json=body, headers=headers)
    return Answer(answer.status_code, answer.get_json())


def log_in(app: Flask, password: str = PASSWORD) -> Answer:
    return ask(app, "POST", "/token", {"username": USERNAME, "password": password})


def test_what_support_sets_meanwhile_is_not_overwritten(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change was allowed by a password that is no longer valid."""
    token = log_in(app).body["access_token"]
    users = app.extensions["signet"].users
    answer = Halves(monkeypatch).late(
        lambda: change(lambda *given: ask(app, *given), token, NEW[0]), lambda: users.set_password(1, NEW[1])
    )

    assert (answer.status, answer.body["error"]) == (401, "invalid_credentials")
    assert answer.body["fields"] == {"current_password": "is wrong"}
    assert [log_in(app, password).status for password in (PASSWORD, NEW[0], NEW[1])] == [401, 401, 200]


def test_a_hash_that_a_login_renewed_meanwhile_stops_nobody(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same password still: judged again, it is right."""
    token = log_in(app).body["access_token"]
    users = app.extensions["signet"].users
    answer = Halves(monkeypatch).late(
        lambda: change(lambda *given: ask(app, *given), token, NEW[0]),
        lambda: users.set_password_hash(users.get(1), users.hashed(PASSWORD)),
    )

    assert answer.status == 200
    assert [log_in(app, password).status for password in (PASSWORD, NEW[0])] == [401, 200]


def test_a_login_that_renews_the_hash_does_not_bring_the_old_password_back(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = app.extensions["signet"].users
    monkeypatch.setattr(Passwords, "outdated", lambda *_: threading.current_thread().name == "late")
    Halves(monkeypatch).late(lambda: log_in(app), lambda: users.set_password(1, NEW[0]))

    assert [log_in(app, password).status for password in (PASSWORD, NEW[0])] == [401, 200]


def test_a_view_of_the_application_can_say_which_password_it_replaces(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = app.extensions["signet"].users
    users.set_password(1, NEW[0], current_password=PASSWORD)
    with pytest.raises(InvalidCredentials):
        users.set_password(1, NEW[1], current_password=PASSWORD)

    def late() -> str:
        try:
            users.set_password(1, NEW[2], current_password=NEW[0])
        except InvalidCredentials as error:
            return error.code
        return "changed"

    said = Halves(monkeypatch).late(late, lambda: users.set_password(1, NEW[3], current_password=NEW[0]))

    assert said == "invalid_credentials"
    assert [log_in(app, password).status for password in NEW[:4]] == [401, 401, 401, 200]


# --- Users of the application's own ---------------------------------------------------------------------


class Shop(AppWithUsers):
    """An application whose users are its own, all in one database."""

    def __init__(self, folder: Path, url: str) -> None:
        db = SQLAlchemy()

        class User(db.Model):  # type: ignore[name-defined,misc]
            id = db.Column(db.Integer, primary_key=True)
            username = db.Column(String(80), unique=True, nullable=False)
            password = db.Column(String(255), nullable=False)

        url = url.replace("postgresql://", "postgresql+psycopg://")
        config = {"SIGNET_ROOT_KEY": ROOT_KEY, "SIGNET_THROTTLE": False}
        super().__init__(db, SQLAlchemyUsers(db.session, User), "shop", folder, url, **config)
        with self.app.app_context():
            password = self.signet.users.hashed(PASSWORD)
        self.add_user(User, id=1, username=USERNAME, password=password)

    def set_password(self, new: str) -> None:
        with self.app.app_context():
            self.signet.users.set_password(1, new)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    url = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    shop = Shop(tmp_path, request.getfixturevalue("postgres_url") if request.param == "postgresql" else url)
    yield shop
    shop.close()


def test_the_application_s_own_users_are_changed_by_one_at_a_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    token = log_in(shop.app).body["access_token"]
    answer = Halves(monkeypatch).late(
        lambda: change(lambda *given: ask(shop.app, *given), token, NEW[0]), lambda: shop.set_password(NEW[1])
    )

    assert (answer.status, answer.body["error"]) == (401, "invalid_credentials")
    assert [log_in(shop.app, password).status for password in (PASSWORD, NEW[0], NEW[1])] == [401, 401, 200]


def test_eight_threads_change_one_own_user_s_password_and_one_wins(shop: Shop) -> None:
    tokens = [log_in(shop.app).body["access_token"] for _ in NEW]
    together = threading.Barrier(len(NEW))

    def one(number: int) -> Answer:
        together.wait(30)
        return change(lambda *given: ask(shop.app, *given), tokens[number], NEW[number])

    with ThreadPoolExecutor(len(NEW)) as pool:
        answers = list(pool.map(one, range(len(NEW))))
    winners = [number for number, answer in enumerate(answers) if answer.status == 200]

    assert len(winners) == 1, answers
    assert {answer.status for answer in answers} <= {200, 401, 503}
    assert [log_in(shop.app, password).status == 200 for password in NEW] == [n == winners[0] for n in range(len(NEW))]
