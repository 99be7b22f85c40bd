"""Real worker processes over one database, and clients that ask them at the same moment."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask

from tests.rooms.sessions.application import PASSWORD, ROOT_KEY, USERNAME, create_app
from tests.support.processes import Server, wait_until

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Answer:
    """What one request gave."""

    status: int
    body: dict[str, Any]

    @property
    def refresh_token(self) -> str:
        return self.body["refresh_token"]


class Connection:
    """One connection that is kept open, as a tab keeps it."""

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self._port, self._timeout = port, timeout
        self._http: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None) -> Answer:
        """Send one request; a connection that the server closed meanwhile is opened again once."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        content = None if body is None else json.dumps(body)
        for last in (False, True):
            fresh = self._http is None
            if self._http is None:
                self._http = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
            try:
                self._http.request(method, path, content, headers)
                response = self._http.getresponse()
                data = response.read()
                return Answer(response.status, json.loads(data) if data else {})
            except (http.client.HTTPException, OSError):
                self.close()
                if fresh or last:
                    raise
        raise AssertionError

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = None


class Tabs:
    """Sixteen tabs of one browser that all find their token expired at the same moment."""

    def __init__(self, port: int, count: int = 16) -> None:
        self._connections = [Connection(port) for _ in range(count)]
        self._pool = ThreadPoolExecutor(count)
        self._barrier = threading.Barrier(count)

    def refresh(self, tokens: Sequence[str]) -> list[Answer]:
        """Refresh with one token a tab, all at once."""

        def one(connection: Connection, token: str) -> Answer:
            self._barrier.wait(30)
            return connection.ask("POST", "/token/refresh", {"refresh_token": token})

        return list(self._pool.map(one, self._connections, tokens))

    def close(self) -> None:
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()


class Visitor(threading.Thread):
    """Logs in, refreshes and shows its token, on whichever server is there, and notes every answer."""

    def __init__(self, servers: list[Server]) -> None:
        super().__init__()
        self.servers = servers  # may grow while we run
        self.answers: list[tuple[int, str]] = []
        self.broken = 0  # connections that ended before an answer came, as they do when a worker leaves
        self._connections: dict[int, Connection] = {}
        self._end = threading.Event()
        self.tokens: dict[str, Any] = {}

    def run(self) -> None:
        turn = 0
        while not self._end.is_set():
            turn += 1
            try:
                self._visit(turn)
            except (http.client.HTTPException, OSError):
                self.broken += 1
            time.sleep(0.005)
        for connection in self._connections.values():
            connection.close()

    def _visit(self, turn: int) -> None:
        server = self.servers[turn % len(self.servers)]
        connection = self._connections.setdefault(server.port, Connection(server.port))
        if not self.tokens or turn % 40 == 0:
            answer = self._ask("login", connection, "POST", "/token", {"username": USERNAME, "password": PASSWORD})
        elif turn % 2:
            answer = self._ask("guard", connection, "GET", "/protected", None, self.tokens["access_token"])
        else:
            body = {"refresh_token": self.tokens["refresh_token"]}
            answer = self._ask("refresh", connection, "POST", "/token/refresh", body)
        if answer.status == 200 and "refresh_token" in answer.body:
            self.tokens = answer.body

    def _ask(self, what: str, connection: Connection, *given: Any) -> Answer:
        answer = connection.ask(*given)
        self.answers.append((answer.status, what))
        return answer

    def stop(self) -> None:
        self._end.set()
        self.join(60)


@contextmanager
def visited(servers: list[Server], count: int = 4) -> Iterator[list[Visitor]]:
    """Let visitors in until the block ends."""
    visitors = [Visitor(servers) for _ in range(count)]
    for visitor in visitors:
        visitor.start()
    try:
        yield visitors
    finally:
        for visitor in visitors:
            visitor.stop()


def more(visitors: list[Visitor], count: int = 25) -> None:
    """Wait for so many more good answers of each visitor."""

    def good(visitor: Visitor) -> int:
        return sum(status == 200 for status, _ in visitor.answers)

    wanted = [good(visitor) + count for visitor in visitors]
    wait_until(
        lambda: all(good(visitor) >= least for visitor, least in zip(visitors, wanted, strict=True)),
        timeout=60,
        what="good answers for everybody",
    )


@dataclass(frozen=True)
class House:
    """Gunicorn with its workers, and an application in this process over the same database."""

    server: Server
    app: Flask
    connections: list[Connection] = field(default_factory=list)

    @property
    def sessions(self) -> Any:
        return self.app.extensions["signet"].sessions

    @property
    def store(self) -> Any:
        return self.app.extensions["signet"].store

    def connection(self, timeout: float = 30.0) -> Connection:
        opened = Connection(self.server.port, timeout)
        self.connections.append(opened)
        return opened


@contextmanager
def serving(
    start_server: Callable[..., Server],
    folder: Path,
    url: str | None = None,
    *,
    workers: int = 4,
    threads: int = 4,
    more_environment: Mapping[str, str] | None = None,
    **settings: int,
) -> Iterator[House]:
    """Serve the test application by gunicorn: the default SQLite file below *folder*, or the database at *url*."""
    environment = {"TEST_INSTANCE": str(folder), "TEST_DATABASE_URL": url, "PYTHONPATH": "src"}
    environment |= {name: str(value) for name, value in settings.items()} | dict(more_environment or {})
    config: dict[str, Any] = dict(settings)
    if url is not None:
        config |= {"SIGNET_DATABASE_URL": url, "SIGNET_ROOT_KEY": ROOT_KEY}
    app = create_app(folder, config)
    app.extensions["signet"].users.create(USERNAME, PASSWORD)
    server = start_server(
        [
            *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:{port}"),
            *("-w", str(workers), "--threads", str(threads), "--timeout", "90"),
            *("--graceful-timeout", "2", "--keep-alive", "30"),
            "tests.rooms.sessions.application:serve()",
        ],
        cwd=ROOT,
        env=environment,
    )
    house = House(server=server, app=app)
    try:
        yield house
    finally:
        for connection in house.connections:
            connection.close()
        app.extensions["signet"].close()
