"""Refreshes per second over HTTP: Flask-Signet, Flask-Security, and Flask-JWT-Extended with a database blocklist.

Each runs in one gunicorn worker with four threads and its own database. Four clients refresh their own sessions without
a pause. Every refresh replaces the refresh token and writes to the database with the same durability. Flask-Signet runs
without grace time, so that each of its refreshes writes too.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flask import Flask, jsonify

from benchmarks import measure
from benchmarks.end_to_end import SECRET
from benchmarks.refresh import ROOT_KEY, durable_server
from flask_signet.store import engines
from tests.support.postgres import find_binaries
from tests.support.processes import Server

ROUNDS = 7
SECONDS = 2.0
CLIENTS = 4
USERNAME, PASSWORD = "alesanchezr", "a long enough password"

# --- The three applications: in a worker, told by the environment which one ------------------------------------------


def app() -> Flask:
    """Return the application that the environment names, over the database that it names."""
    makers = {"ours": _ours, "security": _flask_security, "extended": _flask_jwt_extended}
    return makers[os.environ["BENCHMARK_APP"]](Path(os.environ["BENCHMARK_FOLDER"]), os.environ.get("BENCHMARK_URL"))


def _ours(folder: Path, url: str | None) -> Flask:
    from flask_signet import Signet
    from flask_signet.store import schema

    app = Flask(__name__, instance_path=str(folder))
    app.config.update(SIGNET_REFRESH_GRACE=0, SIGNET_THROTTLE=False)
    if url is not None:
        app.config.update(SIGNET_DATABASE_URL=url, SIGNET_ROOT_KEY=ROOT_KEY)
    signet = Signet(app)
    schema.upgrade(signet.store)
    signet.users.create(USERNAME, PASSWORD)
    return app


def _database(app: Flask, folder: Path, url: str | None) -> Any:
    """Return Flask-SQLAlchemy over the file or the server, with the pragmas of our own file."""
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy import event

    app.config["SQLALCHEMY_DATABASE_URI"] = engines.parse(url or f"sqlite:///{folder / 'peer.sqlite3'}")
    db = SQLAlchemy(app)
    if url is None:
        with app.app_context():
            event.listen(db.engine, "connect", _pragmas)
    return db


def _pragmas(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _flask_security(folder: Path, url: str | None) -> Flask:
    import flask_security as security
    from flask_security.models import fsqla_v4 as models

    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=SECRET,
        SECURITY_PASSWORD_SALT="a salt of this measurement",
        SECURITY_REFRESH_TOKEN=True,
        SECURITY_REFRESH_TOKEN_COOKIE_NAME=None,
        WTF_CSRF_ENABLED=False,
    )
    db = _database(app, folder, url)
    models.FsModels.set_db_info(db)

    class Role(db.Model, models.FsRoleMixin):
        pass

    class User(db.Model, models.FsUserMixin):
        pass

    class FsRefreshTracker(db.Model, models.FsRefreshTrackerMixin):  # the name by which the mixin of users knows it
        __tablename__ = "fs_refresh"

    datastore = security.SQLAlchemyUserDatastore(db, User, Role, None, FsRefreshTracker)
    security.Security(app, datastore)
    with app.app_context():
        db.create_all()
        datastore.create_user(email=f"{USERNAME}@example.com", password=security.hash_password(PASSWORD))
        db.session.commit()
    return app


def _flask_jwt_extended(folder: Path, url: str | None) -> Flask:
    import flask_jwt_extended as extended
    from sqlalchemy import select

    app = Flask(__name__)
    app.config["JWT_SECRET_KEY"] = SECRET
    db = _database(app, folder, url)
    jwt = extended.JWTManager(app)

    class Blocked(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        jti = db.Column(db.String(36), nullable=False, index=True, unique=True)
        created_at = db.Column(db.DateTime, nullable=False, server_default=db.func.now())

    @jwt.token_in_blocklist_loader
    def blocked(_header: Any, claims: Any) -> bool:
        return db.session.execute(select(Blocked.id).where(Blocked.jti == claims["jti"])).first() is not None

    @app.post("/token")
    def login() -> Any:
        return jsonify(refresh_token=extended.create_refresh_token("1"))

    @app.post("/token/refresh")
    @extended.jwt_required(refresh=True)
    def refresh() -> Any:
        identity = extended.get_jwt_identity()
        db.session.add(Blocked(jti=extended.get_jwt()["jti"]))
        db.session.commit()
        return jsonify(
            token=extended.create_access_token(identity), refresh_token=extended.create_refresh_token(identity)
        )

    with app.app_context():
        db.create_all()
    return app


# --- Clients --------------------------------------------------------------------------------------------------------


class Client:
    """One session that is refreshed again and again over one connection."""

    def __init__(self, name: str, port: int) -> None:
        self._name = name
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._token = self._begin()

    def _begin(self) -> str:
        if self._name == "security":
            body = self._post("/login?include_auth_token", {"email": f"{USERNAME}@example.com", "password": PASSWORD})
        else:
            body = self._post("/token", {"username": USERNAME, "password": PASSWORD})
        return self._refresh_token(body)

    def refresh(self) -> None:
        """Exchange the refresh token for the next one."""
        if self._name == "extended":
            body = self._post("/token/refresh", None, {"Authorization": f"Bearer {self._token}"})
        elif self._name == "security":
            body = self._post("/refresh-token", {"refresh_token": self._token})
        else:
            body = self._post("/token/refresh", {"refresh_token": self._token})
        before, self._token = self._token, self._refresh_token(body)
        if self._token == before:
            raise RuntimeError(f"{self._name}: the refresh token was not replaced")

    def _refresh_token(self, body: dict[str, Any]) -> str:
        return body["response"]["user"]["refresh_token"] if self._name == "security" else body["refresh_token"]

    def _post(self, path: str, body: dict[str, Any] | None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        content = json.dumps(body or {})
        self._http.request("POST", path, content, {"Content-Type": "application/json", **(headers or {})})
        answer = self._http.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self._name}: {path} answered {answer.status}: {data[:300]!r}")
        return json.loads(data)


def _rate(clients: list[Client]) -> float:
    counts, end = [0] * len(clients), time.perf_counter() + SECONDS
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            while time.perf_counter() < end:
                clients[number].refresh()
                counts[number] += 1
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(clients))]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return sum(counts) / (time.perf_counter() - start)


# --- The run --------------------------------------------------------------------------------------------------------


NAMES = {
    "ours": "Flask-Signet",
    "security": "Flask-Security",
    "extended": "Flask-JWT-Extended, blocklist in the database",
}


def _serve(stack: ExitStack, name: str, folder: Path, url: str | None) -> list[Client]:
    own = folder / name
    own.mkdir()
    command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:{port}", "-w", "1", "--threads", "4"]
    command += ["--keep-alive", "60", "--log-level", "warning", "benchmarks.refresh_http:app()"]
    environment = {"BENCHMARK_APP": name, "BENCHMARK_FOLDER": str(own), "BENCHMARK_URL": url}
    server = Server(command, cwd=Path.cwd(), env=environment)
    stack.callback(server.stop)
    server.start()
    return [Client(name, server.port) for _ in range(CLIENTS)]


def _measured(store: str, urls: dict[str, str] | None) -> list[list[object]]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, ExitStack() as stack:  # a disk; /tmp may be memory
        clients = {name: _serve(stack, name, Path(folder), urls and urls[name]) for name in NAMES}
        rates = measure.in_turns(lambda name: _rate(clients[name]), list(NAMES), ROUNDS)
    return [
        [store, NAMES[name], round(measure.median(rates[name])), measure.ratio(rates, "ours", name)] for name in NAMES
    ]


def _on_postgresql() -> list[list[object]]:
    binaries = find_binaries()
    if binaries is None:
        return []
    server = durable_server(binaries)
    try:
        server.start()
        return _measured("PostgreSQL", {name: server.create_database() for name in NAMES})
    finally:
        server.remove()


def main() -> None:
    """Print the table."""
    rows = [*_measured("SQLite, synchronous=FULL", None), *_on_postgresql()]
    note = (
        f"gunicorn, one worker with four threads; {CLIENTS} clients; medians of {ROUNDS} interleaved rounds of "
        f"{SECONDS:.0f} s. The other libraries use Flask-SQLAlchemy, on SQLite with the same pragmas. Neither repeats "
        "a response that a client has lost. Flask-JWT-Extended does not detect the reuse of a refresh token."
    )
    head = ["store", "library", "refreshes / s", "Flask-Signet / this one"]
    measure.publish("refresh_http", measure.table("Refreshes over HTTP", head, rows, note))
