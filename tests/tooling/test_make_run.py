"""`make run` as people call it. The first test also builds the front end, if it is not built yet."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.http import request
from tests.support.processes import accepts, free_port

ROOT = Path(__file__).parent.parent.parent
# What an outer `make test` hands down would make the inner make its child.
NO_MAKE = {"MAKEFLAGS": None, "MAKELEVEL": None, "MFLAGS": None, "PORT": None, "HOST": None, "FRESH": None}
Env = dict[str, str | None]
LESSONS_USER = {"username": "alesanchezr", "password": "12341234"}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def env(tmp_path: Path) -> Env:
    """The environment of a run with its own data folder, separate from the developer's."""
    return {**NO_MAKE, "TASKS_INSTANCE": str(tmp_path / "instance")}


@pytest.fixture(scope="module", autouse=True)
def demo() -> None:
    """Set up and build once, so that the tests below see later starts."""
    for target in (".venv/.ready-run", "examples/tasks/web/dist/.ready"):
        subprocess.run(["make", target], cwd=ROOT, check=True, capture_output=True, timeout=300)


def test_a_second_start_serves_within_five_seconds_and_builds_nothing(start_server: StartServer, env: Env) -> None:
    """No pip, npm or vite: what the recipe prints is what it runs."""
    begun = time.monotonic()
    server = start_server(["make", "run", "PORT={port}"], env=env)
    page = request("GET", server.url + "/")
    elapsed = time.monotonic() - begun

    assert page.status == 200
    assert b"<div id=" in page.body
    assert elapsed < 5
    assert not any(tool in server.output() for tool in ("pip", "npm", "vite"))
    assert f"http://localhost:{server.port}" in server.output()


def test_the_lessons_user_logs_in_and_passes_the_guard(start_server: StartServer, env: Env) -> None:
    """`POST /token` and `GET /protected` answer as the lesson's do. PORT may also come from the environment."""
    port = free_port()
    server = start_server(["make", "run"], env={**env, "PORT": str(port)}, port=port)

    answer = request("POST", f"{server.url}/token", json_body=LESSONS_USER)
    guarded = request("GET", f"{server.url}/protected", token=answer.json["token"])

    assert answer.status == 200
    assert guarded.status == 200
    assert guarded.json == {"id": answer.json["user_id"], "username": "alesanchezr"}


def test_ctrl_c_ends_it_cleanly(start_server: StartServer, env: Env) -> None:
    """No traceback, the port free, nothing left running."""
    server = start_server(["make", "run", "PORT={port}"], env=env)
    request("GET", server.url + "/")  # the port is open a moment before the server is in its loop
    server.interrupt(timeout=5)

    assert "Traceback" not in server.output()
    assert not accepts("127.0.0.1", server.port)


def test_a_busy_port_is_a_clear_message(start_server: StartServer, env: Env) -> None:
    """It names the port and how to take another."""
    server = start_server(["make", "run", "PORT={port}"], env=env)
    second = subprocess.run(
        ["make", "run", f"PORT={server.port}"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )

    assert second.returncode != 0
    assert f"Port {server.port} is in use" in second.stderr
    assert "make run PORT=" in second.stderr
    assert "Traceback" not in second.stderr


def test_data_stays_between_runs_until_fresh_is_asked_for(start_server: StartServer, env: Env) -> None:
    """A task added in one run is there in the next and gone after FRESH=1."""

    def titles(*, fresh: bool, add: str | None = None) -> list[str]:
        server = start_server(["make", "run", "PORT={port}", *(["FRESH=1"] if fresh else [])], env=env)
        token = request("POST", f"{server.url}/token", json_body=LESSONS_USER).json["token"]
        if add is not None:
            assert request("POST", f"{server.url}/tasks", json_body={"title": add}, token=token).status == 201
        found = request("GET", f"{server.url}/tasks", token=token)
        server.interrupt()
        assert found.status == 200
        return [task["title"] for task in found.json]

    first = titles(fresh=True, add="water the plants")
    second = titles(fresh=False)
    third = titles(fresh=True)

    assert "water the plants" in first
    assert first == second
    assert "water the plants" not in third
