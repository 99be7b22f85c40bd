"""Users in a model of the application's own, as plain as id, username, password."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Boolean, Integer, String, delete, update
from sqlalchemy.ext.hybrid import hybrid_property

from flask_signet import create_access_token
from flask_signet.accounts import SQLAlchemyUsers
from flask_signet.exceptions import InvalidCredentials, SettingsError
from flask_signet.testing import reset
from tests.rooms.accounts.club import IDS, PASSWORD, ROOT_KEY, Shop
from tests.support.postgres import PostgresServer
from tests.support.processes import wait_until


@pytest.fixture(params=list(IDS))
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "shop", request.param)
    yield shop
    shop.close()


def test_own_users_log_in_and_are_known_by_their_id(shop: Shop) -> None:
    """The id keeps its type; JSON has no UUID, so it is text there."""
    answer = shop.login()
    shown = shop.client.get("/account", headers={"Authorization": f"Bearer {answer.get_json()['access_token']}"})
    expected = str(shop.id) if isinstance(shop.id, uuid.UUID) else shop.id

    assert (200, 200) == (answer.status_code, shown.status_code)
    assert (expected, expected, "ada") == (
        answer.get_json()["user_id"],
        shown.get_json()["id"],
        shown.get_json()["username"],
    )


def test_the_first_login_replaces_the_application_s_hash(shop: Shop) -> None:
    before = shop.stored()
    shop.login()
    after = shop.stored()

    assert before.startswith("pbkdf2:")
    assert after.startswith("$argon2id$")
    assert (200, 401) == (shop.login().status_code, shop.login("wrong horse").status_code)
    assert shop.stored() == after


def test_refusals_are_the_same_for_own_users(shop: Shop) -> None:
    with shop.app.app_context():
        shop.db.session.get(shop.User, shop.id).active = False
        shop.db.session.commit()
    answers = [shop.login(), shop.login(username="nobody"), shop.login(username="nul\0")]

    assert {(answer.status_code, answer.data) for answer in answers} == {(401, answers[0].data)}


def test_a_password_stored_in_the_clear_lets_nobody_in(tmp_path: Path) -> None:
    """As lessons do it; the hash is what was never made, so there is nothing to compare with."""
    shop = Shop(tmp_path / "shop")
    with shop.app.app_context():
        shop.db.session.get(shop.User, shop.id).password = PASSWORD
        shop.db.session.commit()
    status = shop.login().status_code
    shop.close()

    assert status == 401


UNUSABLE = {
    "plain text": (PASSWORD, "plain text, or a hash of no known form"),
    "Flask-Bcrypt": ("$2b$12$" + "a" * 53, "a bcrypt hash (Flask-Bcrypt, passlib)"),
    "Flask-Bcrypt, by str()": (str(b"$2b$12$" + b"a" * 53), "the repr of bytes"),
    "SHA-256": ("5e" * 32, "a bare digest"),
    "Django": ("pbkdf2_sha256$600000$salt$hash=", "a hash of Django"),
    "passlib": ("$pbkdf2-sha256$29000$salt$hash", "a hash of passlib"),
    "crypt": ("$6$rounds=5000$salt$hash", "a hash of crypt(3)"),
    "half an Argon2 hash": ("$argon2id$v=19$m=65536", "an Argon2 hash that is damaged"),
    "a hash that costs too much": ("scrypt:1048576:64:16$salt$hash", "parameters that no login may cost"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_the_log_names_the_user_who_can_never_log_in_and_the_remedy_once(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stored, kind = UNUSABLE[name]
    shop = Shop(tmp_path / "shop", SIGNET_THROTTLE=False)
    with shop.app.app_context():
        shop.db.session.get(shop.User, shop.id).password = stored
        shop.db.session.add(shop.User(id=8, username="bob", password=stored))
        shop.db.session.commit()
    statuses = {shop.login().status_code for _ in range(3)} | {shop.login(username="bob").status_code}
    said = [record.getMessage() for record in caplog.records if "cannot log in" in record.getMessage()]
    with shop.app.app_context():
        shop.signet.users.set_password(7, PASSWORD)
    mended = shop.login().status_code
    shop.close()

    assert {401} == statuses
    assert 1 == len(said)
    assert said[0].startswith("Flask-Signet: user 7 cannot log in: the stored password is ")
    assert kind in said[0]
    assert "signet.users.hashed(password)" in said[0]
    assert "signet.users.set_password(7, password)" in said[0]
    assert stored not in said[0]
    assert 200 == mended


def test_a_wrong_password_and_an_unknown_name_say_nothing(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.login("wrong horse")
    shop.login(username="nobody")

    assert [] == [record for record in caplog.records if "cannot log in" in record.getMessage()]


def test_ids_come_back_in_their_type(shop: Shop) -> None:
    with shop.app.app_context():
        found = [shop.signet.users.get(given) for given in (shop.id, str(shop.id))]
        ids = [type(user.id) for user in found if user is not None]
        nobody = [shop.signet.users.get(given) for given in ("", "x", "0", -1, True, "07", " 7")]

    assert ids == [type(shop.id)] * 2
    assert nobody == [None] * 7


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_number_that_no_column_holds_is_nobody_s_id(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    """SQLite's driver refuses more than 64 bit, PostgreSQL more than the column has."""
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    shop = Shop(tmp_path / "shop", database=url and url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        statuses: list[int] = []
        for number in (1 << 31, -(1 << 31) - 1, 1 << 63, -(1 << 63) - 1, 10**30):
            with shop.app.app_context():
                assert [shop.signet.users.get(given) for given in (number, str(number))] == [None, None]
                with pytest.raises(InvalidCredentials):
                    shop.signet.login(number)
                headers = {"Authorization": f"Bearer {create_access_token(number)}"}
            statuses.append(shop.client.get("/account", headers=headers).status_code)

        assert statuses == [401] * 5
    finally:
        shop.close()


def test_a_number_of_64_bit_is_an_id_as_any_other(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    try:
        with shop.app.app_context():
            for number in ((1 << 63) - 1, -(1 << 63)):
                shop.db.session.add(shop.User(id=number, username=str(number), password="x"))
                shop.db.session.commit()

                found = shop.signet.users.get(str(number))
                assert found is not None
                assert found.id == number
    finally:
        shop.close()


def test_a_changed_password_of_an_own_user_ends_the_sessions(shop: Shop) -> None:
    refresh_token = shop.login().get_json()["refresh_token"]
    with shop.app.app_context():
        shop.signet.users.set_password(shop.id, "another horse")
    refreshed = shop.client.post("/token/refresh", json={"refresh_token": refresh_token})

    assert 401 == refreshed.status_code
    assert (401, 200) == (shop.login().status_code, shop.login("another horse").status_code)


class _Hidden:
    """A mixin that keeps the hash in a column of another name."""

    @hybrid_property
    def password(self) -> str:
        return self.stored[::-1]  # type: ignore[attr-defined]

    @password.inplace.setter
    def _set_password(self, value: str) -> None:
        self.stored = value[::-1]


def test_a_hash_that_is_no_plain_column_is_compared_too(tmp_path: Path) -> None:
    app = flask.Flask("shop", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    db = SQLAlchemy(app)
    columns = {"username": db.Column(String(9)), "stored": db.Column(String(255))}
    person: Any = type("Person", (_Hidden, db.Model), {"id": db.Column(Integer, primary_key=True), **columns})
    users = SQLAlchemyUsers(db.session, person)
    with app.app_context():
        db.create_all()
        db.session.add(person(id=1, username="ada", stored="dlo"))
        db.session.commit()
        ada = users.find("ada")
        replaced = [users.replace_password_hash(ada, old, new) for old, new in (("x", "y"), ("old", "new"))]
        found = users.password_hash(users.get(1))
        db.session.remove()
        db.engine.dispose()

    assert (replaced, found) == ([False, True], "new")


@pytest.mark.postgres
def test_users_whose_database_is_away_are_answered_with_503(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    shop = Shop(tmp_path / "shop", database=postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    tokens = shop.login().get_json()
    body = {"current_password": PASSWORD, "password": "another horse"}
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    postgres_server.stop()
    try:
        answers = [
            shop.login(),
            shop.client.post("/account/password", json=body, headers=headers),
            shop.client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]}),
        ]
    finally:
        postgres_server.start()
    wait_until(lambda: shop.login().status_code == 200, timeout=5, what="a login after PostgreSQL came back")
    shop.close()

    assert [(answer.status_code, answer.get_json()["error"]) for answer in answers] == [(503, "unavailable")] * 3
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)


def test_registration_is_the_application_s_own_business(shop: Shop) -> None:
    shop.app.config["SIGNET_REGISTRATION"] = True
    answer = shop.client.post("/account", json={"username": "bob", "password": PASSWORD})
    command = CliRunner().invoke(FlaskGroup(create_app=lambda: shop.app), ["signet", "users", "list"])

    assert (404, 1) == (answer.status_code, command.exit_code)
    assert "its own" in command.output


def test_two_applications_in_one_process_know_their_own_users_only(tmp_path: Path) -> None:
    one, other = Shop(tmp_path / "one", "int"), Shop(tmp_path / "other", "str", SIGNET_DATABASE_URL=None)
    with one.app.app_context():
        one.db.session.get(one.User, one.id).username = "eve"
        one.db.session.commit()
    statuses = [
        one.login(username="eve").status_code,
        one.login().status_code,
        other.login().status_code,
        other.login(username="eve").status_code,
    ]
    token = one.login(username="eve").get_json()["access_token"]
    crossed = other.client.get("/account", headers={"Authorization": f"Bearer {token}"})
    one.close()
    other.close()

    assert statuses == [200, 401, 200, 401]
    assert crossed.status_code == 401


def test_there_is_one_engine_for_the_application_s_database(shop: Shop) -> None:
    shop.login()
    with shop.app.app_context():
        same = shop.app.extensions["signet"].store.engine is shop.db.engine

    assert same


def model(db: SQLAlchemy, **columns: Any) -> type[Any]:
    return type("Person", (db.Model,), {"__tablename__": "person", **columns})


@pytest.mark.parametrize(
    ("columns", "arguments", "words"),
    [
        ({"name": String(9), "password": String(255)}, {}, "no attribute 'username'"),
        ({"username": String(9), "secret": String(255)}, {}, "no attribute 'password'"),
        ({"username": String(9), "password": String(80)}, {}, "String(255)"),
        ({"username": String(9), "password": String(255)}, {"active": "enabled"}, "no attribute 'enabled'"),
        ({"id": Boolean, "username": String(9), "password": String(255)}, {}, "int, a str or a UUID"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_in_words(
    columns: dict[str, Any], arguments: dict[str, str], words: str
) -> None:
    db = SQLAlchemy()
    made = {name: db.Column(kind, primary_key=name == "id") for name, kind in ({"id": Integer} | columns).items()}
    users = SQLAlchemyUsers(db.session, model(db, **made), **arguments)

    with pytest.raises(SettingsError) as caught:
        users.find("ada")
    assert words in str(caught.value)


def test_no_request_needs_two_connections_of_the_pool(tmp_path: Path) -> None:
    """As many requests as the pool has connections would wait for each other's second one."""
    one_connection = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.5}
    shop = Shop(tmp_path / "shop", SQLALCHEMY_ENGINE_OPTIONS=one_connection)
    try:
        replaced, known = shop.login(), shop.login()
        refreshed = shop.client.post("/token/refresh", json={"refresh_token": known.get_json()["refresh_token"]})
        bearer = {"Authorization": f"Bearer {refreshed.get_json()['access_token']}"}
        shown = shop.client.get("/account", headers=bearer)
        listed = shop.client.get("/account/sessions", headers=bearer)
        body = {"current_password": PASSWORD, "password": "quite another horse"}
        changed = shop.client.post("/account/password", json=body, headers=bearer)
        out = shop.client.delete("/token", json={"refresh_token": changed.get_json()["refresh_token"]})

        statuses = [answer.status_code for answer in (replaced, known, refreshed, shown, listed, changed, out)]
        assert [200, 200, 200, 200, 200, 200, 204] == statuses
    finally:
        shop.close()


@pytest.mark.parametrize("change", [{"active": False}, None], ids=["locked out", "deleted"])
@pytest.mark.parametrize("by_a_query_of_the_view", [False, True])
def test_a_user_who_went_a_moment_ago_is_seen_as_that(
    tmp_path: Path, change: dict[str, Any] | None, by_a_query_of_the_view: bool
) -> None:
    """The session may remember them as they were; opening a session asks the database."""
    shop = Shop(tmp_path / "shop")
    try:
        with shop.app.app_context():
            if by_a_query_of_the_view:
                user = shop.db.session.get(shop.User, shop.id)
            else:
                user = shop.app.extensions["signet"].users.authenticate("ada", PASSWORD)
            assert user.active
            with shop.db.engine.begin() as elsewhere:
                elsewhere.execute(delete(shop.User) if change is None else update(shop.User).values(change))

            with pytest.raises(InvalidCredentials):
                shop.signet.login(shop.id)
            assert user in shop.db.session
    finally:
        shop.close()


def test_a_change_of_the_view_s_own_is_not_undone_by_the_question(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    try:
        shop.login()
        with shop.app.app_context():
            user = shop.db.session.get(shop.User, shop.id)
            user.active = False
            with pytest.raises(InvalidCredentials):
                shop.signet.login(user)

            assert user.active is False
    finally:
        shop.close()


def test_a_user_of_a_transaction_that_is_not_committed_may_log_in_there(shop: Shop) -> None:
    shop.login()
    other = {"int": 8, "str": "u-eve", "uuid": uuid.uuid4()}[type(shop.id).__name__.lower()]
    with shop.app.app_context():
        shop.db.session.add(shop.User(id=other, username="eve", password="x"))
        shop.db.session.flush()
        login = shop.signet.login(other, connection=shop.db.session.connection())
        shop.db.session.commit()

    answer = shop.client.post("/token/refresh", json={"refresh_token": login.refresh_token})
    assert answer.status_code == 200


def test_an_upgrade_makes_the_keys_so_that_a_first_token_needs_no_lock(tmp_path: Path) -> None:
    """The first token may be asked for inside a transaction of the application's that holds SQLite's lock."""
    shop = Shop(tmp_path / "shop", SIGNET_ROOT_KEY=ROOT_KEY)
    try:
        cli = FlaskGroup(create_app=lambda: shop.app)
        assert CliRunner().invoke(cli, ["signet", "db", "upgrade"]).exit_code == 0
        reset(shop.app)
        with shop.app.app_context():
            shop.db.session.add(shop.User(id=8, username="eve", password="x"))
            shop.db.session.flush()
            login = shop.signet.login(8, connection=shop.db.session.connection())
            shop.db.session.commit()

        answer = shop.client.post("/token/refresh", json={"refresh_token": login.refresh_token})
        assert answer.status_code == 200
    finally:
        shop.close()
