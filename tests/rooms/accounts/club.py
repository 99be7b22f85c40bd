"""Two applications with users of their own: one whose key is not called ``id``, one with ids of each type."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Boolean, ForeignKey, Integer, String, Uuid
from sqlalchemy.orm import relationship
from werkzeug.security import generate_password_hash

from flask_signet import current_user, get_jwt_identity, jwt_required
from flask_signet.accounts import SQLAlchemyUsers
from tests.support.own_users import AppWithUsers

PASSWORD = "correct horse"
ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def hashed(password: str = PASSWORD) -> str:
    return generate_password_hash(password, "pbkdf2:sha256:1000")


class Club(AppWithUsers):
    """Members belong to teams; ``own_store`` keeps our tables in another database than theirs."""

    def __init__(
        self, folder: Path, url: str | None = None, *, own_store: bool = False, stamp: str | None = None, **config: Any
    ) -> None:
        db = SQLAlchemy()

        class Team(db.Model):  # type: ignore[name-defined,misc]
            __tablename__ = "team"
            number = db.Column(Integer, primary_key=True)
            members = relationship("Member", cascade="all, delete-orphan", back_populates="team")

        class Member(db.Model):  # type: ignore[name-defined,misc]
            __tablename__ = "member"
            uid = db.Column("member_no", Integer, primary_key=True)
            username = db.Column(String(80), unique=True, nullable=False)
            password = db.Column("pw", String(255))
            unique = db.Column(String(64))
            team_number = db.Column(ForeignKey("team.number"))
            team = relationship(Team, back_populates="members")

        self.Team: Any = Team
        self.Member: Any = Member
        if own_store:
            config = {"SIGNET_DATABASE_URL": None, **config}
        url = url or f"sqlite:///{folder / 'club.sqlite3'}"
        super().__init__(db, SQLAlchemyUsers(db.session, Member, stamp=stamp), "club", folder, url, **config)

    def create_app(self, name: str, folder: Path, url: str, **config: Any) -> flask.Flask:
        """Make an application with a root key and without a throttle."""
        return super().create_app(
            name, folder, url, **{"SIGNET_ROOT_KEY": ROOT_KEY, "SIGNET_THROTTLE": False, **config}
        )

    def add_views(self, app: flask.Flask) -> None:
        """Add a view that loads no user and one that loads it."""

        @app.get("/bare")
        @jwt_required()
        def bare() -> Any:
            return {"id": get_jwt_identity()}

        @app.get("/me")
        @jwt_required()
        def me() -> Any:
            return {"name": current_user.username}

    def add(self, number: int = 1, name: str = "mallory", team: int | None = None, **values: Any) -> None:
        with self.app.app_context():
            if team is not None and self.db.session.get(self.Team, team) is None:
                self.db.session.add(self.Team(number=team))
                self.db.session.flush()
            values = {"password": hashed(), **values}
            self.db.session.add(self.Member(uid=number, username=name, team_number=team, **values))
            self.db.session.commit()

    def login(self, name: str = "mallory", password: str = PASSWORD) -> dict[str, Any]:
        answer = self.client.post("/token", json={"username": name, "password": password})
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def status(self, token: str, path: str = "/bare") -> int:
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code

    def refreshed(self, tokens: dict[str, Any]) -> Any:
        return self.client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]})

    def all(self, tokens: dict[str, Any]) -> tuple[int, int, int]:
        """What a guard, a load of the user and a refresh answer."""
        return (
            self.status(tokens["access_token"]),
            self.status(tokens["access_token"], "/me"),
            self.refreshed(tokens).status_code,
        )

    def raw(self, statement: str, **values: Any) -> None:
        """Run SQL that no event of the ORM sees."""
        with self.app.app_context(), self.db.engine.begin() as connection:
            connection.exec_driver_sql(statement)


IDS: dict[str, tuple[Any, Any]] = {
    "int": (Integer, 7),
    "str": (String(40), "u-ada"),
    "uuid": (Uuid, uuid.UUID("0190163d-8694-739b-aea5-966c26f8ad91")),
}


class Shop(AppWithUsers):
    """Customers have an id of each type; ada is one of them."""

    def __init__(self, folder: Path, kind: str = "int", *, database: str | None = None, **config: Any) -> None:
        db = SQLAlchemy()
        column, self.id = IDS[kind]

        class User(db.Model):  # type: ignore[name-defined,misc]
            __tablename__ = "user"
            id = db.Column(column, primary_key=True)
            username = db.Column(String(80), unique=True, nullable=False)
            password = db.Column(String(255), nullable=False)
            active = db.Column(Boolean, nullable=False, default=True)

        self.User: Any = User
        if database is not None and not database.startswith("sqlite"):
            config["SIGNET_ROOT_KEY"] = ROOT_KEY
        users = SQLAlchemyUsers(db.session, User, active="active")
        url = database or f"sqlite:///{folder / 'shop.sqlite3'}"
        super().__init__(db, users, "shop", folder, url, TESTING=True, **config)
        self.add_user(User, id=self.id, username="ada", password=hashed())

    def login(self, password: str = PASSWORD, username: str = "ada") -> Any:
        return self.client.post("/token", json={"username": username, "password": password})

    def stored(self) -> str:
        with self.app.app_context():
            return self.db.session.get(self.User, self.id).password
