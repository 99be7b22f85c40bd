"""The page of WebSockets and tasks: its code refuses what a guard would refuse."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import simple_websocket
from flask import Flask

from flask_signet.testing import reset, signed_in
from tests.conftest import StartServer
from tests.docs.markdown import DOCS, Block, blocks
from tests.support.processes import wait_until

PAGE = DOCS / "websockets.md"
PASSWORD = "correct horse"


def block(word: str) -> Block:
    """Return the program of the page that holds *word*."""
    return next(block for block in blocks(PAGE, "python") if word in block.text)


def program(word: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a program of the page, with its data in *folder*, and return its names."""
    monkeypatch.chdir(folder)
    file = folder / "app.py"
    file.write_text(block(word).text, "utf-8")
    return runpy.run_path(str(file))


def login(app: Flask) -> str:
    answer = app.test_client().post("/token", json={"username": "ada", "password": PASSWORD})
    return answer.json["token"]


def test_a_socket_of_socketio_opens_with_a_good_token_alone_and_ends_with_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = program("SocketIO(", tmp_path, monkeypatch)
    app, socketio, signet = names["app"], names["socketio"], names["signet"]
    ada = signet.users.create("ada", PASSWORD)
    token = login(app)
    for auth in (None, {}, {"token": "undefined"}, "undefined", {"token": token + "x"}):
        assert not socketio.test_client(app, auth=auth).is_connected()

    socket = socketio.test_client(app, auth={"token": token})
    socket.emit("say", "hello")
    assert socket.get_received()[0]["args"] == [{"user": 1, "text": "hello"}]
    signet.users.disable(ada.id)
    socket.emit("say", "still here")

    assert not socket.is_connected()
    assert not socketio.test_client(app, auth={"token": token}).is_connected()
    reset(app)


def test_a_socket_of_flask_sock_does_the_same(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = program("Sock(app)", tmp_path, monkeypatch)
    app, signet = names["app"], names["signet"]
    signet.users.create("ada", PASSWORD)
    token = login(app)
    command = [sys.executable, "-m", "flask", "run", "--port", "{port}"]
    server = start_server(command, cwd=tmp_path, env={"FLASK_APP": None})
    url = f"ws://127.0.0.1:{server.port}/echo"

    refused = simple_websocket.Client(url)
    refused.send("undefined")
    with pytest.raises(simple_websocket.ConnectionClosed) as closed:
        refused.receive(timeout=20)
    assert closed.value.reason == 4401
    socket = simple_websocket.Client(url)
    socket.send(token)
    assert socket.receive(timeout=20) == "signed in as 1"
    socket.send("hello")
    assert socket.receive(timeout=20) == "hello"
    socket.close()
    reset(app)


@pytest.mark.parametrize("path", ["/report", "/request"])
def test_a_thread_knows_the_user_by_either_way(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = program("Thread(", tmp_path, monkeypatch)
    app, client = names["app"], names["app"].test_client()
    user = names["signet"].users.create("ada", PASSWORD)

    with signed_in(client, user):
        assert client.post(path).status_code == 202

    wait_until(lambda: names["done"] == [1], timeout=20, what="the task")
    reset(app)
