"""A password is checked while the application's own transaction on the same database is open."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_signet import Signet, SQLAlchemyUsers
from flask_signet.exceptions import InvalidCredentials, RateLimited
from flask_signet.testing import reset
from flask_signet.throttle.policies import PAIR

ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
PASSWORD, OTHER = "a long enough password", "another long password"


@dataclass
class Shop:
    """An application with users of its own, whose database Signet uses too."""

    app: Flask
    db: SQLAlchemy
    signet: Signet
    User: Any

    def write(self) -> None:
        self.db.session.add(self.User(username="bob"))
        self.db.session.flush()

    def counts(self) -> int:
        return self.db.session.execute(self.db.text("SELECT count(*) FROM signet_throttle")).scalar_one()


@pytest.fixture(params=["file", "memory"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    app = Flask("shop", instance_path=str(tmp_path))
    url = f"sqlite:///{tmp_path / 'shop.sqlite3'}" if request.param == "file" else "sqlite://"
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SIGNET_DATABASE_URL="app", SIGNET_ROOT_KEY=ROOT_KEY)
    db = SQLAlchemy(app)

    class User(db.Model):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)
        username = db.Column(db.String(80), unique=True)
        password = db.Column(db.String(200))

    signet = Signet(app, users=SQLAlchemyUsers(db.session, User, username="username", password="password"))
    assert app.test_cli_runner().invoke(args=["signet", "db", "upgrade"]).exit_code == 0
    with app.app_context():
        db.create_all()
        db.session.add(User(username="ada", password=signet.users.hashed(PASSWORD)))
        db.session.commit()
        yield Shop(app, db, signet, User)
        db.session.remove()
        reset(app)
        db.engine.dispose()


def test_a_password_is_checked_after_the_view_wrote_to_the_same_database(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.write()

    with caplog.at_level(logging.WARNING):
        assert shop.signet.users.authenticate("ada", PASSWORD).username == "ada"
        assert shop.signet.users.authenticate("ada", PASSWORD).username == "ada"
    shop.db.session.rollback()

    assert [record.message for record in caplog.records if "db.session.commit()" in record.message] == [
        record.message for record in caplog.records
    ]
    assert len(caplog.records) == 1, "said once"


def test_wrong_passwords_are_counted_although_the_view_rolls_back_each_time(shop: Shop) -> None:
    for _ in range(PAIR.free):
        shop.write()
        with pytest.raises(InvalidCredentials):
            shop.signet.users.authenticate("ada", OTHER, address="192.0.2.1")
        shop.db.session.rollback()
    shop.write()

    with pytest.raises(RateLimited):
        shop.signet.users.authenticate("ada", PASSWORD, address="192.0.2.1")


@pytest.mark.parametrize("shop", ["file"], indirect=True)
def test_a_transaction_that_only_reads_leaves_the_counts_in_the_database(shop: Shop) -> None:
    shop.db.session.execute(shop.db.text("PRAGMA journal_mode = WAL"))
    shop.db.session.execute(shop.db.text("BEGIN"))
    shop.db.session.scalars(shop.db.select(shop.User)).all()
    with pytest.raises(InvalidCredentials):
        shop.signet.users.authenticate("ada", OTHER, address="192.0.2.1")
    shop.db.session.rollback()

    assert shop.counts() > 0
