"""Rows 72 and 84 over every route that there is: a new one is tried without an edit here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.rooms.sessions.application import PASSWORD, create_app

SAFE = {"GET", "HEAD", "OPTIONS"}
NAMES = ("ada", "bob", "eve")
HONEST = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}
# Bodies that would do something, were they let in.
BODIES: dict[str, dict[str, Any]] = {
    "/token": {"username": "bob", "password": PASSWORD, "transport": "cookie"},
    "/account": {"username": "mallory", "password": PASSWORD, "email": "mallory@example.org"},
    "/account/password": {"current_password": PASSWORD, "password": "a password of the thief", "transport": "cookie"},
}
TRICKS: dict[str, dict[str, str]] = {
    "nothing": {},
    "another site": {"X-Signet": "1", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "a page beside ours": {"X-Signet": "1", "Sec-Fetch-Site": "same-site", "Origin": "https://evil.localhost"},
    "a null origin": {"X-Signet": "1", "Origin": "null"},
    "no word of its origin": {"X-Signet": "1"},
    "without our header": {"Sec-Fetch-Site": "same-origin", "Origin": "https://localhost"},
    "a token of the other scheme": {"X-CSRF-TOKEN": "guessed", "Sec-Fetch-Site": "cross-site"},
    "another method in a header": {"X-HTTP-Method-Override": "DELETE", "Sec-Fetch-Site": "cross-site"},
}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(tmp_path, {"SIGNET_THROTTLE": False})
    for name in NAMES:
        app.extensions["signet"].users.create(name, PASSWORD)
    yield app
    app.extensions["signet"].close()


def changing_routes(app: Flask) -> list[tuple[str, str]]:
    """Return every route of Signet that may change something, as method and path."""
    found = [
        (method, rule.rule.replace("<session_id>", "00000000-0000-7000-8000-000000000000"))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("signet.")
        for method in sorted(set(rule.methods or ()) - SAFE)
    ]
    assert len(found) >= 9
    assert not [path for _, path in found if "<" in path]
    return found


def state(app: Flask) -> list[list[tuple[Any, ...]]]:
    """Return every row that a request could have changed."""
    with app.extensions["signet"].store.read() as connection:
        return [
            [tuple(row) for row in connection.execute(text(f"SELECT * FROM signet_{table} ORDER BY 1"))]  # noqa: S608
            for table in ("users", "sessions", "epochs", "feed")
        ]


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
@pytest.mark.parametrize("form", ["JSON", "text", "form"])
def test_row_72_no_route_does_anything_for_another_site(app: Flask, trick: dict[str, str], form: str) -> None:
    """The victim's browser sends the cookie; the attacker's page sends everything else that a page can send."""
    victim = app.test_client()
    body = {"username": "ada", "password": PASSWORD, "transport": "cookie"}
    assert victim.post("/token", json=body, headers=HONEST, base_url="https://localhost").status_code == 200
    before = state(app)
    for method, path in changing_routes(app):
        sent: dict[str, Any] = {}
        if path in BODIES:
            sent = {
                "JSON": {"json": BODIES[path]},
                "text": {"data": app.json.dumps(BODIES[path]), "content_type": "text/plain"},
                "form": {"data": BODIES[path]},
            }[form]
        if method == "POST" and path == "/token" and form == "form":
            sent = {"data": {**BODIES[path], "transport": "cookie"}}
        answer = victim.open(path, method=method, headers=trick, base_url="https://localhost", **sent)
        assert answer.status_code in (400, 401, 403, 404, 415), (method, path, answer.status_code)
        assert "Set-Cookie" not in answer.headers, (method, path)

    assert state(app) == before


def test_row_72_the_same_requests_from_our_own_page_do_something(app: Flask) -> None:
    """Otherwise the test above would prove nothing."""
    owner = app.test_client()
    body = {"username": "ada", "password": PASSWORD, "transport": "cookie"}
    owner.post("/token", json=body, headers=HONEST, base_url="https://localhost")
    before = state(app)
    statuses = [
        owner.open(path, method=method, headers=HONEST, base_url="https://localhost").status_code
        for method, path in (("POST", "/token/refresh"), ("DELETE", "/token"))
    ]

    assert statuses == [200, 204]
    assert state(app) != before


def test_row_84_nobody_sees_or_ends_a_session_of_another(app: Flask) -> None:
    """Each of three users tries every session of every other, by each route that names one."""
    client = app.test_client()
    sessions: dict[str, list[dict[str, Any]]] = {
        name: [client.post("/token", json={"username": name, "password": PASSWORD}).get_json() for _ in range(2)]
        for name in NAMES
    }

    def bearer(name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {sessions[name][0]['access_token']}"}

    def ids(name: str) -> set[str]:
        return {session["id"] for session in client.get("/account/sessions", headers=bearer(name)).get_json()}

    known = {name: ids(name) for name in NAMES}
    assert len(set().union(*known.values())) == 6
    tried: list[tuple[int, bytes]] = []
    for name in NAMES:
        for other in set(NAMES) - {name}:
            for session_id in known[other]:
                answer: TestResponse = client.delete(f"/account/sessions/{session_id}", headers=bearer(name))
                tried.append((answer.status_code, answer.data))
    invented = client.delete("/account/sessions/00000000-0000-7000-8000-000000000000", headers=bearer("ada"))
    # The same bytes: an answer does not show whether another user's session exists.
    assert set(tried) == {(404, invented.data)}
    assert len(tried) == 12
    assert client.delete("/account/sessions", headers=bearer("ada")).status_code == 204

    assert {name: ids(name) for name in NAMES[1:]} == {name: known[name] for name in NAMES[1:]}
    for name in NAMES[1:]:
        for tokens in sessions[name]:
            refreshed = client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]})
            assert refreshed.status_code == 200
