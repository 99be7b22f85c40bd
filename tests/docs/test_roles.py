"""Roles in the claims of a session, as the pages "Moving" and "Sessions" show them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from werkzeug.security import generate_password_hash

from flask_signet import create_access_token
from flask_signet.testing import reset
from tests.docs.markdown import DOCS, blocks

PASSWORD = "correct horse"


def program(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the program of *page* that has roles."""
    monkeypatch.chdir(folder)
    (block,) = (block for block in blocks(DOCS / page, "python") if "def roles_of" in block.text)
    (folder / "app.py").write_text(block.text, "utf-8")
    return runpy.run_path(str(folder / "app.py"))


def statuses(client: Any, name: str) -> list[int]:
    """Log in, ask the guarded view, refresh, ask again."""
    login = client.post("/token", json={"username": name, "password": PASSWORD}).json
    renewed = client.post("/token/refresh", json={"refresh_token": login["refresh_token"]}).json
    tokens = (login["token"], renewed["token"])
    return [client.get("/admin", headers={"Authorization": f"Bearer {token}"}).status_code for token in tokens]


def test_a_session_over_own_users_keeps_their_roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = program("moving.md", tmp_path, monkeypatch)
    app, db, user = names["app"], names["db"], names["User"]
    client = app.test_client()
    with app.app_context():
        db.create_all()
        ada = user(username="ada", password=generate_password_hash(PASSWORD), roles="editor admin")
        db.session.add_all([ada, user(username="bob", password=generate_password_hash(PASSWORD), roles="editor")])
        db.session.commit()
        by_view = create_access_token(ada)

    assert statuses(client, "ada") == [200, 200]
    assert statuses(client, "bob") == [403, 403]
    assert client.get("/admin", headers={"Authorization": f"Bearer {by_view}"}).status_code == 200
    with app.app_context():
        db.session.get(user, 1).roles = ""
        db.session.commit()
    assert statuses(client, "ada") == [403, 403]
    reset(app)
    with app.app_context():
        db.engine.dispose()


def test_a_session_over_built_in_accounts_has_their_roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = program("sessions.md", tmp_path, monkeypatch)["app"]
    client = app.test_client()

    assert statuses(client, "ada") == [200, 200]
    assert statuses(client, "bob") == [403, 403]
    reset(app)
