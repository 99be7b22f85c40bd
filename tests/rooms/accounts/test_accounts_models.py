"""The application's model of users: any key, any names, and what is said of it at the start."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, Integer, LargeBinary, String
from sqlalchemy.orm import registry

from flask_signet import JWTManager, Signet, current_user, jwt_required
from flask_signet.accounts import SQLAlchemyUsers
from flask_signet.exceptions import SettingsError
from flask_signet.testing import reset, signed_in
from tests.house.test_signet import bearer
from tests.rooms.accounts.club import PASSWORD, ROOT_KEY, Club, hashed


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def club(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Club]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    club = Club(tmp_path / "club", url)
    club.add(number=7)
    yield club
    club.close()


def test_a_key_that_is_not_called_id_works_on_every_way(club: Club) -> None:
    """Its attribute is `uid`, its column `member_no`."""
    tokens = club.login()
    headers = bearer(tokens["access_token"])
    assert (200, 200, 200) == club.all(tokens)
    shown = club.client.get("/account", headers=headers)
    assert (200, 7, "mallory") == (shown.status_code, shown.get_json()["id"], shown.get_json()["username"])
    assert len(club.client.get("/account/sessions", headers=headers).get_json()) == 1
    body = {"current_password": "wrong horse", "password": "a new horse"}
    assert club.client.post("/account/password", json=body, headers=headers).status_code == 401
    body["current_password"] = PASSWORD
    changed = club.client.post("/account/password", json=body, headers=headers)
    assert (200, 7) == (changed.status_code, changed.get_json()["user_id"])
    for method in ("patch", "delete"):
        json = {"username": "eve"} if method == "patch" else None
        answer = getattr(club.client, method)("/account", json=json, headers=bearer(changed.get_json()["access_token"]))
        assert answer.status_code == 404
    with club.app.app_context():
        member = club.db.session.get(club.Member, 7)
        login = club.signet.login(member)
        with signed_in(club.app.test_client(), member) as client:
            assert client.get("/me").get_json() == {"name": "mallory"}
        club.signet.users.set_password(7, "a third horse")
        assert club.signet.users.verify_password(club.signet.users.get(7), "a third horse")
        club.signet.revoke_all(7)
    assert (7, 401) == (login.user_id, club.status(login.access_token))
    command = ["signet", "sessions", "revoke", "--user", "mallory"]
    assert CliRunner().invoke(FlaskGroup(create_app=lambda: club.app), command).exit_code == 0


class Shelf:
    """An application whose model is made of *columns*."""

    def __init__(self, folder: Path, columns: dict[str, Any], **arguments: Any) -> None:
        self.db = SQLAlchemy()
        made = {"id": self.db.Column(Integer, primary_key=True), **columns}
        self.Person: Any = type("Person", (self.db.Model,), {"__tablename__": "person", **made})
        self.app = flask.Flask("shelf", instance_path=str(folder))
        self.app.config.update(SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'shelf.sqlite3'}", SIGNET_THROTTLE=False)
        self.db.init_app(self.app)
        self.users = SQLAlchemyUsers(self.db.session, self.Person, **arguments)
        self.signet = Signet(self.app, users=self.users)
        with self.app.app_context():
            self.db.create_all()
        self.client = self.app.test_client()

    def add(self, **values: Any) -> None:
        with self.app.app_context():
            self.db.session.add(self.Person(id=1, **values))
            self.db.session.commit()

    def close(self) -> None:
        reset(self.app)
        with self.app.app_context():
            self.db.session.remove()
            self.db.engine.dispose()


def test_users_who_log_in_by_their_address_are_shown_with_it(tmp_path: Path) -> None:
    """And `POST /token` takes it under either name."""
    shelf = Shelf(tmp_path, {"email": Column(String(99)), "password": Column(String(255))}, username="email")
    try:
        shelf.add(email="ada@example.org", password=hashed())
        answers = [
            shelf.client.post("/token", json={name: "ada@example.org", "password": PASSWORD})
            for name in ("email", "username")
        ]
        shown = shelf.client.get("/account", headers=bearer(answers[0].get_json()["token"])).get_json()
        missing = shelf.client.post("/token", json={"password": PASSWORD})

        assert [200, 200] == [answer.status_code for answer in answers]
        assert ("ada@example.org", "ada@example.org") == (shown["username"], shown["email"])
        assert (400, "email") == (missing.status_code, next(iter(missing.get_json()["fields"])))
    finally:
        shelf.close()


def test_an_address_is_taken_for_the_name_only_where_users_log_in_by_it(club: Club) -> None:
    answer = club.client.post("/token", json={"email": "mallory", "password": PASSWORD})

    assert answer.status_code == 400


@pytest.mark.parametrize("length", [60, 80, 100, 127])
def test_a_hash_column_that_is_too_short_is_refused_at_the_start_with_the_line(tmp_path: Path, length: int) -> None:
    columns = {"username": Column(String(80)), "password": Column("pw", String(length), nullable=False)}
    with pytest.raises(SettingsError) as caught:
        Shelf(tmp_path, columns)

    assert f"Person.password holds {length} characters" in str(caught.value)
    assert 'password = db.Column("pw", db.String(255), nullable=False).' in str(caught.value)
    assert not list(tmp_path.iterdir())  # and nothing was opened for that


def test_a_hash_column_that_is_long_enough_is_taken(tmp_path: Path) -> None:
    Shelf(tmp_path, {"username": Column(String(80)), "password": Column(String(128))}).close()


def test_a_model_that_is_mapped_late_is_looked_at_then(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = SQLAlchemy()
    app = flask.Flask("late", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'late.sqlite3'}"
    db.init_app(app)
    person: Any = type("Person", (), {})
    Signet(app, users=SQLAlchemyUsers(db.session, person))
    mapping = registry(metadata=db.metadata)
    table = db.Table(
        "person",
        db.metadata,
        db.Column("id", Integer, primary_key=True),
        db.Column("username", String(80)),
        db.Column("password", String(80)),
    )
    mapping.map_imperatively(person, table)
    with caplog.at_level(logging.ERROR, "flask_signet"), app.app_context():
        pass
    answer = app.test_client().post("/token", json={"username": "ada", "password": PASSWORD})

    assert "Person.password holds 80 characters" in caplog.text
    assert (503, "unavailable") == (answer.status_code, answer.get_json()["error"])


@pytest.mark.parametrize("kind", [LargeBinary, String(255)], ids=["a column of bytes", "bytes in a column of text"])
def test_hashes_that_are_stored_as_bytes_are_read_and_it_is_said(
    tmp_path: Path, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "flask_signet"):
        shelf = Shelf(tmp_path, {"username": Column(String(80)), "password": Column(kind)})
        if kind is LargeBinary:
            assert "Person.password is a column of bytes" in caplog.text
            assert "password = db.Column(db.String(255))." in caplog.text
        try:
            shelf.add(username="ada", password=hashed().encode())
            first, second = (
                shelf.client.post("/token", json={"username": "ada", "password": PASSWORD}) for _ in range(2)
            )
            tokens = second.get_json()
            headers = bearer(tokens["access_token"])
            refreshed = shelf.client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]})
            body = {"current_password": PASSWORD, "password": "a new horse"}
            changed = shelf.client.post("/account/password", json=body, headers=headers)
        finally:
            shelf.close()

    assert [200] * 4 == [answer.status_code for answer in (first, second, refreshed, changed)]
    assert "Person.password holds bytes, not a string" in caplog.text
    assert "pbkdf2:" not in caplog.text


def test_a_hash_of_another_kind_in_bytes_is_no_500(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, {"username": Column(String(80)), "password": Column(LargeBinary)})
    try:
        shelf.add(username="ada", password=b"$2b$12$\xff\xfe")
        status = shelf.client.post("/token", json={"username": "ada", "password": PASSWORD}).status_code
    finally:
        shelf.close()

    assert status == 401


def test_advice_names_what_an_operator_should_change(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, {"username": Column(String(80)), "password": Column(LargeBinary)})
    with shelf.app.app_context():
        found = shelf.users.advice()
    shelf.close()

    assert {"binary_hash", "reused_ids", "no_stamp"} == {each.code for each in found}
    assert all(each.line and each.where and each.message for each in found)


def test_there_is_no_advice_for_a_model_as_it_should_be(tmp_path: Path) -> None:
    db = SQLAlchemy()
    columns = {
        "__tablename__": "person",
        "__table_args__": {"sqlite_autoincrement": True},
        "id": db.Column(Integer, primary_key=True),
        "username": db.Column(String(80)),
        "password": db.Column(String(255), nullable=False),
    }
    users = SQLAlchemyUsers(db.session, type("Person", (db.Model,), columns))
    app = flask.Flask("fine", instance_path=str(tmp_path))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    with app.app_context():
        found = users.advice()

    assert [] == found
    assert [] == users.advice()  # without an application context as well


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("config", "reason"),
    [({}, "SIGNET_ROOT_KEY (or SIGNET_ROOT_KEY_FILE) is missing"), ({"SIGNET_ROOT_KEY_FILE": "/nowhere"}, "/nowhere")],
    ids=["no root key", "a root key that is not there"],
)
def test_what_is_missing_at_the_first_use_is_503_everywhere_and_the_log_says_what(
    tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture, config: dict[str, str], reason: str
) -> None:
    app = flask.Flask("keyless", instance_path=str(tmp_path))
    app.config.update(SIGNET_DATABASE_URL=postgres_url, **config)
    Signet(app)

    @app.get("/me")
    @jwt_required()
    def me() -> Any:
        return {"name": current_user.username}

    client = app.test_client()
    with caplog.at_level(logging.ERROR, "flask_signet"):
        answers = [
            client.get("/health"),
            client.post("/token", json={"username": "ada", "password": PASSWORD}),
            client.post("/token/refresh", json={"refresh_token": "sgr_"}),
            client.delete("/token", headers=bearer("x.y.z")),
            client.get("/account", headers=bearer("x.y.z")),
            client.get("/account/sessions", headers=bearer("x.y.z")),
            client.get("/.well-known/jwks.json"),
            client.get("/me", headers=bearer("x.y.z")),
        ]

    assert [(503, "unavailable")] * 8 == [(answer.status_code, answer.get_json()["error"]) for answer in answers]
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert reason in caplog.text
    assert "SIGNET_ROOT_KEY" not in "".join(answer.text for answer in answers)


def test_a_signing_key_that_cannot_be_read_is_503_on_our_routes(tmp_path: Path) -> None:
    app = flask.Flask("keyless", instance_path=str(tmp_path))
    app.config.update(JWT_ALGORITHM="RS256", JWT_PRIVATE_KEY="no key", SIGNET_ROOT_KEY=ROOT_KEY)
    signet = Signet(app)
    signet.users.create("ada", PASSWORD)
    answer = app.test_client().post("/token", json={"username": "ada", "password": PASSWORD})

    assert (503, "unavailable") == (answer.status_code, answer.get_json()["error"])


def test_arguments_in_the_wrong_place_are_an_error_with_the_line_to_write() -> None:
    db: Any = SQLAlchemy()
    app = flask.Flask("wrong")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    model = type("Person", (db.Model,), {"id": db.Column(db.Integer, primary_key=True)})
    wrong: list[tuple[Any, Any]] = [(db, model), (model, db.session), (db.session, "Person"), (None, model)]

    for session, given in wrong:
        with pytest.raises(SettingsError, match=r"Write: SQLAlchemyUsers\(db.session, \w+\)"):
            SQLAlchemyUsers(session, given)
    for users in (model, db.session, "Person"):
        with pytest.raises(SettingsError, match=r"Write: Signet\(app, users=SQLAlchemyUsers"):
            Signet(users=users)
    with app.app_context(), pytest.raises(SettingsError, match=r"its columns are id. Write: .*Person, username="):
        Signet(app, users=SQLAlchemyUsers(db.session, model))


@pytest.mark.parametrize("value", ["k3j4h5-k3j4h5k3j4h5k3j4h5k3j4h5jh5", "a/bc+defghijklmnopqrstuvwxyz0123=="])
def test_a_secret_in_the_setting_of_rings_is_refused_and_not_shown(value: str) -> None:
    app = flask.Flask("misplaced")
    app.config["JWT_KEYS"] = value
    with pytest.raises(SettingsError, match=r"JWT_SECRET_KEY = os\.environ") as refused:
        JWTManager(app)

    assert value not in str(refused.value)
