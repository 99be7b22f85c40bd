"""The helpers that other tests lean on do what they say."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psycopg
import pytest

from tests.support.http import request
from tests.support.postgres import PostgresServer
from tests.support.processes import Server, accepts, wait_until


def answers(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


SERVE = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]


def test_a_server_answers_and_leaves_its_port_when_interrupted(tmp_path: Path) -> None:
    """Ctrl-C reaches the process even where the test run itself ignores it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Server(SERVE, cwd=tmp_path) as server:
            reply = request("GET", server.url + "/")
            server.interrupt()

            assert reply.status == 200
            assert not accepts("127.0.0.1", server.port)
            assert "GET / HTTP/1.1" in server.output()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_server_that_ends_at_once_is_an_error_with_its_words(tmp_path: Path) -> None:
    """The output of the failed test shows why."""
    server = Server([sys.executable, "-c", "raise SystemExit('no such luck')"], cwd=tmp_path)

    with pytest.raises(RuntimeError, match="no such luck"):
        server.start()


@pytest.mark.postgres
def test_postgres_survives_a_kill_with_what_was_committed(postgres_server: PostgresServer) -> None:
    """Rows are there after kill -9, and an open connection notices it."""
    url = postgres_server.create_database()
    with psycopg.connect(url, autocommit=True) as open_connection:
        open_connection.execute("create table kept (n int)")
        open_connection.execute("insert into kept values (7)")
        postgres_server.kill9()
        # An orphaned child may still answer for a moment.
        wait_until(lambda: not answers(open_connection), timeout=5, what="the loss of the connection")
    postgres_server.start()

    with psycopg.connect(url) as connection:
        row = connection.execute("select n from kept").fetchone()

    assert row == (7,)
