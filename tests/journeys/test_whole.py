"""The whole against real servers: one user made by command, login, guard, refresh, logout, and bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.http import request
from tests.support.processes import Server, wait_until

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
PASSWORD = "correct horse"
APP = "whole_app:create_app"
SERVERS = {
    "werkzeug": ["flask", "--app", APP, "run", "--port", "{port}"],
    "gunicorn": ["gunicorn", "-w", "4", "--threads", "4", "-b", "127.0.0.1:{port}", f"{APP}()"],
    "gunicorn-preload": ["gunicorn", "--preload", "-w", "4", "-b", "127.0.0.1:{port}", f"{APP}()"],
    "reloader": ["flask", "--app", APP, "--debug", "run", "--port", "{port}"],
}
StartServer = Callable[..., Server]


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """A folder for the data, with the account ``ada`` made by the command."""
    folder = tmp_path / "instance"
    environment = {**os.environ, "WHOLE_INSTANCE": str(folder)}
    command = [str(BIN / "flask"), "--app", APP, "signet", "users", "create", "ada", "--password-stdin"]
    done = subprocess.run(command, input=PASSWORD, capture_output=True, text=True, cwd=HERE, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(
    params=["werkzeug", pytest.param("gunicorn", marks=pytest.mark.journey), "gunicorn-preload", "reloader"]
)
def server(request: pytest.FixtureRequest, instance: Path, start_server: StartServer) -> Server:
    """A real server of each kind, over the same data."""
    command = list(SERVERS[request.param])
    return start_server([str(BIN / command[0]), *command[1:]], cwd=HERE, env={"WHOLE_INSTANCE": str(instance)})


def test_login_guard_refresh_logout(server: Server) -> None:
    """The way of every user, on every kind of server, whichever worker answers."""
    login = request("POST", f"{server.url}/token", json_body={"username": "ada", "password": PASSWORD})
    assert login.status == 200, login.body
    token, refresh = login.json["token"], login.json["refresh_token"]

    for _ in range(8):
        inside = request("GET", f"{server.url}/protected", token=token)
        assert (inside.status, inside.json["username"]) == (200, "ada")

    renewed = request("POST", f"{server.url}/token/refresh", json_body={"refresh_token": refresh})
    assert renewed.status == 200, renewed.body
    assert renewed.json["refresh_token"] != refresh

    assert request("DELETE", f"{server.url}/token", token=renewed.json["token"]).status == 204

    def refused_everywhere() -> bool:
        answers = [request("GET", f"{server.url}/protected", token=token) for _ in range(12)]
        return all(answer.status == 401 for answer in answers)

    # Within a second on every worker; the rest is the slack of a busy machine.
    wait_until(refused_everywhere, timeout=10, what="the ended session")
    again = request("POST", f"{server.url}/token/refresh", json_body={"refresh_token": renewed.json["refresh_token"]})
    assert again.status == 401


BAD = {
    "no body": (None, None, {400}),
    "not JSON": (b"{nope", "application/json", {400}),
    "a list": (b"[1, 2]", "application/json", {400}),
    "a number for a password": (b'{"username": "ada", "password": 5}', "application/json", {400}),
    "null": (b"null", "application/json", {400}),
    "a name twice": (b'{"username": "ada", "username": "bob", "password": "x"}', "application/json", {400}),
    "not UTF-8": (b'{"username": "\xff"}', "application/json", {400}),
    "half a surrogate pair": (b'{"username": "\\ud800", "password": "x"}', "application/json", {400, 401}),
    "deep": (b"[" * 10_000, "application/json", {400}),
    "1 MB": (b'{"username": "' + b"a" * 1_000_000 + b'"}', "application/json", {413}),
    "a long password": (json.dumps({"username": "ada", "password": "p" * 10_000}).encode(), "application/json", {400}),
    "plain text": (b'{"username": "ada", "password": "x"}', "text/plain", {415}),
    "XML": (b"<a/>", "application/xml", {415}),
}


@pytest.mark.parametrize("kind", ["werkzeug", "gunicorn"])
def test_bad_input_gets_a_clear_answer_and_the_next_request_is_served(
    kind: str, instance: Path, start_server: StartServer
) -> None:
    """One format, a 4xx, and a server that continues to work."""
    command = list(SERVERS[kind])
    server = start_server([str(BIN / command[0]), *command[1:]], cwd=HERE, env={"WHOLE_INSTANCE": str(instance)})
    for name, (body, content_type, statuses) in BAD.items():
        headers = {} if content_type is None else {"Content-Type": content_type}
        answer = request("POST", f"{server.url}/token", body=body or b"", headers=headers)

        assert answer.status in statuses, (name, answer.status, answer.body)
        assert set(answer.json) <= {"error", "msg", "fields"}, name
        assert answer.headers["cache-control"] == "no-store", name
        good = request("POST", f"{server.url}/token", json_body={"username": "ada", "password": PASSWORD})
        assert good.status == 200, name


def test_eight_processes_that_start_at_once_make_one_of_each(tmp_path: Path) -> None:
    """An empty folder, eight first uses: one root key, one database, one ring."""
    environment = {**os.environ, "WHOLE_INSTANCE": str(tmp_path / "instance")}
    command = [str(BIN / "flask"), "--app", APP, "signet", "keys", "list", "--json"]
    started = [
        subprocess.Popen(command, cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    outputs = [process.communicate(timeout=120) for process in started]

    assert [process.returncode for process in started] == [0] * 8, outputs
    rings = {out for out, _ in outputs}
    assert len(rings) == 1
    assert sorted(key["status"] for key in json.loads(rings.pop())["keys"]) == ["current", "next"]
    assert len(list((tmp_path / "instance" / "signet").glob("root.key*"))) == 1
