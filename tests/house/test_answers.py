"""What every answer of our own routes carries, and what the operator reads of those that are our fault."""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask

from flask_signet import Signet
from flask_signet.accounts import Accounts
from flask_signet.clock import Clock
from flask_signet.tokens import ring
from flask_signet.web.keyfiles import KeyFile
from tests.support.signing_keys import age

PASSWORD = "a long enough password"


def house(folder: Path) -> tuple[Flask, Signet]:
    app = Flask("house", instance_path=str(folder))
    return app, Signet(app)


def test_no_browser_takes_an_answer_for_a_page(tmp_path: Path) -> None:
    """Attack row 77: answers are data, also if a user wrote HTML into them."""
    app, _ = house(tmp_path)

    @app.get("/page")
    def page() -> str:
        return "<p>of the application"

    client = app.test_client()
    answers = [
        client.get("/health"),
        client.post("/token", json={"username": "<script>", "password": "wrong"}),
        client.post("/token", data=b"\xff"),
        client.get("/account"),
        client.get("/token"),
        client.delete("/token"),
    ]
    assert {answer.status_code for answer in answers} >= {200, 401, 405}
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Security-Policy" not in client.get("/page").headers


def test_settings_that_the_first_use_finds_wrong_are_named_in_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = house(tmp_path)
    folder = tmp_path / "signet"
    folder.mkdir(mode=0o700)
    (folder / "root.key").write_text("no key of ours")
    with caplog.at_level(logging.ERROR, "flask_signet"):
        answer = app.test_client().post("/token", json={"username": "ada", "password": PASSWORD})
    assert (answer.status_code, answer.get_json()["error"]) == (503, "unavailable")
    assert "root key" not in answer.get_data(as_text=True)
    assert any("root key" in record.getMessage() for record in caplog.records)
    assert "no key of ours" not in caplog.text


def test_a_bad_ring_is_complained_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.json"
    jwks = ring.generated("EdDSA", os.urandom, 1_700_000_000)
    path.write_text(json.dumps(jwks))
    path.chmod(0o600)
    keys = KeyFile(path, Clock())
    good = keys.refresh()
    path.write_text("{")
    with caplog.at_level(logging.ERROR, "flask_signet"):
        assert [keys.refresh() for _ in range(5)] == [good] * 5
        assert len(caplog.records) == 1
        path.write_text("[1]")
        keys.refresh()
        path.unlink()
        assert [keys.refresh() for _ in range(3)] == [good] * 3
        assert len(caplog.records) == 3
        path.write_text(json.dumps(jwks))
        assert keys.refresh() is not good
        path.write_text("{")
        keys.refresh()
    assert len(caplog.records) == 4


def test_rotating_the_signing_keys_finishes_the_rotation_of_the_root_key(tmp_path: Path) -> None:
    app, signet = house(tmp_path)
    with app.app_context():
        assert isinstance(signet.users, Accounts)
        signet.users.create("ada", PASSWORD)
    tokens = app.test_client().post("/token", json={"username": "ada", "password": PASSWORD}).get_json()
    root = tmp_path / "signet" / "root.key"
    old = root.read_text().split()[1]
    made = app.test_cli_runner().invoke(args=["signet", "keys", "generate", "--root"]).output.strip()

    root.write_text(f"2 {made}\n1 {old}\n")
    app, signet = house(tmp_path)
    age(app, signet.store)
    assert app.test_cli_runner().invoke(args=["signet", "keys", "rotate"]).exit_code == 0
    client = app.test_client()
    renewed = client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]}).get_json()

    root.write_text(f"2 {made}\n")
    app, _ = house(tmp_path)
    client = app.test_client()
    old_access = client.get("/account", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert old_access.status_code == 200
    again = client.post("/token/refresh", json={"refresh_token": renewed["refresh_token"]})
    assert again.status_code == 200


def test_rotating_forgets_the_keys_that_no_living_token_was_signed_with(tmp_path: Path) -> None:
    app, signet = house(tmp_path)
    run = app.test_cli_runner().invoke
    assert run(args=["signet", "keys", "list"]).exit_code == 0  # makes the first two
    age(app, signet.store)
    first = json.loads(run(args=["signet", "keys", "rotate", "--json"]).output)["keys"]
    retired = next(key["kid"] for key in first if key["status"] == "retired")
    early = run(args=["signet", "keys", "rotate", "--json"])
    assert "more, until every worker and every cache of" in early.output
    assert early.exit_code == 1
    age(app, signet.store, 311)
    kept = json.loads(run(args=["signet", "keys", "rotate", "--json"]).output)["keys"]
    assert retired in {key["kid"] for key in kept}
    age(app, signet.store, 311)
    with app.app_context(), signet.store.write() as connection:
        long_ago = int((datetime.now(timezone.utc) - timedelta(days=400)).timestamp() * 1000)
        connection.exec_driver_sql("UPDATE signet_keys SET retired_at = ? WHERE kid = ?", (long_ago, retired))
    left = json.loads(run(args=["signet", "keys", "rotate", "--json"]).output)["keys"]
    assert retired not in {key["kid"] for key in left}


def test_a_password_is_hashed_before_the_transaction_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, signet = house(tmp_path)
    with app.app_context():
        assert isinstance(signet.users, Accounts)
        signet.users.create("ada", PASSWORD)
    client = app.test_client()
    token = client.post("/token", json={"username": "ada", "password": PASSWORD}).get_json()["access_token"]
    free: list[bool] = []
    hashing = PasswordHasher.hash

    def hash_beside_another_writer(self: PasswordHasher, password: str | bytes, *, salt: bytes | None = None) -> str:
        def write() -> None:
            with signet.store.write():
                free.append(True)

        other = threading.Thread(target=write)
        other.start()
        other.join(1)
        free.append(not other.is_alive())
        return hashing(self, password, salt=salt)

    monkeypatch.setattr(PasswordHasher, "hash", hash_beside_another_writer)
    body = {"current_password": PASSWORD, "password": "another long password"}
    answer = client.post("/account/password", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert free == [True, True]


def test_db_check_finds_nothing_in_tables_just_made_and_something_in_others(tmp_path: Path) -> None:
    app, signet = house(tmp_path)
    run = app.test_cli_runner().invoke
    assert run(args=["signet", "db", "upgrade"]).exit_code == 0
    checked = run(args=["signet", "db", "check"])
    assert (checked.exit_code, checked.output.splitlines()[-1]) == (0, "The tables are correct.")
    with app.app_context(), signet.store.write() as connection:
        connection.exec_driver_sql("DROP INDEX ix_signet_sessions_ends_at")
    assert run(args=["signet", "db", "check"]).exit_code == 1


def test_a_file_system_that_refuses_is_a_store_that_does_not_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask("house", instance_path=str(tmp_path))
    app.config["SIGNET_ROOT_KEY"] = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    Signet(app)
    client = app.test_client()
    assert client.post("/token", json={"username": "ada", "password": PASSWORD}).status_code == 401
    folder = tmp_path / "signet"
    for file in folder.glob("signet.sqlite3*"):
        file.unlink()
    (folder / "signet.sqlite3").touch(0o600)
    (folder / ".lock").unlink()
    (folder / ".lock").mkdir()  # a process that wants to create the tables cannot open it
    answers = [client.post("/token", json={"username": "ada", "password": PASSWORD}), client.get("/health")]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert int(answers[0].headers["Retry-After"]) > 0
    assert ".lock" not in answers[0].get_data(as_text=True)
    assert ".lock" in caplog.text

    (folder / ".lock").rmdir()
    assert client.post("/token", json={"username": "ada", "password": PASSWORD}).status_code == 401
