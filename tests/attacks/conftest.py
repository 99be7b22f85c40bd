"""Fixtures of the attacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.attacks.world import Victim


class Doings:
    """What this process did to the world outside while it was watched: files, sockets, programs, databases."""

    _WATCHED = ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "sqlite3.connect")

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []
        self._on = False
        sys.addaudithook(self._hook)  # there is no way to take one away: so one for the whole run

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._on and event in self._WATCHED:
            self.seen.append((event, arguments[0]))

    @contextmanager
    def watched(self) -> Iterator[list[tuple[str, Any]]]:
        """Note every doing inside the block."""
        self.seen.clear()
        self._on = True
        try:
            yield self.seen
        finally:
            self._on = False


@pytest.fixture(scope="session")
def doings() -> Doings:
    return Doings()


@pytest.fixture
def victim() -> Victim:
    """An application that signs with HS256."""
    return Victim()


@pytest.fixture
def rsa_victim() -> Victim:
    """An application that signs with RS256."""
    return Victim("RS256")
