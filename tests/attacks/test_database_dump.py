"""Row 69: a copy of the whole database and of the log contains no secret that was issued."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_signet.store import rootkey
from tests.rooms.sessions.application import ROOT_KEY, create_app
from tests.support.postgres import find_binaries

COOKIE_MODE = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}
FIRST, SECOND, TYPED = "the first long password", "the second long password", "a password typed in vain"

Dump = Callable[[], bytes]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Flask, Dump]]:
    """An application, and what copies its whole database while it runs."""
    config: dict[str, Any] = {"SIGNET_ROOT_KEY": ROOT_KEY, "SIGNET_THROTTLE": False, "SIGNET_REGISTRATION": True}
    if request.param == "postgresql":
        url = config["SIGNET_DATABASE_URL"] = request.getfixturevalue("postgres_url")
        binaries = find_binaries()
        assert binaries is not None
        if not (binaries / "pg_dump").exists():
            pytest.skip("no pg_dump beside this PostgreSQL")

        def dump() -> bytes:
            return subprocess.run([binaries / "pg_dump", "--inserts", url], capture_output=True, check=True).stdout

    else:

        def dump() -> bytes:
            files = sorted((tmp_path / "signet").glob("signet.sqlite3*"))
            assert [file.name for file in files][:2] == ["signet.sqlite3", "signet.sqlite3-shm"]
            assert files[-1].stat().st_size > 0  # what was written last stands in the log alone
            return b"".join(file.read_bytes() for file in files)

    app = create_app(tmp_path, config)
    assert app.test_cli_runner().invoke(args=["signet", "db", "upgrade"]).exit_code == 0
    yield app, dump
    app.extensions["signet"].close()


class Issued:
    """Everything secret that came out of the application or went into it."""

    def __init__(self) -> None:
        self.passwords = [FIRST, SECOND, TYPED]
        self.tokens: list[str] = []
        self.keys: list[bytes] = []

    def note(self, answer: Any) -> dict[str, Any]:
        assert answer.status_code in (200, 201), answer.text
        body = answer.get_json()
        self.tokens += [body[name] for name in ("access_token", "refresh_token") if name in body]
        cookies = SimpleCookie()
        for header in answer.headers.getlist("Set-Cookie"):
            cookies.load(header)
        # The hint for pages that a server renders holds no secret: it is 1 for all users.
        self.tokens += [each.value for name, each in cookies.items() if each.value and not name.endswith("_hint")]
        return body

    def forms(self) -> Iterator[bytes]:
        """Each secret as text, as bytes, and as the hexadecimal digits that a dump writes bytes in."""
        for password in self.passwords:
            yield password.encode()
        for token in self.tokens:
            # Of an access token the signature is the secret; of a refresh token all after its prefix.
            for text in {token, token.rpartition(".")[2], token.removeprefix("sgr_")[-43:]}:
                yield text.encode()
        for text in {token.rpartition(".")[2].removeprefix("sgr_") for token in self.tokens}:
            self.keys.append(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[-32:])
        for key in self.keys:
            encoded = base64.urlsafe_b64encode(key).rstrip(b"=")
            yield from (
                key,
                key.hex().encode(),
                key.hex().upper().encode(),
                encoded,
                base64.b64encode(key).rstrip(b"="),
            )


def _live(client: FlaskClient, issued: Issued, app: Flask) -> None:
    """Let the application issue every kind of secret that it has, and end each in every way."""

    def log_in(password: str = FIRST, **kwargs: Any) -> dict[str, Any]:
        return issued.note(client.post("/token", json={"username": "ada", "password": password}, **kwargs))

    def bearer(tokens: dict[str, Any]) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens['access_token']}"}

    issued.note(client.post("/account", json={"username": "ada", "password": FIRST}))
    tokens = log_in()
    for _ in range(4):
        tokens = issued.note(client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]}))
    assert client.post("/token", json={"username": "ada", "password": TYPED}).status_code == 401
    assert client.post("/token", json={"username": TYPED, "password": FIRST}).status_code == 401
    by_cookie = {"username": "ada", "password": FIRST, "transport": "cookie"}
    for path, body in (("/token", by_cookie), ("/token/refresh", None)):
        issued.note(client.post(path, json=body, headers=COOKIE_MODE, base_url="https://localhost"))
    gone = log_in()
    assert client.delete("/token", headers=bearer(gone)).status_code == 204
    body = {"current_password": FIRST, "password": SECOND}
    issued.note(client.post("/account/password", json=body, headers=bearer(tokens)))
    log_in(SECOND)
    house = app.extensions["signet"]
    for step in (house.keys.load, house.keys.rotate, house.keys.rotate):
        issued.keys += [_private(key.jwk) for key in step()]
    issued.keys += [_private(key.jwk) for key in house.keys.revoke(house.keys.load()[0].kid)]
    for number, key in rootkey.parse(ROOT_KEY, source="the test").keys.items():
        issued.keys += [key, *(house.services.root_keys.derive(label, number) for label in _labels(house))]


def _labels(house: Any) -> set[str]:
    """Return the labels of what was derived from the root key so far."""
    labels = {label for label, _ in house.services.root_keys._derived}
    assert len(labels) >= 2
    return labels


def _private(jwk: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64decode(jwk["d"] + "=")


def test_row_69_neither_dump_nor_log_holds_a_secret_that_was_issued(
    world: tuple[Flask, Dump], caplog: pytest.LogCaptureFixture
) -> None:
    app, dump = world
    issued = Issued()
    with caplog.at_level(logging.DEBUG):
        _live(app.test_client(), issued, app)
    copy = dump()
    forms = list(issued.forms())

    assert len(issued.tokens) > 16
    assert len(issued.keys) > 16
    assert b"ada" in copy
    assert b"$argon2id$" in copy  # it is the right database, with what was written last
    assert [form for form in forms if form in copy] == []
    log = caplog.text.encode()
    assert [form for form in forms if form in log] == []


def test_row_69_what_is_searched_for_would_be_found(world: tuple[Flask, Dump]) -> None:
    """The same search, in a database that keeps what it should not."""
    app, dump = world
    issued = Issued()
    _live(app.test_client(), issued, app)
    with app.extensions["signet"].store.write() as connection:
        leaked = [issued.tokens[-1][:255], issued.keys[0].hex()]
        connection.exec_driver_sql(f"UPDATE signet_sessions SET device = '{leaked[0]}'")  # noqa: S608
        connection.exec_driver_sql(f"UPDATE signet_users SET roles = '{json.dumps(leaked[1:])}'")  # noqa: S608
    copy = dump()

    assert len([form for form in issued.forms() if form in copy]) >= 2
