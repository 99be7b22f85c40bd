"""`flask signet sessions list | revoke` as an operator types them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from tests.rooms.sessions.application import PASSWORD


@pytest.fixture
def app(unthrottled_app: Flask) -> Flask:
    for name in ("ada", "bob"):
        unthrottled_app.extensions["signet"].users.create(name, PASSWORD)
    return unthrottled_app


def run(app: Flask, *command: str) -> tuple[int, str]:
    done = app.test_cli_runner().invoke(args=["signet", "sessions", *command])
    return done.exit_code, done.output


def log_in(app: Flask, name: str) -> dict[str, Any]:
    headers = {"User-Agent": "Firefox"}
    return app.test_client().post("/token", json={"username": name, "password": PASSWORD}, headers=headers).get_json()


def guarded(app: Flask, tokens: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return app.test_client().get("/protected", headers=headers).status_code


def test_living_sessions_are_listed_for_people_and_for_programs(app: Flask) -> None:
    assert run(app, "list") == (0, "0 sessions\n")
    log_in(app, "ada")
    hers, his = log_in(app, "ada"), log_in(app, "bob")
    listed = json.loads(run(app, "list", "--json")[1])
    mine = json.loads(run(app, "list", "--json", "--user", "ADA")[1])
    words = run(app, "list", "--user", "bob")[1].splitlines()

    assert [info["user_id"] for info in listed] == [2, 1, 1]
    assert [info["user_id"] for info in mine] == [1, 1]
    assert (words[-1], len(words)) == ("1 session", 2)
    assert "user 2" in words[0]
    assert "127.0.0.1  Firefox" in words[0]
    for tokens in (hers, his):
        assert tokens["refresh_token"] not in json.dumps(listed)


def test_one_session_or_all_of_a_user_are_ended(app: Flask) -> None:
    one, other, his = log_in(app, "ada"), log_in(app, "ada"), log_in(app, "bob")
    newest = json.loads(run(app, "list", "--json", "--user", "ada")[1])[0]["id"]
    assert run(app, "revoke", newest) == (0, f"Session {newest} has ended.\n")
    assert [guarded(app, tokens) for tokens in (one, other, his)] == [200, 401, 200]
    assert run(app, "revoke", newest)[0] == 1
    assert json.loads(run(app, "revoke", "--user", "ada", "--json")[1]) == {"revoked_user": "1"}

    assert [guarded(app, tokens) for tokens in (one, other, his)] == [401, 401, 200]


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (["revoke"], 2, "or --user NAME"),
        (["revoke", "x", "--user", "ada"], 2, "or --user NAME"),
        (["revoke", "x"], 1, "no active session with this id"),
        (["revoke", "nul\0"], 1, "no active session with this id"),
        (["revoke", "--user", "nobody"], 1, "no user 'nobody'"),
        (["list", "--user", "nobody"], 1, "no user 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(app: Flask, command: list[str], status: int, words: str) -> None:
    code, output = run(app, *command)

    assert code == status
    assert words in output
    assert "Traceback" not in output
