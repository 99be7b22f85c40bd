"""A world of sessions on each database that is supported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_signet.store import Store, StoreSettings, schema
from tests.rooms.sessions.application import ROOT_KEY
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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database with our tables, ``None`` for the default SQLite file."""
    return migrated(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None


def migrated(url: str) -> str:
    """Make the tables, as ``flask signet db upgrade`` does."""
    store = Store(StoreSettings(folder=Path("unused"), url=url, root_key=ROOT_KEY))
    schema.upgrade(store)
    store.dispose()
    return url
