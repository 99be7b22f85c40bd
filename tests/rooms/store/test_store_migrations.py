"""Tables and rows of the first release are upgraded to this version, and the sessions continue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect, text
from werkzeug.test import TestResponse

from flask_signet.store import Store, schema
from tests.rooms.sessions.application import PASSWORD, ROOT_KEY, create_app
from tests.rooms.store.versions import TAKING_AWAY, later_version, load, run

LONG = timedelta(days=36_500)


@dataclass
class Installation:
    """An application over the database that revision 0001 left."""

    app: Flask
    issued: dict[str, Any]
    environment: dict[str, str | None]

    @property
    def store(self) -> Store:
        return self.app.extensions["signet"].store

    def rows(self) -> dict[str, set[tuple[Any, ...]]]:
        """Every row of the columns that 0001 knows."""
        with self.store.unchecked(reading=True) as connection:
            return {
                table: {
                    tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
                    for row in connection.execute(text(f"SELECT {columns} FROM signet_{table}"))  # noqa: S608
                }
                for table, columns in COLUMNS.items()
            }


COLUMNS = {
    "users": "id, username, username_key, email, email_verified, password_hash, roles, created_at, disabled_at",
    "keys": "kid, status, algorithm, sealed_jwk, public_jwk, created_at, retired_at",
    "key_ring": "id, version",
    "sessions": "id, user_id, user_kind, generation, root_key, exchanged, created_at, used_at, idle_ends_at, ends_at,"
    " device, address, ended_at, ended_by",
    "epochs": "user_id, epoch",
    "feed": "n, kind, subject, epoch, until",
    "feed_head": "id, n, floor",
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    config: dict[str, Any] = {
        "SIGNET_ROOT_KEY": ROOT_KEY,
        "SIGNET_THROTTLE": False,
        "SIGNET_SESSION_IDLE": LONG,
        "SIGNET_SESSION_ABSOLUTE": LONG,
        "JWT_ACCESS_TOKEN_EXPIRES": LONG,
    }
    environment: dict[str, str | None] = {"TEST_INSTANCE": str(tmp_path), "TEST_ROOT_KEY": ROOT_KEY}
    if request.param == "postgresql":
        place = config["SIGNET_DATABASE_URL"] = environment["TEST_DATABASE_URL"] = request.getfixturevalue(
            "postgres_url"
        )
    else:
        (tmp_path / "signet").mkdir(mode=0o700)
        place = str(tmp_path / "signet" / "signet.sqlite3")
    issued = load(request.param, place)
    app = create_app(tmp_path, config)
    yield Installation(app, issued, environment)
    app.extensions["signet"].close()


def show(app: Flask, pair: dict[str, str]) -> tuple[int, int]:
    """Return how the two tokens of a session are answered."""
    return _guard(app, pair).status_code, _refresh(app, pair).status_code


def _guard(app: Flask, pair: dict[str, str]) -> TestResponse:
    return app.test_client().get("/protected", headers={"Authorization": f"Bearer {pair['access']}"})


def _refresh(app: Flask, pair: dict[str, str]) -> TestResponse:
    return app.test_client().post("/token/refresh", json={"refresh_token": pair["refresh"]})


def _login(app: Flask, name: str) -> TestResponse:
    return app.test_client().post("/token", json={"username": name, "password": PASSWORD})


def everything_goes_on(installation: Installation) -> None:
    """Logins, sessions and revocations of 0001 are what they were."""
    app, issued = installation.app, installation.issued
    published = app.test_client().get("/.well-known/jwks.json").get_json()["keys"]
    assert {key["kid"] for key in published} >= set(issued["kids"])
    assert [show(app, issued[name]) for name in ("kept", "afterwards", "by_second_key")] == [(200, 200)] * 3
    assert [show(app, issued[name]) for name in ("logged_out", "everywhere", "disabled")] == [(401, 401)] * 3
    assert _guard(app, issued["logged_out"]).get_json()["error"] == "token_revoked"
    assert [_login(app, name).status_code for name in ("ada", "bob", "eve", "gone")] == [200, 200, 401, 401]
    assert app.test_client().post("/token", json={"username": "ada", "password": "wrong"}).status_code == 401
    # The token before the last one was exchanged long ago: a client that sends it is a thief, and the session ends.
    assert show(app, issued["kept_before"]) == (200, 401)
    assert show(app, issued["kept"]) == (401, 401)
    # New ids follow those of deleted accounts.
    assert app.extensions["signet"].users.create("new", PASSWORD).id == 5


def test_sessions_of_the_first_release_go_on_after_the_upgrade(installation: Installation) -> None:
    before = installation.rows()
    assert schema.upgrade(installation.store) == schema.HEAD
    assert schema.check(installation.store) == []
    assert installation.rows() == before

    everything_goes_on(installation)


def test_they_go_on_after_a_way_up_and_down_too(installation: Installation, tmp_path: Path) -> None:
    """Up to a later version with rows, and back with the same rows."""
    before = installation.rows()
    later = later_version(tmp_path / "later", TAKING_AWAY)
    up = run(later, "signet", "db", "upgrade", environment=installation.environment)
    assert up.returncode == 0, up.stderr
    assert schema.current(installation.store) == TAKING_AWAY
    script = (
        "from flask import current_app\n"
        "from flask_signet.store import schema\n"
        "print(schema.downgrade(current_app.extensions['signet'].store, '0001'))\n"
    )
    (tmp_path / "down.py").write_text(script)
    down = run(later, "shell", environment=installation.environment | {"PYTHONSTARTUP": str(tmp_path / "down.py")})
    assert "0001" in down.stdout, down.stderr
    assert schema.current(installation.store) == "0001"
    assert installation.rows() == before
    assert schema.upgrade(installation.store) == schema.HEAD
    assert schema.check(installation.store) == []
    assert installation.rows() == before

    everything_goes_on(installation)


def test_the_frozen_tables_are_what_revision_0001_makes(installation: Installation, tmp_path: Path) -> None:
    """A released revision is never changed: databases that have it would not get the change."""
    frozen = _shape(installation.store)
    schema.downgrade(installation.store, "base")
    schema.upgrade(installation.store, "0001")

    assert _shape(installation.store) == frozen


def _shape(store: Store) -> dict[str, Any]:
    found = inspect(store.engine)
    return {
        name: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted(index["name"] or "" for index in found.get_indexes(name)),
            sorted(unique["name"] or "" for unique in found.get_unique_constraints(name)),
        )
        for name in found.get_table_names()
    }
