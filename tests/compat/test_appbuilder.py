"""Unedited Flask-AppBuilder runs on Flask-Signet: installed by its lock into an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.compat.application import SECRET
from tests.support.http import request
from tests.support.processes import Server

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "polonium and radium"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with Flask-AppBuilder and what it needs; Flask-Signet comes from the source folder."""
    folder = tmp_path_factory.mktemp("appbuilder") / "environment"
    uv, python = Path(sys.executable).parent / "uv", folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    lock = ROOT / "requirements" / "appbuilder.lock"
    install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if os.environ.get("CI"):
            pytest.fail(done.stderr)
        pytest.skip(f"Flask-AppBuilder cannot be installed: {done.stderr[:300]}")
    return python


@contextmanager
def served(python: Path, folder: Path, *command: str) -> Generator[Server]:
    env: dict[str, str | None] = {
        "PYTHONPATH": str(ROOT / "src"),
        "SECRET_KEY": SECRET,
        "STAFF_FOLDER": str(folder),
        "STAFF_PASSWORD": PASSWORD,
        "FLASK_APP": str(ROOT / "tests" / "compat" / "appbuilder" / "staff.py"),
    }
    server = Server([str(python), *command, "flask", "run", "--port", "{port}"], cwd=folder, env=env)
    server.start(timeout=120)  # it makes some fifty tables and rights first
    try:
        yield server
    finally:
        server.stop()


def answers(url: str) -> Iterator[tuple[str, int, Any]]:
    """Yield what the REST API answers: a login, a refresh, a protected API, and each refusal."""
    security, greeting = f"{url}/api/v1/security", f"{url}/api/v1/greeting/"
    user = {"username": "maria", "password": PASSWORD, "provider": "db", "refresh": True}
    login = request("POST", f"{security}/login", json_body=user, timeout=60)
    access, refresh = login.json["access_token"], login.json["refresh_token"]
    yield "login", login.status, sorted(login.json)
    renewed = request("POST", f"{security}/refresh", token=refresh, timeout=60)
    yield "refresh", renewed.status, sorted(renewed.json)
    for name, method, path, token in (
        ("protected", "GET", greeting, renewed.json["access_token"]),
        ("with a refresh token", "GET", greeting, refresh),
        ("with a changed token", "GET", greeting, access + "x"),
        ("with no token", "GET", greeting, "foo"),
        ("without", "GET", greeting, None),
        ("refresh with an access token", "POST", f"{security}/refresh", access),
    ):
        reply = request(method, path, token=token, timeout=60)
        yield name, reply.status, reply.json


@pytest.fixture(scope="module")
def there(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int, Any]]:
    """The same answers with Flask-JWT-Extended."""
    with served(environment, tmp_path_factory.mktemp("peer"), "-m") as server:
        assert "site-packages" in request("GET", f"{server.url}/served-by", timeout=60).json["package"]
        return list(answers(server.url))


def test_flask_appbuilder_logs_in_refreshes_and_guards_as_with_its_own_package(
    environment: Path, there: list[tuple[str, int, Any]], tmp_path: Path
) -> None:
    with served(environment, tmp_path, "-m", "flask_signet.compat") as server:
        package = Path(request("GET", f"{server.url}/served-by", timeout=60).json["package"])
        here = list(answers(server.url))

    assert package.is_relative_to(ROOT / "src" / "flask_signet" / "compat" / "stand_in")
    assert dict((name, body) for name, _, body in here)["protected"] == {"message": "Hello maria"}
    assert there == here
