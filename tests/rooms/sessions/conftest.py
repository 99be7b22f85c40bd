"""A world of sessions on each database that is supported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms.conftest import migrated
from tests.rooms.sessions.world import World


@pytest.fixture
def sqlite_world(tmp_path: Path) -> Iterator[World]:
    """Workers over one SQLite file, and a clock that is moved by hand."""
    world = World(tmp_path / "signet")
    yield world
    world.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Workers over one database; on PostgreSQL the time is the server's and cannot be moved."""
    url = None
    if request.param == "postgresql":
        url = migrated(request.getfixturevalue("postgres_url"))
    world = World(tmp_path / "signet", url=url)
    yield world
    world.close()
