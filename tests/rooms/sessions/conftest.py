"""A world of sessions on each database that is supported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.rooms.conftest import migrated
from tests.rooms.sessions.application import ROOT_KEY, create_app
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


@pytest.fixture
def unthrottled_app(tmp_path: Path, database: str | None) -> Iterator[Flask]:
    """An application over each database, without users and without a limit on wrong passwords."""
    config: dict[str, Any] = {"SIGNET_THROTTLE": False}
    if database is not None:
        config |= {"SIGNET_DATABASE_URL": database, "SIGNET_ROOT_KEY": ROOT_KEY}
    app = create_app(tmp_path, config)
    yield app
    app.extensions["signet"].close()
