"""An application with users of its own, whose key is not called ``id``, in one database with ours or in two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import relationship
from werkzeug.security import generate_password_hash

from flask_signet import Signet, current_user, get_jwt_identity, jwt_required
from flask_signet.accounts import SQLAlchemyUsers
from flask_signet.store import schema
from flask_signet.testing import reset

PASSWORD = "correct horse"
ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def hashed(password: str = PASSWORD) -> str:
    return generate_password_hash(password, "pbkdf2:sha256:1000")


class Club:
    """Members belong to teams; ``own_store`` keeps our tables in another database than theirs."""

    def __init__(
        self, folder: Path, url: str | None = None, *, own_store: bool = False, stamp: str | None = None, **config: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.db = db = SQLAlchemy()

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
        self.signet = Signet(users=SQLAlchemyUsers(db.session, Member, stamp=stamp))
        config = {**({} if own_store else {"SIGNET_DATABASE_URL": "app"}), **config}
        self.app = self.create_app("club", folder, url or f"sqlite:///{folder / 'club.sqlite3'}", **config)
        self.client = self.app.test_client()

    def create_app(self, name: str, folder: Path, url: str, **config: Any) -> flask.Flask:
        """Make an application; all of them share the model."""
        app = flask.Flask(name, instance_path=str(folder))
        app.config.update(SQLALCHEMY_DATABASE_URI=url, SIGNET_ROOT_KEY=ROOT_KEY, SIGNET_THROTTLE=False)
        app.config.update(config)
        self.signet.init_app(app)
        self.db.init_app(app)

        @app.get("/bare")
        @jwt_required()
        def bare() -> Any:
            return {"id": get_jwt_identity()}

        @app.get("/me")
        @jwt_required()
        def me() -> Any:
            return {"name": current_user.username}

        with app.app_context():
            self.db.create_all()
            schema.upgrade(app.extensions["signet"].store)
        return app

    def close(self) -> None:
        reset(self.app)
        with self.app.app_context():
            self.db.session.remove()
            for engine in self.db.engines.values():
                engine.dispose()

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
