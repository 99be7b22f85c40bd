"""``POST /account`` and ``GET /account`` over HTTP, and the commands."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import flask
import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup
from flask.testing import FlaskClient

from flask_signet import Signet
from flask_signet.store import Store, StoreSettings, schema
from flask_signet.testing import reset, signed_in

PASSWORD = "correct horse"


def application(tmp_path: Path, **config: object) -> flask.Flask:
    app = flask.Flask("shop", instance_path=str(tmp_path / "instance"))
    app.config.update(TESTING=True, SIGNET_REGISTRATION=True)
    app.config.update(config)
    Signet(app)
    return app


@pytest.fixture
def app(tmp_path: Path) -> Iterator[flask.Flask]:
    app = application(tmp_path)
    yield app
    reset(app)


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def users(app: flask.Flask) -> Any:
    return app.extensions["signet"].users


def test_whoever_registers_can_log_in_and_sees_himself(client: FlaskClient) -> None:
    made = client.post("/account", json={"username": "Ada", "password": PASSWORD, "email": "ada@example.com"})
    token = client.post("/token", json={"username": "ada", "password": PASSWORD}).get_json()["access_token"]
    shown = client.get("/account", headers={"Authorization": f"Bearer {token}"})
    body = shown.get_json()
    created_at = datetime.fromisoformat(body.pop("created_at"))

    assert (201, 200) == (made.status_code, shown.status_code)
    assert body == {"id": 1, "username": "Ada", "email": "ada@example.com", "email_verified": False, "roles": []}
    assert created_at.utcoffset() is not None
    assert "no-store" in shown.headers["Cache-Control"] == made.headers["Cache-Control"]


def test_registration_is_off_unless_it_is_turned_on(client: FlaskClient, app: flask.Flask) -> None:
    """A switch counts from the next request."""
    answers: list[int] = []
    for switch in (False, True):
        app.config["SIGNET_REGISTRATION"] = switch
        answers.append(client.post("/account", json={"username": "ada", "password": PASSWORD}).status_code)
    del app.config["SIGNET_REGISTRATION"]
    answer = client.post("/account", json={"username": "bob", "password": PASSWORD})

    assert answers == [404, 201]
    assert (404, "not_found") == (answer.status_code, answer.get_json()["error"])


def test_a_taken_name_is_a_conflict_and_a_taken_address_is_none(client: FlaskClient) -> None:
    body = {"password": PASSWORD, "email": "same@example.com"}
    statuses = [client.post("/account", json={"username": name, **body}).status_code for name in ("ada", "bob", "ADA")]
    last = client.post("/account", json={"username": "ada", **body}).get_json()

    assert statuses == [201, 201, 409]
    assert ("conflict", {"username": "is taken"}) == (last["error"], last["fields"])


@pytest.mark.parametrize(
    ("body", "status", "error", "field"),
    [
        ({}, 400, "invalid_request", "username"),
        ({"username": "ada"}, 400, "invalid_request", "password"),
        ({"username": 1, "password": PASSWORD}, 400, "invalid_request", "username"),
        ({"username": ["ada"], "password": PASSWORD}, 400, "invalid_request", "username"),
        ({"username": "ada", "password": None}, 400, "invalid_request", "password"),
        ({"username": "ada", "password": True}, 400, "invalid_request", "password"),
        ({"username": "ada", "password": {"a": 1}}, 400, "invalid_request", "password"),
        ({"username": "ada", "password": "a" * 1025}, 400, "invalid_request", "password"),
        ({"username": "ada", "password": "short"}, 400, "weak_password", "password"),
        ({"username": "two words", "password": PASSWORD}, 400, "invalid_request", "username"),
        ({"username": "nul\0", "password": PASSWORD}, 400, "invalid_request", "username"),
        ({"username": "admin\n", "password": PASSWORD}, 400, "invalid_request", "username"),
        ({"username": "ada", "password": PASSWORD, "email": ["a@b.c"]}, 400, "invalid_request", "email"),
        ({"username": "ada", "password": PASSWORD, "email": "a@b.c,d@e.f"}, 400, "invalid_request", "email"),
    ],
)
def test_bad_registrations_name_the_field_and_make_nobody(
    client: FlaskClient, app: flask.Flask, body: dict[str, object], status: int, error: str, field: str
) -> None:
    answer = client.post("/account", json=body)
    found = answer.get_json()

    assert (status, error, [field]) == (answer.status_code, found["error"], list(found["fields"]))
    assert users(app).list() == []


def test_attack_50_nobody_registers_rights_for_himself(client: FlaskClient, app: flask.Flask) -> None:
    """Every column is posted; only name, password and address are taken."""
    extra = {"id": 77, "roles": ["admin"], "is_admin": True, "email_verified": True, "disabled_at": None}
    extra |= {"password_hash": "x", "username_key": "root", "created_at": 0, "epoch": 9}
    client.post("/account", json={"username": "ada", "password": PASSWORD, **extra})
    (made,) = users(app).list()

    assert (1, (), False, "ada") == (made.id, made.roles, made.email_verified, made.username)
    assert made.created_at.year > 2000


def test_attack_52_payloads_are_only_text(client: FlaskClient, app: flask.Flask) -> None:
    for payload in (
        "a'--",
        "a';DROP/**/TABLE/**/signet_users;--",
        "{{7*7}}",
        "${7*7}",
        "*)(uid=*",
        "a%00b",
        "<script>",
    ):
        made = client.post("/account", json={"username": payload, "password": PASSWORD})
        again = client.post("/token", json={"username": payload, "password": PASSWORD})

        assert (201, 200) == (made.status_code, again.status_code)
        assert made.get_json()["username"] == payload
    assert len(users(app).list()) == 7


def test_a_token_of_a_deleted_account_is_refused(client: FlaskClient, app: flask.Flask) -> None:
    client.post("/account", json={"username": "ada", "password": PASSWORD})
    with signed_in(client, 1):
        before = client.get("/account").status_code
        users(app).delete(1)
        after = client.get("/account")

    assert (200, 401) == (before, after.status_code)
    assert "invalid_token" in after.headers["WWW-Authenticate"]


def test_without_a_token_nobody_is_shown(client: FlaskClient) -> None:
    answer = client.get("/account")

    assert (401, "missing_token") == (answer.status_code, answer.get_json()["error"])


def test_attack_41_refused_logins_are_the_same_bytes(client: FlaskClient, app: flask.Flask) -> None:
    """Unknown name, wrong password, disabled account: status, body and headers."""
    for name in ("ada", "bob"):
        client.post("/account", json={"username": name, "password": PASSWORD})
    users(app).disable(2)
    answers = [
        client.post("/token", json={"username": name, "password": password})
        for name, password in (("nobody", PASSWORD), ("ada", "wrong horse"), ("bob", PASSWORD), ("two words", PASSWORD))
    ]
    seen = {(answer.status_code, answer.data, str(answer.headers)) for answer in answers}

    assert len(seen) == 1
    assert answers[0].status_code == 401


def test_guessing_over_http_is_told_when_to_come_again(client: FlaskClient) -> None:
    client.post("/account", json={"username": "ada", "password": PASSWORD})
    answers = [client.post("/token", json={"username": "ada", "password": "guess"}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert (answers[-1].get_json()["error"], answers[-1].headers["Retry-After"]) == ("rate_limited", "1")


def test_throttling_can_be_turned_off(tmp_path: Path) -> None:
    app = application(tmp_path, SIGNET_THROTTLE=False)
    client = app.test_client()
    statuses = {client.post("/token", json={"username": "ada", "password": "guess"}).status_code for _ in range(30)}
    reset(app)

    assert statuses == {401}


def test_attack_46_a_forged_forwarded_header_is_another_name_for_nothing(client: FlaskClient) -> None:
    statuses = [
        client.post(
            "/token",
            json={"username": "ada", "password": "guess"},
            headers={"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"},
        ).status_code
        for number in range(24)
    ]

    assert statuses[20:] == [429] * 4


# --- Commands ---


def run(app: flask.Flask, *arguments: str, given: str = "") -> tuple[int, str]:
    # The group that `flask` itself makes: it finds our commands by their entry point.
    group = FlaskGroup(create_app=lambda: app)
    result = CliRunner().invoke(group, ["signet", *arguments], input=given)
    return result.exit_code, result.output


def test_users_are_made_and_listed_by_command(app: flask.Flask) -> None:
    made = run(app, "users", "create", "Ada", "--email", "ada@example.com", "--role", "admin", given=f"{PASSWORD}\n")
    as_json = run(app, "users", "create", "bob", "--password-stdin", "--json", given=f"{PASSWORD}\r\n")
    users(app).disable(2)
    listed = run(app, "users", "list")
    listed_as_json = json.loads(run(app, "users", "list", "--json")[1])

    assert made == (0, "Made the account Ada with the id 1.\n")
    assert (0, 2) == (as_json[0], json.loads(as_json[1])["id"])
    assert listed == (0, "     1  Ada  roles: admin\n     2  bob  (disabled)\n")
    assert [(user["username"], user["disabled"]) for user in listed_as_json] == [("Ada", False), ("bob", True)]
    assert users(app).authenticate("ada", PASSWORD).email == "ada@example.com"


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("ada", f"{PASSWORD}\n", "is taken"),
        ("bob", "short\n", "at least 8"),
        ("two words", f"{PASSWORD}\n", "no spaces"),
        ("bob", "", "Standard input has no password"),
        ("b\udcffb", f"{PASSWORD}\n", "may hold letters"),
    ],
)
def test_what_a_command_refuses_it_says_in_words(app: flask.Flask, name: str, given: str, words: str) -> None:
    run(app, "users", "create", "ada", given=f"{PASSWORD}\n")
    status, output = run(app, "users", "create", name, given=given)

    assert status == 1
    assert words in output
    assert "Traceback" not in output
    assert len(users(app).list()) == 1


def test_an_empty_list_says_how_to_go_on(app: flask.Flask) -> None:
    assert "flask signet users create" in run(app, "users", "list")[1]


@pytest.mark.postgres
def test_tables_are_made_by_command_where_the_database_is_not_ours(tmp_path: Path, postgres_url: str) -> None:
    secret = postgres_url.replace("postgres@", "postgres:secret@")  # the server accepts any password
    shown = postgres_url.replace("postgresql://postgres@", "postgresql+psycopg://postgres:***@")
    app = application(tmp_path, SIGNET_DATABASE_URL=secret)
    client = app.test_client()
    before = client.post("/token", json={"username": "ada", "password": PASSWORD})
    checked = run(app, "db", "check")
    current = [json.loads(run(app, "db", "current", "--json")[1].splitlines()[1])]
    upgraded = [run(app, "db", "upgrade"), run(app, "db", "upgrade")]
    current.append(json.loads(run(app, "db", "current", "--json")[1].splitlines()[1]))
    right = [run(app, "db", "check"), run(app, "db", "check", "--json")]
    made = client.post("/account", json={"username": "ada", "password": PASSWORD})
    reset(app)

    assert (503, "unavailable") == (before.status_code, before.get_json()["error"])
    assert checked[0] == 1
    assert schema.COMMAND in checked[1]
    assert {said.splitlines()[0] for _, said in (checked, *upgraded)} == {f"Database: {shown}"}
    assert [found["current"] for found in current] == [None, schema.HEAD]
    assert [said.splitlines()[1:] for _, said in upgraded] == [
        [f"The tables are at revision {schema.HEAD}."],
        [f"The tables are at revision {schema.HEAD}. Nothing to do."],
    ]
    assert [(code, said.splitlines()[1]) for code, said in right] == [
        (0, "The tables are correct."),
        (0, '{"differences": []}'),
    ]
    assert made.status_code == 201


def test_a_database_that_only_the_environment_names_is_told_about(
    app: flask.Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `from_prefixed_env()`, the output shows that the file is used and not the server."""
    assert "environment" not in run(app, "db", "upgrade")[1]
    monkeypatch.setenv("FLASK_SIGNET_DATABASE_URL", "postgresql://db.internal/app")
    said = run(app, "db", "upgrade")[1]

    assert said.startswith("Database: sqlite")
    assert "FLASK_SIGNET_DATABASE_URL is set in the environment, but this application does not read it" in said


def test_a_long_list_is_whole(app: flask.Flask) -> None:
    """More accounts than one page of the service."""
    store: Store = app.extensions["signet"].store
    with store.write() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
            "INSERT INTO signet_users (username, username_key, email_verified, password_hash, roles, created_at) "
            "SELECT 'u' || i, 'u' || i, 0, '', '[]', 0 FROM n"
        )

    assert len(json.loads(run(app, "users", "list", "--json")[1])) == 2_500


def test_settings_of_the_store_are_read_from_the_application(tmp_path: Path) -> None:
    """A file instead of memory, and no file where nothing was asked for."""
    app = application(tmp_path, SIGNET_DATABASE_URL=f"sqlite:///{tmp_path / 'mine.sqlite3'}")
    store = Store(StoreSettings(folder=tmp_path, url=app.config["SIGNET_DATABASE_URL"]))
    schema.upgrade(store)
    app.test_client().post("/account", json={"username": "ada", "password": PASSWORD})
    with store.read() as connection:
        names = connection.exec_driver_sql("SELECT username FROM signet_users").scalars().all()
    store.dispose()
    reset(app)

    assert names == ["ada"]
    assert not (tmp_path / "instance").exists()


SHELL_APP = """
from flask import Flask
from flask_signet import Signet

def create_app():
    app = Flask("shop", instance_path={folder!r})
    Signet(app)
    return app
"""


@pytest.mark.skipif(sys.platform != "linux", reason="names of folders and full disks as Linux has them")
def test_what_a_shell_may_give_is_answered_in_a_line(tmp_path: Path) -> None:
    """Closed and full streams, and bytes that are no UTF-8; each was a traceback."""
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    (tmp_path / "shop.py").write_text(SHELL_APP.format(folder=folder))

    def flask_signet(command: str, encoding: str = "utf-8:surrogateescape") -> tuple[int, str, str]:
        line = f"{shlex.quote(sys.executable)} -m flask --app shop signet {command}"
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, env=environment)
        # The last line: before it the command says which database it is, and that it made a root key.
        return done.returncode, done.stdout.decode(), (done.stderr.decode().splitlines() or [""])[-1]

    assert flask_signet("db upgrade")[:2] == (0, f"The tables are at revision {schema.HEAD}.\n")
    assert flask_signet("db check")[:2] == (0, "The tables are correct.\n")
    status, _, database = flask_signet("db current")
    assert (status, database) == (0, f"Database: sqlite: {os.fsencode(folder) + b'/signet/signet.sqlite3'!r}")

    no_password = (1, "", "Error: Standard input has no password.")
    assert flask_signet("users create ann --password-stdin <&-") == no_password
    assert flask_signet("users create ann <&-") == no_password
    no_text = (1, "", "Error: Standard input is not valid UTF-8.")
    for command in ("users create ann --password-stdin", "token inspect"):
        assert flask_signet(f"{command} < <(printf '\\xff')", "utf-8:strict") == no_text
    assert flask_signet("token inspect <&-")[::2] == (0, "")

    full = (1, "", "Error: the file system: No space left on device")
    for command in ("users list", "users list --json", "keys list", "sessions list"):
        assert flask_signet(f"{command} > /dev/full") == full
    assert flask_signet("keys list | true; exit ${PIPESTATUS[0]}")[2] == ""
    assert flask_signet("keys revoke $'\\xff'") == (1, "", "Error: No key has the id '\\udcff'")
    refused = flask_signet(
        f"users create ann --email $'\\xff@example.org' --password-stdin <<< {shlex.quote(PASSWORD)}"
    )
    assert refused == (1, "", "Error: email must be one e-mail address")
