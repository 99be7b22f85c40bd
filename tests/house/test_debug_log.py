"""With every logger at DEBUG no secret is written: no password, hash, token or key."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest
from flask import Flask

from flask_signet import Signet
from tests.rooms.conftest import migrated
from tests.rooms.sessions.application import ROOT_KEY

PASSWORD = "correct horse battery"
NEW = "another horse entirely"


def use(folder: Path, **config: object) -> tuple[Flask, list[str]]:
    """Go through all that handles secrets; return what may not be read anywhere."""
    app = Flask("shop", instance_path=str(folder))
    app.config.update(SIGNET_REGISTRATION=True, **config)
    Signet(app)
    client = app.test_client()
    secrets = [PASSWORD, NEW, "wrong guess"]
    client.post("/account", json={"username": "ada", "password": PASSWORD})
    client.post("/token", json={"username": "ada", "password": "wrong guess"})
    tokens = client.post("/token", json={"username": "ada", "password": PASSWORD}).get_json()
    secrets += [tokens["access_token"], tokens["refresh_token"]]
    tokens = client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]}).get_json()
    secrets += [tokens["access_token"], tokens["refresh_token"]]
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    client.get("/account", headers=headers)
    client.get("/account/sessions", headers=headers)
    changed = client.post(
        "/account/password", json={"current_password": PASSWORD, "password": NEW}, headers=headers
    ).get_json()
    secrets += [changed["access_token"], changed["refresh_token"]]
    client.post("/token/refresh", json={"refresh_token": secrets[3][:-1] + "A"})
    return app, secrets


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "flask_signet", "werkzeug", "alembic"):
        caplog.set_level(logging.DEBUG, name)


def test_nothing_secret_is_logged_over_sqlite(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app, secrets = use(tmp_path)
    app.extensions["signet"].close()
    folder = tmp_path / "signet"
    with sqlite3.connect(folder / "signet.sqlite3") as connection:
        secrets += [row[0] for row in connection.execute("SELECT password_hash FROM signet_users")]
    secrets.append((folder / "root.key").read_text().split()[-1])

    assert "SELECT" in caplog.text
    assert [secret for secret in secrets if secret in caplog.text] == []
    assert "$argon2id$" not in caplog.text
    assert "Row (" not in caplog.text


def test_nothing_secret_is_logged_over_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, secrets = use(tmp_path, TESTING=True)

    assert [secret for secret in secrets if secret in caplog.text] == []
    assert "$argon2id$" not in caplog.text


@pytest.mark.postgres
def test_nothing_secret_is_logged_over_postgresql(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, postgres_url: str
) -> None:
    app, secrets = use(tmp_path, SIGNET_DATABASE_URL=migrated(postgres_url), SIGNET_ROOT_KEY=ROOT_KEY)
    app.extensions["signet"].close()

    assert [secret for secret in (*secrets, ROOT_KEY[2:]) if secret in caplog.text] == []
    assert "$argon2id$" not in caplog.text
