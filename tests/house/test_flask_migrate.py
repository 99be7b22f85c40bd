"""`flask db migrate` in an application with Signet: it makes what is the application's and lets ours alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import inspect

from flask_signet import Signet
from flask_signet.accounts import Accounts, users_table
from flask_signet.testing import reset

ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
PASSWORD = "a long enough password"


def shop(folder: Path, order: str, url: str) -> tuple[Flask, SQLAlchemy]:
    app = Flask("shop", instance_path=str(folder), root_path=str(folder))
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SIGNET_DATABASE_URL="app", SIGNET_ROOT_KEY=ROOT_KEY)
    db = SQLAlchemy(app)

    class Order(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "orders"
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.ForeignKey(users_table.c.id))

    directory = str(folder / "migrations")
    if order == "Migrate first":
        Migrate(app, db, directory=directory)
    signet = Signet(app)
    if order == "Signet first":
        Migrate(app, db, directory=directory)
    assert app.test_cli_runner().invoke(args=["signet", "db", "upgrade"]).exit_code == 0
    if order == "Signet in use first":
        with app.app_context():
            assert isinstance(signet.users, Accounts)
            signet.users.create("admin", PASSWORD)
        Migrate(app, db, directory=directory)
    return app, db


@pytest.fixture(autouse=True)
def _quiet_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    # The env.py that Flask-Migrate writes sets up logging for the whole process.
    monkeypatch.setattr("logging.config.fileConfig", lambda *_args, **_more: None)


@pytest.mark.filterwarnings("ignore:'get_engine' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("order", ["Migrate first", "Signet first", "Signet in use first"])
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_flask_migrate_is_never_offered_our_tables(
    tmp_path: Path, order: str, kind: str, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    app, db = shop(tmp_path, order, url)

    def run(*command: str) -> Any:
        done = app.test_cli_runner().invoke(args=["db", *command])
        assert done.exit_code == 0, (done.output, done.exception)
        return done

    run("init")
    run("migrate", "-m", "orders")
    (revision,) = Path(tmp_path, "migrations", "versions").glob("*.py")
    text = revision.read_text()
    assert "create_table('orders'" in text
    assert re.findall(r"(?:drop|create|alter)_\w+\('signet_", text) == []
    run("upgrade")
    run("migrate", "-m", "nothing")  # writes no revision where nothing has changed
    assert list(Path(tmp_path, "migrations", "versions").glob("*.py")) == [revision]
    run("downgrade")
    with app.app_context():
        left = set(inspect(db.engine).get_table_names())
    assert {"signet_users", "signet_sessions", "signet_alembic_version"} <= left
    assert "orders" not in left
    assert app.test_client().get("/health").status_code == 200
    reset(app)
    with app.app_context():
        db.engine.dispose()
