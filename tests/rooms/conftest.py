"""Stores for the rooms' tests: real files, memory, real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_signet.accounts.tables
import flask_signet.sessions.tables
import flask_signet.throttle.tables  # noqa: F401 (the metadata is whole when every room has been loaded)
from flask_signet.store import Store, StoreSettings, schema
from tests.rooms.sessions.application import ROOT_KEY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of Flask-Signet's own that is not there yet."""
    return tmp_path / "instance" / "signet"


@pytest.fixture
def file_store(folder: Path) -> Iterator[Store]:
    """The SQLite file that is made by itself."""
    store = Store(StoreSettings(folder=folder))
    yield store
    store.dispose()


@pytest.fixture
def postgres_store(folder: Path, postgres_url: str) -> Iterator[Store]:
    """PostgreSQL with the tables of this version."""
    store = Store(StoreSettings(folder=folder, url=postgres_url))
    schema.upgrade(store)
    yield store
    store.dispose()


@pytest.fixture(params=["file", "memory", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, folder: Path) -> Iterator[Store]:
    """Each kind of store in turn: what a test says of it holds for all."""
    if request.param == "memory":
        store = Store(StoreSettings(folder=folder, in_memory=True))
        yield store
        store.dispose()
    else:
        yield request.getfixturevalue("file_store" if request.param == "file" else "postgres_store")


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
