"""Sixteen tabs, four worker processes, one token: one successor, and no tab is logged out (attack row 64)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.rooms.sessions.live import House, Tabs, serving
from tests.support.processes import Server

StartServer = Callable[..., Server]

CHAIN = 8  # rotations of one session: with more than 16 within the grace the token would rightly stay the same


def rounds(house: House, count: int) -> int:
    """Run *count* rounds of simultaneous refreshes; return how many held."""
    tabs = Tabs(house.server.port)
    try:
        for number in range(count):
            if number % CHAIN == 0:
                granted = house.sessions.open(1)
                token, generation = granted.refresh_token, 1
            answers = tabs.refresh([token] * 16)
            assert [answer.status for answer in answers] == [200] * 16, (number, answers)
            successors = {answer.refresh_token for answer in answers}
            assert len(successors) == 1, f"round {number}: {len(successors)} successors"
            (successor,) = successors
            assert successor != token
            token, generation = successor, generation + 1
            with house.store.read() as connection:
                row = connection.execute(
                    text("SELECT generation, ended_at FROM signet_sessions WHERE id = :id"), {"id": granted.session_id}
                ).one()
            assert tuple(row) == (generation, None)
    finally:
        tabs.close()
    return count


@pytest.mark.journey
def test_tabs_that_refresh_at_once_get_one_successor(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    with serving(start_server, tmp_path, database) as house:
        assert rounds(house, 40) == 40


@pytest.mark.slow
def test_a_thousand_rounds(start_server: StartServer, tmp_path: Path, database: str | None) -> None:
    with serving(start_server, tmp_path, database) as house:
        assert rounds(house, 1_000) == 1_000


def test_tabs_without_locks_that_go_on_with_what_each_got(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    """A storm: each tab refreshes with its own last token, again and again. No tab is out, one token is left."""
    with serving(start_server, tmp_path, database) as house:
        granted = house.sessions.open(1)
        tokens = [granted.refresh_token] * 16
        tabs = Tabs(house.server.port)
        try:
            for _ in range(20):
                answers = tabs.refresh(tokens)
                assert {answer.status for answer in answers} == {200}
                tokens = [answer.refresh_token for answer in answers]
        finally:
            tabs.close()

        assert len(set(tokens)) == 1
        assert [info.id for info in house.sessions.listing(1)] == [granted.session_id]


def test_once_the_session_ended_no_tab_gets_another_token(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    with serving(start_server, tmp_path, database) as house:
        tabs = Tabs(house.server.port)
        try:
            for _ in range(5):
                granted = house.sessions.open(1)
                tabs.refresh([granted.refresh_token] * 16)
                house.sessions.end(granted.session_id)
                answers = tabs.refresh([granted.refresh_token] * 16)
                assert {answer.status for answer in answers} == {401}
        finally:
            tabs.close()
