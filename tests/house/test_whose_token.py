"""The user of a token: none, a disabled one, or a row that has changed since."""

from __future__ import annotations

import logging
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from werkzeug.security import generate_password_hash

from flask_signet import (
    JWTManager,
    Signet,
    SQLAlchemyUsers,
    create_access_token,
    create_refresh_token,
    current_user,
    jwt_required,
    verify,
)
from flask_signet.exceptions import InvalidCredentials, UserLookupError
from tests.house.test_signet import bearer

PASSWORD = "correct horse battery"
HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")


class Own:
    """An application with a model of its own, one user, and all kinds of tokens of that user."""

    def __init__(self, folder: Path, *, unique: bool = True) -> None:
        self.app = Flask("own", instance_path=str(folder))
        self.app.testing = True
        self.app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'app.sqlite3'}"
        self.db = db = SQLAlchemy(self.app)
        self.User: Any = type(
            "User",
            (db.Model,),
            {
                "id": db.Column(db.Integer, primary_key=True),
                "username": db.Column(db.String(80), unique=unique, nullable=False),
                "password": db.Column(db.String(255), nullable=False),
                "active": db.Column(db.Boolean, default=True, nullable=False),
            },
        )
        self.signet = Signet(self.app, users=SQLAlchemyUsers(db.session, self.User, active="active"))
        self.app.add_url_rule("/me", "me", jwt_required()(lambda: {"name": current_user.username}))
        self.app.add_url_rule("/reset", "reset", jwt_required(kind="pw_reset")(lambda: "reset"))
        with self.app.app_context():
            db.create_all()
            self.add("maria")
        self.client = self.app.test_client()
        self.token = self.client.post("/token", json={"username": "maria", "password": PASSWORD}).get_json()["token"]

    def add(self, name: str) -> None:
        self.db.session.add(self.User(username=name, password=HASH))
        self.db.session.commit()

    def change(self, **values: Any) -> None:
        with self.app.app_context():
            user = self.db.session.get(self.User, 1)
            for name, value in values.items():
                setattr(user, name, value)
            self.db.session.commit()

    def status(self, path: str, token: str, method: str = "GET") -> int:
        return self.client.open(path, method=method, headers=bearer(token)).status_code


@pytest.mark.parametrize("identity", [None, {"id": 1}, [1], 1.0, True], ids=repr)
def test_an_identity_that_names_nobody_reaches_no_sessions(identity: Any, tmp_path: Path) -> None:
    app = Flask("nobody", instance_path=str(tmp_path))
    app.testing = True
    app.config["JWT_IDENTITY_CLAIM"] = "identity"
    signet = Signet(app)
    signet.users.create("ada", PASSWORD)
    client = app.test_client()
    tokens = client.post("/token", json={"username": "ada", "password": PASSWORD}).get_json()
    [session] = client.get("/account/sessions", headers=bearer(tokens["token"])).get_json()
    with app.app_context():
        headers = bearer(create_access_token(identity))

    assert client.get("/account/sessions", headers=headers).status_code == 401
    assert client.delete("/account/sessions", headers=headers).status_code == 401
    assert client.delete(f"/account/sessions/{session['id']}", headers=headers).status_code == 401
    assert client.delete("/token?everywhere=1", headers=headers).status_code == 204
    assert client.get("/account/sessions", headers=bearer(tokens["token"])).status_code == 200


def test_a_disabled_user_of_ones_own_is_refused_wherever_the_user_is_loaded(tmp_path: Path) -> None:
    own = Own(tmp_path)
    with own.app.app_context():
        refresh = create_refresh_token(1)
        assert verify(own.token).user_id == 1
    assert own.status("/me", own.token) == 200
    own.change(active=False)

    assert own.status("/me", own.token) == 401
    assert own.status("/account", own.token) == 401
    assert own.status("/account/sessions", own.token) == 401
    with own.app.app_context():
        with pytest.raises(UserLookupError):
            verify(own.token)
        with pytest.raises(Exception, match="revoked"):
            verify(refresh, kind="refresh")


def test_a_token_of_ones_own_kind_is_over_when_the_application_changes_the_password(tmp_path: Path) -> None:
    own = Own(tmp_path)
    with own.app.app_context():
        reset = create_access_token(1, additional_claims={"type": "pw_reset"})
    assert own.status("/reset", reset) == 200
    own.change(password=generate_password_hash("another one", "pbkdf2:sha256:1000"))

    assert own.status("/reset", reset) == 401


def test_two_users_of_one_name_are_refused_and_the_log_names_both(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = Own(tmp_path, unique=False)
    with own.app.app_context():
        own.add("maria")
    with caplog.at_level(logging.ERROR, "flask_signet"):
        statuses = [
            own.client.post("/token", json={"username": "maria", "password": PASSWORD}).status_code for _ in range(2)
        ]

    assert statuses == [401, 401]
    [said] = [record.getMessage() for record in caplog.records if "unique=True" in record.getMessage()]
    assert "1 and 2" in said


def test_a_query_that_is_no_utf_8_is_refused_whatever_the_server_hands_on(tmp_path: Path) -> None:
    app = Flask("query", instance_path=str(tmp_path))
    app.config.update(JWT_SECRET_KEY="y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe", JWT_TOKEN_LOCATION=["query_string"])
    app.testing = True
    JWTManager(app)
    app.add_url_rule("/private", "private", jwt_required()(lambda: "x"))
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/private",
        "QUERY_STRING": "jwt=\xff",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": BytesIO(),
    }
    statuses: list[str] = []
    b"".join(app(environ, lambda status, headers, exc_info=None: statuses.append(status)))  # type: ignore[arg-type]

    assert statuses[0][:3] in ("400", "401")


@pytest.mark.parametrize("spelling", [1, "1", "01", "+1", " 1", "0x1"], ids=repr)
def test_a_user_of_any_store_who_is_gone_is_revoked_by_every_spelling(spelling: Any, tmp_path: Path) -> None:
    rows: dict[int, Any] = {1: SimpleNamespace(id=1, username="ada", password=HASH)}

    class Users:
        def get(self, user_id: Any, /) -> Any:
            return rows.get(int(user_id))

        def find(self, username: str, /) -> Any:
            return next((user for user in rows.values() if user.username == username), None)

        def password_hash(self, user: Any, /) -> str:
            return user.password

        def set_password_hash(self, user: Any, new: str, /) -> None:
            user.password = new

        def is_active(self, _user: Any, /) -> bool:
            return True

    app = Flask("plain", instance_path=str(tmp_path))
    app.testing = True
    signet = Signet(app, users=Users())
    app.add_url_rule("/private", "private", jwt_required()(lambda: "x"))
    client = app.test_client()
    token = client.post("/token", json={"username": "ada", "password": PASSWORD}).get_json()["token"]
    del rows[1]
    with app.app_context():
        signet.revoke_all(spelling)

    assert client.get("/private", headers=bearer(token)).status_code == 401


def test_a_column_that_ignores_case_gives_no_session_to_another_spelling_of_the_id(tmp_path: Path) -> None:
    app = Flask("nocase", instance_path=str(tmp_path))
    app.testing = True
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'app.sqlite3'}"
    db = SQLAlchemy(app)
    columns: dict[str, Any] = {
        "id": db.Column(db.String(80, collation="NOCASE"), primary_key=True),
        "username": db.Column(db.String(80), unique=True),
        "password": db.Column(db.String(255), nullable=False),
    }
    model: Any = type("User", (db.Model,), columns)
    signet = Signet(app, users=SQLAlchemyUsers(db.session, model))
    with app.test_request_context():
        db.create_all()
        db.session.add(model(id="maria", username="maria", password=HASH))
        db.session.commit()
        assert signet.login("maria").user_id == "maria"
        with pytest.raises(InvalidCredentials):
            signet.login("MARIA")
