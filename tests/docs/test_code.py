"""What README and documentation show runs, and prints what they say."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from flask import Flask, redirect

from flask_signet import JWTManager, Signet, create_access_token, decode_token, get_unverified_jwt_headers
from flask_signet.cli import signet as signet_group
from flask_signet.testing import reset, signed_in
from tests.conftest import StartServer, missing
from tests.docs.markdown import DOCS, README, ROOT, Block, Step, blocks, pages, shows, steps
from tests.support.http import request
from tests.support.processes import Server

# Each of these pages has its own tests, beside what it tells about.
ELSEWHERE = {"moving.md"}
SECRET = "y2PE5rAzIvNYgHfVrTiYAVN9sIYLjzGrR7xBKpCHgXk"

PYTHON = [block for page in pages() if page.name not in ELSEWHERE for block in blocks(page, "python")]
APPLICATIONS = [block for block in PYTHON if "Flask(" in block.text]
# What is a piece of a program has a test of its own below.
OWN_HANDLERS, OWN_LOGIN, KEEP_FORMER_SECRET = (block for block in PYTHON if block not in APPLICATIONS)
LESSON, WHOLE = blocks(README, "python")
SCRIPTS = [
    block
    for page in (README, DOCS / "cors.md", DOCS / "it-does-not-work.md")
    for language in ("js", "jsx")
    for block in blocks(page, language)
]


def run_block(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a block as a program of its own in an empty folder, and return its names."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    program = folder / "app.py"
    program.write_text(block.text, "utf-8")
    return runpy.run_path(str(program), run_name="documented")


@pytest.fixture
def lesson(start_server: StartServer, tmp_path: Path) -> Server:
    """The application of the README, served as it says."""
    return serve(LESSON, start_server, tmp_path)


def serve(block: Block, start_server: StartServer, folder: Path) -> Server:
    """Serve a block as its ``app.py`` with ``flask run``."""
    (folder / "app.py").write_text(block.text, "utf-8")
    command = [sys.executable, "-W", "error", "-m", "flask", "run", "--port", "{port}"]
    return start_server(command, cwd=folder, env={"JWT_SECRET_KEY": SECRET, "FLASK_APP": None})


# --- Python -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", APPLICATIONS, ids=str)
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_block(block, tmp_path, monkeypatch)
    app = names.get("app") or names["create_app"]()

    assert isinstance(app, Flask)
    # The first request is what reads every setting, opens the store and makes keys.
    assert app.test_client().get("/no-such-page").status_code == 404
    reset(app)


def test_handlers_of_the_application_translate_our_errors(tmp_path: Path) -> None:
    app = Flask("translated", instance_path=str(tmp_path))
    app.testing = True
    Signet(app)
    exec(OWN_HANDLERS.text, {"app": app})  # noqa: S102  # the page's own code
    answer = app.test_client().post("/token", json={"username": "ada", "password": "wrong password"})

    assert (401, "Usuario o contraseña incorrectos") == (answer.status_code, answer.get_json()["msg"])


def test_a_view_of_the_application_puts_the_cookie_onto_its_answer(tmp_path: Path) -> None:
    app = Flask("callback", instance_path=str(tmp_path))
    app.testing = True
    signet = Signet(app)
    names = {"redirect": redirect, "signet": signet}
    body = "".join(f"    {line}\n" for line in OWN_LOGIN.text.splitlines())
    exec(f"def callback(user):\n{body}", names)  # noqa: S102  # the page's own code
    callback: Any = names["callback"]
    with app.app_context():
        user = signet.users.create("ada", "correct horse")
    app.add_url_rule("/callback", "callback", lambda: callback(user))
    answer = app.test_client().get("/callback")

    assert answer.status_code == 302
    assert "signet_refresh=sgr_" in answer.headers["Set-Cookie"]


def test_a_former_secret_can_be_kept_in_a_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_block(KEEP_FORMER_SECRET, tmp_path, monkeypatch)
    before = Flask("before")
    before.config["JWT_SECRET_KEY"] = SECRET
    JWTManager(before)
    with before.app_context():
        token = create_access_token("5")
    ring = tmp_path / "keys.json"
    commands = CliRunner()
    commands.invoke(signet_group, ["keys", "generate", "--output", str(ring)])
    names["keep_former_secret"](ring, SECRET)
    after = Flask("after")
    after.config["JWT_KEYS"] = str(ring)
    JWTManager(after)

    with after.app_context():
        assert decode_token(token)["sub"] == "5"
    revoked = commands.invoke(signet_group, ["keys", "revoke", "--file", str(ring), "--", "-"])
    assert revoked.exit_code == 0
    assert [key["status"] for key in json.loads(ring.read_text())["keys"]] == ["current", "next"]


def test_the_lesson_is_short() -> None:
    assert len(LESSON.text.splitlines()) <= 30


def test_the_whole_is_three_lines_and_a_view_of_four() -> None:
    program, view = WHOLE.text.split("\n\n\n")
    lines = [line for line in program.splitlines() if line]

    assert ["from flask import Flask"] == lines[:1]
    assert len(lines[1:]) == 3
    assert len(view.splitlines()) == 4


def test_the_guards_of_the_quick_start_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_block(blocks(DOCS / "quick-start.md", "python")[0], tmp_path, monkeypatch)
    app, client = names["app"], names["app"].test_client()
    user = names["signet"].users.create("maria", "a long sentence")

    assert client.get("/hello").status_code == 401
    assert client.get("/maybe").json == {"signed_in": False}
    with signed_in(client, user, fresh=False):
        assert client.get("/hello").json == {"id": 1, "hello": "maria"}
        assert client.get("/maybe").json == {"signed_in": True}
        assert client.delete("/everything").status_code == 401
    with signed_in(client, user):
        assert client.delete("/everything").status_code == 204
    reset(app)


def test_the_sign_up_of_the_quick_start_makes_users_who_log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = (found for found in blocks(DOCS / "quick-start.md", "python") if "sign_up" in found.text)
    names = run_block(block, tmp_path, monkeypatch)
    app, client = names["app"], names["app"].test_client()
    with app.app_context():
        names["db"].create_all()
    body = {"username": "maria", "password": "a long sentence"}
    answers = [client.post("/signup", json=given) for given in (body, body, {**body, "password": "short"}, {})]

    assert [answer.status_code for answer in answers] == [201, 409, 400, 400]
    assert answers[2].get_json()["error"] == "weak_password"
    assert client.post("/token", json=body).status_code == 200
    reset(app)
    with app.app_context():
        names["db"].engine.dispose()


# --- Terminals ----------------------------------------------------------------------------------------


def run_shell(command: str, folder: Path, env: Mapping[str, str], typed: str = "") -> str:
    """Run one command of a page and return what it prints, both streams in one."""
    if shutil.which("curl") is None:
        missing("no curl")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, **env},
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def calls(server: Server, commands: list[Step], folder: Path) -> list[tuple[Step, str]]:
    """Perform the calls of a page at *server*; ``TOKEN=…`` takes the token that came last."""
    done: list[tuple[Step, str]] = []
    env: dict[str, str] = {}
    for step in commands:
        if step.command.startswith("TOKEN="):
            tokens = re.findall(r'"token":"([^"]+)"', "\n".join(printed for _, printed in done))
            assert re.match(step.command[6:].split("…")[0], tokens[-1])
            env["TOKEN"] = tokens[-1]
        elif step.command.startswith("curl "):
            command = step.command.replace("localhost:5000", f"127.0.0.1:{server.port}").replace("curl", "curl -s", 1)
            done.append((step, run_shell(command, folder, env)))
    return done


def test_the_calls_of_the_readme_give_what_it_shows(lesson: Server, tmp_path: Path) -> None:
    """Each answer has the status, the headers and the body that stand there."""
    commands = [step for block in blocks(README, "console") for step in steps(block)]
    done = calls(lesson, commands, tmp_path)

    assert len(done) == 5
    for step, printed in done:
        assert step.shown
        assert shows(step.shown, printed), f"{step.command}\n{printed}"


def test_what_is_not_shown_is_noticed() -> None:
    printed = 'HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{"token":"abc","user_id":1}\n'

    assert shows(("HTTP/1.1 200 OK", '{"token":"a…","user_id":1}'), printed)
    assert not shows(("HTTP/1.1 401 UNAUTHORIZED",), printed)
    assert not shows(('{"token":"a…","user_id":2}',), printed)
    assert not shows(('{"token":"a…","user_id":1}', "HTTP/1.1 200 OK"), printed)


def test_the_whole_of_the_readme_works(start_server: StartServer, tmp_path: Path) -> None:
    """A user made by the command logs in; the answers have the fields that the page of routes shows."""
    server = serve(WHOLE, start_server, tmp_path)
    create = next(
        step for block in blocks(README, "console") for step in steps(block) if "users create" in step.command
    )
    printed = run_shell(create.command, tmp_path, {}, "12341234\n")

    # The two questions are only asked at a terminal.
    assert shows(create.shown[2:], printed), printed
    body = {"username": "alesanchezr", "password": "12341234"}
    login = request("POST", f"{server.url}/token", json_body=body)
    assert login.status == 200
    token = login.json["token"]
    assert request("GET", f"{server.url}/protected", token=token).json == {"id": 1, "username": "alesanchezr"}
    shown_request, shown_login, shown_registered, shown_account, _, shown_sessions = (
        json.loads(block.text) for block in blocks(DOCS / "http.md", "json")
    )
    assert shown_request == body
    assert shown_registered.keys() >= body.keys()
    assert shown_login.keys() == login.json.keys()
    assert (shown_login["expires_in"], shown_login["user_id"]) == (login.json["expires_in"], login.json["user_id"])
    account = request("GET", f"{server.url}/account", token=token).json
    assert {**shown_account, "created_at": account["created_at"]} == account
    sessions = request("GET", f"{server.url}/account/sessions", token=token).json
    assert [shown.keys() for shown in shown_sessions] == [session.keys() for session in sessions]
    assert request("GET", f"{server.url}/health").json == {"status": "ok"}


def test_the_ring_of_the_page_of_keys_signs_and_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands make the file that its program names."""
    page = DOCS / "keys.md"
    making = next(block for block in blocks(page, "console") if "--output" in block.text)
    for step in steps(making):
        printed = run_shell(step.command, tmp_path, {})
    assert "Wrote a new ring" in printed

    app = run_block(blocks(page, "python")[0], tmp_path, monkeypatch)["app"]
    published = app.test_client().get("/.well-known/jwks.json").json["keys"]
    with app.app_context():
        header = get_unverified_jwt_headers(create_access_token(1))
    assert [key["alg"] for key in published] == ["EdDSA", "EdDSA"]
    assert "d" not in published[0]
    assert header["kid"] == published[0]["kid"]


COMMANDS = sorted(
    {
        step.command
        for page in pages()
        for block in blocks(page, "console")
        for step in steps(block)
        if step.command.startswith("flask signet ")
    }
)


@pytest.mark.parametrize("shown", COMMANDS)
def test_every_command_that_is_shown_exists_with_its_options(shown: str) -> None:
    _, _, *words = shlex.split(shown)
    command: click.Command = signet_group
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"no command {words[0]}"
        command, words = found, words[1:]
        context = click.Context(command)

    command.make_parser(context).parse_args(words)


# --- The front end --------------------------------------------------------------------------------------


def test_the_two_steps_of_the_front_end_work(node: str, lesson: Server) -> None:
    """The client and the two lines of the README, with nothing changed but where the server is."""
    client, lines = (block.text for block in blocks(README, "js"))
    script = client + lines
    assert 'baseUrl: "/"' in script
    script = script.replace('baseUrl: "/"', f'baseUrl: "{lesson.url}/"') + "console.log(JSON.stringify(me));\n"
    # Evaluated at the root of the project, where its workspaces are installed.
    done = subprocess.run(
        [node, "--input-type=module", "-e", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"id": 1, "username": "alesanchezr"}


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_scripts_build(block: Block, node: str) -> None:
    """Their syntax is right, and what they import from our package is there."""
    esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
    command = [
        esbuild,
        "--bundle",
        "--format=esm",
        f"--loader={block.language}",
        "--jsx=automatic",
        "--log-level=warning",
    ]
    done = subprocess.run(
        [*command, "--external:./auth.js", "--external:vite"],
        cwd=ROOT,
        input=block.text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
