"""Row 30: keys change while four worker processes sign and verify, and no valid token is refused."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import SignetError
from flask_signet.tokens import ring, verify_signature
from flask_signet.web import keyfiles
from tests.conftest import StartServer
from tests.support.http import request
from tests.support.processes import Server, wait_until

WORKERS = 4
OVERLAP = 3  # seconds that a retired key stays
SETTLE = 2  # seconds that a key is known before it signs


class Client:
    """Takes a token from some worker and shows it, and the last few, to whichever worker answers."""

    def __init__(self, url: str) -> None:
        self.refused: list[tuple[int, bytes]] = []
        self.kids: set[str] = set()
        self.pids: set[int] = set()
        self.shown = 0
        self.end = threading.Event()
        self._url = url
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.end.set()
        self._thread.join(20)

    def _run(self) -> None:
        recent: list[str] = []
        while not self.end.is_set():
            recent = [*recent[-2:], request("GET", f"{self._url}/token").json["token"]]
            for token in recent:
                answer = request("GET", f"{self._url}/protected", token=token)
                self.shown += 1
                if answer.status == 200:
                    self.kids.add(answer.json["kid"])
                    self.pids.add(answer.json["pid"])
                else:
                    self.refused.append((answer.status, answer.body))


class RemoteVerifier(Client):
    """Another service: it knows only the published set, and requests it once a second."""

    def _run(self) -> None:
        while not self.end.is_set():
            published = request("GET", f"{self._url}/.well-known/jwks.json").json
            until = time.monotonic() + 1
            while time.monotonic() < until and not self.end.is_set():
                token = request("GET", f"{self._url}/token").json["token"]
                self.shown += 1
                try:
                    verify_signature(token, published)
                except SignetError as error:
                    self.refused.append((401, str(error).encode()))
                time.sleep(0.01)


def rotate(path: Path) -> None:
    keyfiles.change(
        path, lambda jwks: ring.rotated(jwks, SYSTEM.token_bytes, SYSTEM.now(), overlap=OVERLAP, settle=SETTLE)
    )


def everywhere(server: Server, token: str, status: int) -> bool:
    """Whether every one of many requests, which all workers share, is answered with *status*."""
    return all(request("GET", f"{server.url}/protected", token=token).status == status for _ in range(24))


def test_row_30_rotation_under_load_refuses_nobody_and_ends_old_keys(start_server: StartServer, tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    keyfiles.create(path, ring.generated("EdDSA", SYSTEM.token_bytes, SYSTEM.now() - SETTLE))
    server = start_server(
        [
            *(sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--bind", "127.0.0.1:{port}"),
            *("--log-level", "warning", "tests.attacks.ring_app:create_app()"),
        ],
        env={"RING": str(path)},
    )
    first = request("GET", f"{server.url}/token").json["token"]
    clients = [Client(server.url), Client(server.url), RemoteVerifier(server.url)]
    for client in clients:
        client.start()
    try:
        for _ in range(2):
            rotate(path)
            time.sleep(SETTLE + 1.2)
    finally:
        for client in clients:
            client.stop()

    assert [] == [refusal for client in clients for refusal in client.refused]
    assert all(client.shown > 20 for client in clients)
    assert 3 == len(clients[0].kids | clients[1].kids)
    assert WORKERS == len(clients[0].pids | clients[1].pids)

    # The first key has been retired for longer than the overlap: with the next step it leaves.
    rotate(path)
    wait_until(lambda: everywhere(server, first, 401), timeout=3, what="the old key is refused by every worker")
    assert everywhere(server, request("GET", f"{server.url}/token").json["token"], 200)


def test_row_31_a_leaked_key_is_refused_by_every_worker_within_a_second(
    start_server: StartServer, tmp_path: Path
) -> None:
    path = tmp_path / "ring.json"
    keyfiles.create(path, ring.generated("EdDSA", SYSTEM.token_bytes, SYSTEM.now()))
    server = start_server(
        [
            *(sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}"),
            *("--log-level", "warning", "tests.attacks.ring_app:create_app()"),
        ],
        env={"RING": str(path)},
    )
    stolen = request("GET", f"{server.url}/token").json["token"]
    assert everywhere(server, stolen, 200)
    leaked = json.loads(path.read_text())["keys"][0]["kid"]

    keyfiles.change(path, lambda jwks: ring.without(jwks, leaked, SYSTEM.token_bytes, SYSTEM.now()))
    time.sleep(1)

    assert everywhere(server, stolen, 401)
    assert everywhere(server, request("GET", f"{server.url}/token").json["token"], 200)
