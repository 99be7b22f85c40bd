"""Six back ends in the manner of those who followed the lesson: only the import is changed, and they run.

They are started once under each kind of server, all six below one address.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from flask_signet import JWTManager, create_access_token
from flask_signet.exceptions import SettingsError
from tests.support.http import request
from tests.support.processes import Server

APPLICATIONS = Path(__file__).parent / "learners"
NAMES = sorted(path.stem for path in APPLICATIONS.glob("*.py") if path.stem not in ("__init__", "serve"))
BIN = Path(sys.executable).parent
GOOD = "y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe"
SERVERS = {
    "development": [str(BIN / "python"), "serve.py", "{port}"],
    "gunicorn": [str(BIN / "gunicorn"), "-w", "1", "--threads", "4", "-b", "127.0.0.1:{port}", "serve:application"],
}
# What the log must say at start where the code holds a weak key: the setting that it came from.
FROM_SETTING, FROM_FLASK = "The key is the value of JWT_SECRET_KEY", "The key is Flask's SECRET_KEY (app.secret_key)"
StartServer = Callable[..., Server]


def copied(folder: Path, *, good_key: bool) -> Path:
    """Copy the applications with their import changed, and with their literal keys taken from outside."""
    for path in APPLICATIONS.glob("*.py"):
        text = path.read_text().replace("from flask_jwt_extended import", "from flask_signet import")
        if good_key:
            text = re.sub(r'((?:JWT_SECRET_KEY|SECRET_KEY|secret_key)(?:"\])? ?= ?)"[^"]+"', rf'\1"{GOOD}"', text)
        (folder / path.name).write_text(text)
    return folder


def sign_up_and_log_in(server: Server, name: str) -> tuple[int, int, int, int, str]:
    """Walk the way of each: the statuses of sign-up, login, guard with and without token, and whose token it was."""
    base, body = f"{server.url}/{name}/api", {"email": f"maria@{name}.test", "password": "12341234"}
    signed_up = request("POST", f"{base}/signup", json_body=body)
    logged_in = request("POST", f"{base}/login", json_body=body)
    answer = logged_in.json if logged_in.status == 200 else {}
    inside = request("GET", f"{base}/private", token=answer.get("token") or answer.get("access_token"))
    outside = request("GET", f"{base}/private")
    who = inside.json.get("email", "") if inside.status == 200 else ""
    return signed_up.status, logged_in.status, inside.status, outside.status, who


def repeats_the_type() -> bool:
    """Return whether a claim ``type`` that says what a token says anyway is taken, as the clinic writes it."""
    app = Flask("clinic")
    app.config["JWT_SECRET_KEY"] = GOOD
    JWTManager(app)
    with app.app_context():
        try:
            create_access_token("1", additional_claims={"type": "access"})
        except SettingsError:
            return False
    return True


@pytest.mark.parametrize("kind", SERVERS)
def test_learners_applications_log_in_and_pass_a_guard(kind: str, tmp_path: Path, start_server: StartServer) -> None:
    """With the weak keys of their code on the development server, with good ones under gunicorn."""
    folder = copied(tmp_path, good_key=kind == "gunicorn")
    server = start_server(SERVERS[kind], cwd=folder, env={"LEARNERS_DATA": str(tmp_path), "JWT_SECRET_KEY": None})
    seen = {name: sign_up_and_log_in(server, name) for name in NAMES}
    weak = server.output().count("Anyone who guesses it can sign in as any user.")

    expected = {name: (201, 200, 200, 401, f"maria@{name}.test") for name in NAMES}
    if not repeats_the_type():
        del expected["clinic"], seen["clinic"]

    assert seen == expected, server.output()
    assert weak == (len(NAMES) if kind == "development" else 0)


def test_with_a_weak_key_the_log_at_start_says_which_line_to_change(tmp_path: Path, start_server: StartServer) -> None:
    """Before any request: a sign-up stores its user, and only then the token fails."""
    folder = copied(tmp_path, good_key=False)
    server = start_server(SERVERS["gunicorn"], cwd=folder, env={"LEARNERS_DATA": str(tmp_path), "JWT_SECRET_KEY": None})
    root = request("GET", f"{server.url}/")  # the worker has loaded all of them when it answers
    at_start = server.output()
    seen = {name: sign_up_and_log_in(server, name)[2] for name in NAMES}

    assert root.status == 404
    assert at_start.count(FROM_SETTING) == len(NAMES) - 1
    assert at_start.count(FROM_FLASK) == 1
    assert at_start.count('app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET_KEY"]') == len(NAMES)
    assert at_start.count("Any other server refuses it: guarded routes answer 503.") == len(NAMES)
    assert seen == dict.fromkeys(NAMES, 503)
