"""The pages about deployment: their files run as they stand there, with other ports, names and folders."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import StartServer, missing
from tests.docs.markdown import DOCS, blocks
from tests.support.http import request
from tests.support.processes import Server, free_port

DEPLOY, RENDER = DOCS / "deploy.md", DOCS / "render.md"
BIN = Path(sys.executable).parent
PASSWORD = "correct horse"
ROOT_KEY = "y2PE5rAzIvNYgHfVrTiYAVN9sIYLjzGrR7xBKpCHgXk"

(NGINX,) = (block.text for block in blocks(DEPLOY, "nginx") if "server {" in block.text)
(UNIT,) = (block.text for block in blocks(DEPLOY, "ini"))
(DOCKERFILE,) = (block.text for block in blocks(DEPLOY, "dockerfile"))
(GUNICORN,) = (block.text for block in blocks(DEPLOY, "py"))
(APPLICATION,) = (block.text for block in blocks(DEPLOY, "python") if "ProxyFix" in block.text)
(BLUEPRINT,) = (block.text for block in blocks(RENDER, "yaml"))
(FACTORY,) = (block.text for block in blocks(RENDER, "python"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a plain user may enter, with the application of the page and its gunicorn.conf.py."""
    made = Path(tempfile.mkdtemp(prefix="signet-deploy-"))
    made.chmod(0o755)
    (made / "app.py").write_text(APPLICATION, "utf-8")
    (made / "gunicorn.conf.py").write_text(GUNICORN, "utf-8")
    yield made
    shutil.rmtree(made)


def command(folder: Path, *words: str) -> str:
    """Run ``flask …`` in *folder* and return what it prints."""
    done = subprocess.run(
        [str(BIN / "flask"), *words],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in ("FLASK_APP", "FLASK_DEBUG")},
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def healthy(server: Server) -> bool:
    """Ask a server that listens before its workers have loaded the application."""
    return request("GET", f"{server.url}/health", timeout=90).status == 200


# --- nginx ----------------------------------------------------------------------------------------------


def find_nginx() -> str:
    """Return the nginx that set-up found, else the system's."""
    noted = Path(sys.prefix) / ".nginx"
    found = os.environ.get("SIGNET_NGINX") or (noted.read_text().strip() if noted.exists() else None)
    found = found or shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if found is None:
        missing("no nginx: make nginx")
    assert found is not None
    return found


def certificate(folder: Path) -> Path:
    """Make a key and a certificate for 127.0.0.1, and return the folder that they are in."""
    files = ["-keyout", "privkey.pem", "-out", "fullchain.pem"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    return folder


class Site:
    """The application behind nginx."""

    def __init__(self, start_server: StartServer, folder: Path, block: str) -> None:
        if shutil.which("openssl") is None:
            missing("no openssl")
        self.plain, self.port, inner = free_port(), free_port(), free_port()
        self.origin = f"https://127.0.0.1:{self.port}"
        config = block.replace("/etc/letsencrypt/live/app.example", str(certificate(folder)))
        config = re.sub(r"listen \[::\].*\n", "", config)
        config = config.replace("listen 80;", f"listen 127.0.0.1:{self.plain};")
        config = config.replace("listen 443 ", f"listen 127.0.0.1:{self.port} ").replace("app.example", "127.0.0.1")
        config = config.replace("127.0.0.1:8000", f"127.0.0.1:{inner}")
        places = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\nclient_body_temp_path {folder}/body;\n{places}{config}\n}}\n"
        )
        start_server(
            [
                str(BIN / "gunicorn"),
                "--config",
                "gunicorn.conf.py",
                "--workers=1",
                f"--bind=127.0.0.1:{inner}",
                "app:app",
            ],
            cwd=folder,
            port=inner,
        )
        nginx = [find_nginx(), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        tested = subprocess.run([*nginx, "-t"], capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stderr
        start_server(nginx, cwd=folder, port=self.port)
        self._trust = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self._trust, timeout=90)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **sent})
            answer = connection.getresponse()
            text = answer.read()
            found = {name.lower(): ", ".join(answer.headers.get_all(name, [])) for name in answer.headers}
            return answer.status, found, json.loads(text) if text else None
        finally:
            connection.close()


LOGIN = {"username": "ada", "password": PASSWORD, "transport": "cookie"}


def test_behind_nginx_an_origin_alone_is_proof_on_any_port_and_addresses_are_the_visitors(
    start_server: StartServer, folder: Path
) -> None:
    command(folder, "signet", "users", "create", "ada", "--password-stdin")
    site = Site(start_server, folder, NGINX)

    status, headers, body = site.ask(
        "POST", "/token", LOGIN, Origin=site.origin, X_Signet="1", X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6"
    )
    assert (status, body.get("msg")) == (200, None)
    assert "__Host-signet_refresh=" in headers["set-cookie"]
    assert "Secure" in headers["set-cookie"]
    assert headers["strict-transport-security"] == "max-age=31536000"
    _, _, sessions = site.ask("GET", "/account/sessions", Authorization=f"Bearer {body['token']}")
    assert [session["ip"] for session in sessions] == ["127.0.0.1"]
    for other in ("https://127.0.0.1:1", "https://evil.example", f"http://127.0.0.1:{site.port}"):
        status, _, body = site.ask("POST", "/token", LOGIN, Origin=other, X_Signet="1")
        assert (status, body["error"]) == (403, "csrf_failed")
    redirect = request("GET", f"http://127.0.0.1:{site.plain}/account")
    assert (redirect.status, redirect.headers["location"]) == (308, "https://127.0.0.1/account")


def test_a_proxy_that_drops_the_port_is_refused_as_the_page_says(start_server: StartServer, folder: Path) -> None:
    command(folder, "signet", "users", "create", "ada", "--password-stdin")
    site = Site(start_server, folder, NGINX.replace("$http_host;", "$host;"))

    status, _, body = site.ask("POST", "/token", LOGIN, Origin=site.origin, X_Signet="1")

    assert (status, body["error"]) == (403, "csrf_failed")


# --- systemd --------------------------------------------------------------------------------------------


def test_the_unit_of_systemd_is_right_and_its_command_serves(start_server: StartServer, folder: Path) -> None:
    unit = UNIT.replace("/srv/app/.venv/bin", str(BIN)).replace("/srv/app", str(folder))
    (folder / "instance").mkdir()
    file = folder / "app.service"
    file.write_text(unit)
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        said = subprocess.run([analyze, "verify", str(file)], capture_output=True, text=True, check=False).stderr
        assert [line for line in said.splitlines() if "app.service" in line and "man " not in line] == []
    settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    port = free_port()
    gunicorn = folder / "gunicorn.conf.py"
    gunicorn.write_text(gunicorn.read_text().replace(":8000", f":{port}"))

    server = start_server(shlex.split(settings["ExecStart"]), cwd=Path(settings["WorkingDirectory"]), port=port)

    assert healthy(server)
    assert settings["User"] == settings["Group"] == "app"
    assert settings["ReadWritePaths"] == str(folder / "instance")


# --- the container --------------------------------------------------------------------------------------


def steps() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with their arguments."""
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in DOCKERFILE.splitlines()]


def may_run_python(user: int) -> bool:
    """Tell whether a plain user can run this Python, which may be within the home of root."""
    try:
        return subprocess.run([sys.executable, "-c", ""], user=user, check=False).returncode == 0
    except PermissionError:
        return False


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives folders away")
def test_the_commands_of_the_dockerfile_make_what_a_plain_user_serves(start_server: StartServer, folder: Path) -> None:
    """No container is built here: its steps run one by one, in a folder in place of the image."""
    (folder / "requirements.txt").write_text("flask-signet[accounts]\ngunicorn\n")
    env = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    user, start = "", [""]
    for instruction, argument in steps():
        match instruction:
            case "ENV":
                env |= dict(pair.split("=") for pair in argument.split())
            case "COPY":
                assert all((folder / name).exists() for name in argument.split()[:-1])
            case "RUN":
                done = subprocess.run(["sh", "-c", argument], cwd=folder, env={**os.environ, **env}, check=False)
                assert done.returncode == 0, argument
            case "USER":
                user = argument
            case "CMD":
                start = json.loads(argument)
            case _:
                assert instruction in ("FROM", "WORKDIR", "VOLUME", "EXPOSE")
    assert user == "10001:10001"
    assert (folder / "instance").stat().st_uid == 10001
    plain = 10001 if may_run_python(10001) else None
    server = Server(
        [str(BIN / start[0]), *(word.replace("0.0.0.0:8000", "127.0.0.1:{port}") for word in start[1:])],
        cwd=folder,
        env={**env, "HOME": "/"},
        user=plain,  # type: ignore[arg-type]  # a number: the user has no name
    )
    with server.start():
        assert healthy(server)
        made = folder / "instance" / "signet"
        assert plain is None or {path.stat().st_uid for path in (made, *made.iterdir())} == {10001}
        assert request("POST", f"{server.url}/token", json_body={"username": "ada", "password": "x"}).status == 401


def test_no_step_of_the_dockerfile_copies_data_or_runs_as_root() -> None:
    instructions = [instruction for instruction, _ in steps()]

    assert not any("instance" in argument for instruction, argument in steps() if instruction in ("COPY", "ADD"))
    assert instructions.index("USER") < instructions.index("CMD")
    assert "root" not in dict(steps())["USER"]


# --- a hosted platform ----------------------------------------------------------------------------------


def test_the_start_command_of_render_makes_the_tables_and_serves(start_server: StartServer, folder: Path) -> None:
    (folder / "app.py").write_text(FACTORY, "utf-8")
    (service,) = yaml.safe_load(BLUEPRINT)["services"]
    port = free_port()
    env = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PORT": str(port),
        "FLASK_APP": None,
        "FLASK_SIGNET_DATABASE_URL": f"sqlite:///{folder}/app.sqlite3",
        "FLASK_SIGNET_ROOT_KEY": ROOT_KEY,
    }
    start = service["startCommand"].replace("0.0.0.0", "127.0.0.1")  # noqa: S104 (a comparison)

    server = start_server(["bash", "-c", start], cwd=folder, env=env, port=port)

    assert service["healthCheckPath"] == "/health"
    assert healthy(server)
    asked = {variable["key"] for variable in service["envVars"]}
    assert asked == {"FLASK_SIGNET_DATABASE_URL", "FLASK_SIGNET_ROOT_KEY"}


def test_the_page_of_render_has_what_the_doctor_wants_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "app.py").write_text(FACTORY, "utf-8")
    monkeypatch.setenv("RENDER", "true")

    said = command(folder, "signet", "doctor")

    assert "FIX" not in said
    assert "x_for=2" in said
