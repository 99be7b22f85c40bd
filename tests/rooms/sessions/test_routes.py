"""The routes of sessions as a front end meets them: answers, refusals, cookie mode; rows 68 to 77 and 84."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from flask_signet import create_access_token
from flask_signet.sessions.events import refresh_reuse_detected, session_ended, session_opened
from tests.rooms.sessions.application import PASSWORD, USERNAME, create_app
from tests.rooms.sessions.world import HandClock

COOKIE_MODE = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def hand() -> HandClock:
    """The clock of the application, moved by hand."""
    return HandClock()


@pytest.fixture
def app(tmp_path: Path, hand: HandClock) -> Iterator[Flask]:
    """An application with one user, that is neither in debug nor in testing mode."""
    app = create_app(tmp_path, {"SIGNET_THROTTLE": False}, clock=hand.clock)
    app.extensions["signet"].users.create(USERNAME, PASSWORD)
    app.extensions["signet"].users.create("ada", PASSWORD)
    yield app
    app.extensions["signet"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without cookies."""
    return app.test_client()


def log_in(client: FlaskClient, username: str = USERNAME, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    answer = client.post("/token", json={"username": username, "password": password, **more})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def log_in_by_cookie(client: FlaskClient, **kwargs: Any) -> TestResponse:
    body = {"username": USERNAME, "password": PASSWORD, "transport": "cookie"}
    return client.post("/token", json=body, headers=COOKIE_MODE, **kwargs)


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def status(client: FlaskClient, tokens: dict[str, Any]) -> int:
    return client.get("/protected", headers=bearer(tokens)).status_code


def refreshed(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    return client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]})


# --- Answers ---------------------------------------------------------------------------------------------


def test_a_login_answers_as_the_lesson_does_and_more(client: FlaskClient) -> None:
    tokens = log_in(client)

    assert tokens["token"] == tokens["access_token"]
    assert {key: tokens[key] for key in ("token_type", "expires_in", "user_id")} == {
        "token_type": "Bearer",
        "expires_in": 900,
        "user_id": 1,
    }
    assert tokens["refresh_token"].startswith("sgr_")
    assert client.get("/protected", headers=bearer(tokens)).get_json()["id"] == 1


def test_a_form_is_as_good_as_json(client: FlaskClient) -> None:
    answer = client.post("/token", data={"username": USERNAME, "password": PASSWORD})

    assert answer.get_json()["user_id"] == 1


def test_a_refresh_answers_as_a_login_does(client: FlaskClient) -> None:
    tokens = log_in(client)
    answer = refreshed(client, tokens).get_json()

    assert answer.keys() == tokens.keys()
    assert answer["refresh_token"] != tokens["refresh_token"]
    assert status(client, answer) == 200


@pytest.mark.parametrize(("username", "password"), [(USERNAME, "wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials_are_refused_in_the_same_words(client: FlaskClient, username: str, password: str) -> None:
    answer = client.post("/token", json={"username": username, "password": password})

    assert answer.status_code == 401
    assert answer.get_json() == {"error": "invalid_credentials", "msg": "Bad username or password"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, 400),
        ({"json": {}}, 400),
        ({"json": []}, 400),
        ({"json": {"username": USERNAME}}, 400),
        ({"json": {"username": 1, "password": PASSWORD}}, 400),
        ({"json": {"username": USERNAME, "password": ["x"]}}, 400),
        ({"json": {"username": USERNAME, "password": PASSWORD, "transport": "pigeon"}}, 400),
        ({"json": {"username": USERNAME, "password": PASSWORD, "transport": ["cookie"]}}, 400),
        ({"data": "{", "content_type": "application/json"}, 400),
        ({"data": "username=a", "content_type": "text/plain"}, 415),
        ({"data": {"username": USERNAME, "password": PASSWORD, "transport": "cookie"}}, 400),
        ({"data": b"x" * 70_000, "content_type": "application/json"}, 413),
        ({"json": {"username": USERNAME, "password": "x" * 5_000}}, 400),
    ],
)
def test_a_bad_login_body_is_named(client: FlaskClient, request_: dict[str, Any], expected: int) -> None:
    answer = client.post("/token", **request_)

    assert answer.status_code == expected
    assert answer.get_json()["error"] in ("invalid_request", "unsupported_media_type", "too_large")


@pytest.mark.parametrize("token", ["sgr_", "x", "sgr_" + "A" * 74, "\u00e9" * 78, ""])
def test_what_is_no_refresh_token_is_refused(client: FlaskClient, token: str) -> None:
    answer = client.post("/token/refresh", json={"refresh_token": token})

    assert answer.status_code in (400, 401)
    assert answer.get_json()["error"] in ("invalid_token", "invalid_request")


def test_a_refresh_without_a_token_says_so(client: FlaskClient) -> None:
    answer = client.post("/token/refresh")

    assert (answer.status_code, answer.get_json()["error"]) == (401, "missing_token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_access_token_is_no_refresh_token_and_the_reverse(client: FlaskClient) -> None:
    """Attack row 20, as far as sessions go."""
    tokens = log_in(client)

    assert client.post("/token/refresh", json={"refresh_token": tokens["token"]}).status_code == 401
    assert client.get("/protected", headers={"Authorization": f"Bearer {tokens['refresh_token']}"}).status_code == 401


def test_sessions_are_listed_with_device_address_and_which_is_this_one(client: FlaskClient) -> None:
    client.post("/token", json={"username": USERNAME, "password": PASSWORD}, headers={"User-Agent": "Telephone"})
    tokens = log_in(client)
    log_in(client, "ada")
    sessions = client.get("/account/sessions", headers=bearer(tokens)).get_json()

    assert [session["current"] for session in sessions].count(True) == 1
    assert {session["device"] for session in sessions} >= {"Telephone"}
    assert len(sessions) == 2
    assert set(sessions[0]) == {"id", "device", "ip", "created", "last_seen", "current"}
    assert sessions[0]["ip"] == "127.0.0.1"


def test_health_answers(client: FlaskClient) -> None:
    assert client.get("/health").status_code == 200


def test_health_is_503_when_the_store_does_not_answer(app: Flask, client: FlaskClient, hand: HandClock) -> None:
    assert client.get("/health").status_code == 200
    _break_store(app)
    hand.pass_(2)
    answer = client.get("/health")

    assert (answer.status_code, answer.get_json()["error"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_health_asks_the_store_once_a_second(app: Flask, client: FlaskClient, hand: HandClock) -> None:
    client.get("/health")
    _break_store(app)

    assert client.get("/health").status_code == 200
    hand.pass_(1)
    assert client.get("/health").status_code == 503


# --- Row 68: another user's token; row 84: another user's session ----------------------------------------


def test_row_68_a_refresh_token_stays_its_users(client: FlaskClient) -> None:
    mine, hers = log_in(client), log_in(client, "ada")
    answer = client.post(
        "/token/refresh", json={"refresh_token": hers["refresh_token"]}, headers=bearer(mine)
    ).get_json()

    assert answer["user_id"] == hers["user_id"] == 2


def test_row_68_a_refresh_token_of_another_installation_is_refused(client: FlaskClient, tmp_path: Path) -> None:
    elsewhere = create_app(tmp_path / "elsewhere")
    elsewhere.extensions["signet"].users.create(USERNAME, PASSWORD)
    try:
        foreign = log_in(elsewhere.test_client())
    finally:
        elsewhere.extensions["signet"].close()

    assert refreshed(client, foreign).status_code == 401


def test_row_84_somebody_elses_session_does_not_exist(client: FlaskClient) -> None:
    mine, hers = log_in(client), log_in(client, "ada")
    her_sid = client.get("/protected", headers=bearer(hers)).get_json()["sid"]
    answer = client.delete(f"/account/sessions/{her_sid}", headers=bearer(mine))

    assert (answer.status_code, answer.get_json()["error"]) == (404, "not_found")
    assert status(client, hers) == 200
    ids = {session["id"] for session in client.get("/account/sessions", headers=bearer(mine)).get_json()}
    assert her_sid not in ids


@pytest.mark.parametrize("sid", ["x", "%00", "' OR 1=1 --", "00000000-0000-0000-0000-000000000000", "a" * 300])
def test_row_84_an_invented_session_does_not_exist_either(client: FlaskClient, sid: str) -> None:
    tokens = log_in(client)

    assert client.delete(f"/account/sessions/{sid}", headers=bearer(tokens)).status_code == 404
    assert status(client, tokens) == 200


# --- Row 69: the database holds no usable secret ---------------------------------------------------------


def test_row_69_a_dump_of_the_database_holds_no_secret_that_was_issued(app: Flask, tmp_path: Path) -> None:
    client = app.test_client()
    issued = [PASSWORD]
    tokens = log_in(client)
    for _ in range(5):
        tokens = refreshed(client, tokens).get_json()
        issued += [tokens["refresh_token"], tokens["access_token"]]
    cookie_answer = log_in_by_cookie(client, base_url="https://localhost")
    issued.append(_cookies(cookie_answer)["__Host-signet_refresh"].value)
    root_key = (tmp_path / "signet" / "root.key").read_text().split()[1]
    issued.append(root_key)
    dump = b"".join(path.read_bytes() for path in (tmp_path / "signet").glob("signet.sqlite3*"))

    assert len(issued) == 13
    assert tokens["user_id"] == 1
    assert USERNAME.encode() in dump  # it is the right file
    for secret in issued:
        for part in (secret, secret[-43:], secret.rpartition(".")[2]):
            assert part.encode() not in dump


# --- Row 70: every way out ends access and refresh -------------------------------------------------------


def _logout(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    return client.delete("/token", headers=bearer(tokens))


def _logout_by_refresh(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    return client.delete("/token", json={"refresh_token": tokens["refresh_token"]})


def _logout_everywhere(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    return client.delete("/token?everywhere=1", headers=bearer(log_in(client)))


def _end_this_session(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    sid = client.get("/protected", headers=bearer(tokens)).get_json()["sid"]
    return client.delete(f"/account/sessions/{sid}", headers=bearer(log_in(client)))


def _end_others(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    return client.delete("/account/sessions", headers=bearer(log_in(client)))


def _delete_account(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    return client.delete("/account", headers=bearer(log_in(client)))


def _disable(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    client.application.extensions["signet"].users.disable(1)
    return client.get("/health")


def _set_password(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    client.application.extensions["signet"].users.set_password(1, "quite another password")
    return client.get("/health")


def _change_password(client: FlaskClient, tokens: dict[str, Any]) -> TestResponse:
    body = {"current_password": PASSWORD, "password": "quite another password"}
    return client.post("/account/password", json=body, headers=bearer(log_in(client)))


WAYS_OUT = [
    _logout,
    _logout_by_refresh,
    _logout_everywhere,
    _end_this_session,
    _end_others,
    _delete_account,
    _disable,
    _set_password,
    _change_password,
]


@pytest.mark.parametrize("way_out", WAYS_OUT, ids=lambda way: way.__name__.strip("_"))
def test_row_70_every_way_out_ends_access_and_refresh(
    client: FlaskClient, way_out: Callable[[FlaskClient, dict[str, Any]], TestResponse]
) -> None:
    tokens, hers = log_in(client), log_in(client, "ada")
    answer = way_out(client, tokens)

    assert answer.status_code in (200, 204)
    assert status(client, tokens) == 401
    assert client.get("/protected", headers=bearer(tokens)).get_json()["error"] == "token_revoked"
    assert refreshed(client, tokens).status_code == 401
    assert status(client, hers) == 200


@pytest.mark.parametrize("way_out", WAYS_OUT, ids=lambda way: way.__name__.strip("_"))
def test_row_70_another_worker_knows_within_a_second(
    app: Flask, tmp_path: Path, hand: HandClock, way_out: Callable[[FlaskClient, dict[str, Any]], TestResponse]
) -> None:
    other = create_app(tmp_path, clock=hand.clock)
    client, elsewhere = app.test_client(), other.test_client()
    tokens = log_in(client)
    try:
        assert status(elsewhere, tokens) == 200
        way_out(client, tokens)
        hand.pass_(1)

        assert status(elsewhere, tokens) == 401
    finally:
        other.extensions["signet"].close()


def test_row_70_a_dead_or_unknown_token_logs_out_without_complaint(client: FlaskClient) -> None:
    """RFC 7009 section 2.2."""
    tokens = log_in(client)
    _logout(client, tokens)

    assert _logout(client, tokens).status_code == 204
    assert _logout_by_refresh(client, tokens).status_code == 204
    assert client.delete("/token", json={"refresh_token": "sgr_nonsense"}).status_code == 204
    assert client.delete("/token", headers={"Authorization": "Bearer a.b.c"}).status_code == 204
    assert client.delete("/token", headers={"Authorization": "Bearer a b c"}).status_code == 204
    assert client.delete("/token").status_code == 401


def test_an_expired_access_token_is_enough_to_log_out(client: FlaskClient, hand: HandClock) -> None:
    tokens = log_in(client)
    hand.pass_(1_000)
    assert status(client, tokens) == 401

    assert _logout(client, tokens).status_code == 204
    assert refreshed(client, tokens).status_code == 401


def test_a_token_of_a_dead_session_ends_no_other(client: FlaskClient) -> None:
    """A token found in an old log must not be able to sign its user out everywhere."""
    old, new = log_in(client), log_in(client)
    _logout(client, old)

    assert client.delete("/token?everywhere=1", headers=bearer(old)).status_code == 204
    assert client.delete("/token?everywhere=1", json={"refresh_token": old["refresh_token"]}).status_code == 204
    assert status(client, new) == 200


def test_logout_everywhere_ends_all_or_nothing(app: Flask, client: FlaskClient) -> None:
    """If this session alone had ended, the token would be invalid, and the others could not be ended."""
    tokens, other = log_in(client), log_in(client)
    engine = app.extensions["signet"].store.engine

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INTO signet_epochs" in statement:
            raise OperationalError(statement, None, sqlite3.OperationalError("disk I/O error"))

    event.listen(engine, "before_cursor_execute", fail)
    try:
        assert client.delete("/token?everywhere=1", headers=bearer(tokens)).status_code == 503
    finally:
        event.remove(engine, "before_cursor_execute", fail)
    assert client.delete("/token?everywhere=1", headers=bearer(tokens)).status_code == 204

    assert [401, 401] == [status(client, each) for each in (tokens, other)]
    assert [401, 401] == [refreshed(client, each).status_code for each in (tokens, other)]


def test_a_token_without_session_logs_out_everywhere(app: Flask, client: FlaskClient, hand: HandClock) -> None:
    """A view of the application made it. Once its time is over, or it was revoked, it ends nothing."""

    def own(identity: int = 1) -> dict[str, Any]:
        with app.app_context():
            return {"access_token": create_access_token(identity)}

    revoked = own()
    tokens, hers = log_in(client), log_in(client, "ada")
    assert client.delete("/token", headers=bearer(own())).status_code == 204
    assert status(client, tokens) == 200

    assert client.delete("/token?everywhere=1", headers=bearer(own())).status_code == 204
    assert [401, 200] == [status(client, each) for each in (tokens, hers)]
    assert client.get("/account", headers=bearer(revoked)).status_code == 401

    again, late = log_in(client), own()
    assert client.delete("/token?everywhere=1", headers=bearer(revoked)).status_code == 204
    assert status(client, again) == 200
    hand.pass_(1_000)
    assert client.delete("/token?everywhere=1", headers=bearer(late)).status_code == 204
    assert refreshed(client, again).status_code == 200


@pytest.mark.parametrize(("length", "statuses"), [(255, [401, 401, 204]), (256, [401, 401, 400])])
def test_an_identity_longer_than_an_id_of_a_user_may_be_is_refused(
    unthrottled_app: Flask, length: int, statuses: list[int]
) -> None:
    """The same on each database: PostgreSQL keeps no longer one, and SQLite would."""
    client = unthrottled_app.test_client()
    with unthrottled_app.app_context():
        headers = {"Authorization": f"Bearer {create_access_token('u' * length)}"}
    answers = [
        client.get("/account/sessions", headers=headers),
        client.delete("/account/sessions", headers=headers),
        client.delete("/token?everywhere=1", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == statuses


def test_everywhere_is_only_what_says_so(client: FlaskClient) -> None:
    one, other = log_in(client), log_in(client)
    client.delete("/token?everywhere=0", headers=bearer(one))

    assert status(client, other) == 200


def test_the_session_that_changes_the_password_goes_on(client: FlaskClient) -> None:
    tokens = log_in(client)
    sid = client.get("/protected", headers=bearer(tokens)).get_json()["sid"]
    answer = _password(client, tokens, PASSWORD, "quite another password")
    renewed = answer.get_json()

    assert answer.status_code == 200
    assert client.get("/protected", headers=bearer(renewed)).get_json()["sid"] == sid
    assert status(client, tokens) == 401
    assert refreshed(client, renewed).status_code == 200
    assert client.post("/token", json={"username": USERNAME, "password": PASSWORD}).status_code == 401
    assert log_in(client, password="quite another password")


def test_a_wrong_current_password_changes_nothing(client: FlaskClient) -> None:
    tokens = log_in(client)
    answer = _password(client, tokens, "wrong", "quite another password")

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_credentials")
    assert status(client, tokens) == 200
    assert log_in(client)


def test_a_weak_new_password_changes_nothing(client: FlaskClient) -> None:
    tokens = log_in(client)
    answer = _password(client, tokens, PASSWORD, "short")

    assert (answer.status_code, answer.get_json()["error"]) == (400, "weak_password")
    assert status(client, tokens) == 200
    assert log_in(client)


def test_an_account_is_changed_with_a_fresh_token_only(client: FlaskClient) -> None:
    tokens = log_in(client)
    stale = refreshed(client, tokens).get_json()

    assert client.patch("/account", json={"username": "alex"}, headers=bearer(stale)).status_code == 401
    changed = client.patch("/account", json={"username": "alex", "email": "a@example.org"}, headers=bearer(tokens))
    assert changed.get_json() | {"created_at": ""} == {
        "id": 1,
        "username": "alex",
        "email": "a@example.org",
        "email_verified": False,
        "roles": [],
        "created_at": "",
    }
    assert client.patch("/account", json={"email": None}, headers=bearer(tokens)).get_json()["email"] is None
    assert client.patch("/account", json={"username": "ada"}, headers=bearer(tokens)).status_code == 409
    assert log_in(client, "alex")


@pytest.mark.parametrize("field", ["roles", "id", "email_verified", "password_hash", "disabled"])
def test_no_other_field_of_an_account_can_be_sent(client: FlaskClient, field: str) -> None:
    """Attack row 50."""
    answer = client.patch("/account", json={field: "x"}, headers=bearer(log_in(client)))

    assert (answer.status_code, list(answer.get_json()["fields"])) == (400, [field])


def test_an_account_is_deleted_with_a_fresh_token_only(client: FlaskClient) -> None:
    tokens = log_in(client)
    stale = refreshed(client, tokens).get_json()

    assert client.delete("/account", headers=bearer(stale)).status_code == 401
    assert client.delete("/account", headers=bearer(tokens)).status_code == 204
    assert client.post("/token", json={"username": USERNAME, "password": PASSWORD}).status_code == 401


# --- Row 71: fixation ------------------------------------------------------------------------------------


def test_row_71_a_login_never_takes_over_a_session_that_was_there(app: Flask) -> None:
    attacker, victim = app.test_client(), app.test_client()
    planted = _cookies(log_in_by_cookie(attacker, base_url="https://localhost"))["__Host-signet_refresh"].value
    victim.set_cookie("__Host-signet_refresh", planted, domain="localhost", secure=True)
    mine = _cookies(log_in_by_cookie(victim, base_url="https://localhost"))["__Host-signet_refresh"].value

    assert mine != planted
    sids = [app.extensions["signet"].sessions.session_of(token) for token in (planted, mine)]
    assert sids[0] != sids[1]


def test_row_71_the_old_token_is_dead_after_the_password_was_typed_again(client: FlaskClient, hand: HandClock) -> None:
    tokens = log_in(client)
    renewed = _password(client, tokens, PASSWORD, "quite another password").get_json()
    hand.pass_(31)

    assert refreshed(client, tokens).status_code == 401
    assert refreshed(client, renewed).status_code == 401  # that was theft: the session is over for both


# --- Rows 72 to 75: cookie mode --------------------------------------------------------------------------


def test_the_cookie_replaces_the_token_in_the_body(client: FlaskClient) -> None:
    answer = log_in_by_cookie(client, base_url="https://localhost")

    assert "refresh_token" not in answer.get_json()
    again = client.post("/token/refresh", headers=COOKIE_MODE, base_url="https://localhost")
    assert "refresh_token" not in again.get_json()
    assert _cookies(again)["__Host-signet_refresh"].value != _cookies(answer)["__Host-signet_refresh"].value


def test_row_74_the_cookie_is_as_strict_as_a_cookie_can_be(client: FlaskClient) -> None:
    for answer in (
        log_in_by_cookie(client, base_url="https://localhost"),
        client.post("/token/refresh", headers=COOKIE_MODE, base_url="https://localhost"),
        client.delete("/token", headers=COOKIE_MODE, base_url="https://localhost"),
    ):
        header, hint = answer.headers.getlist("Set-Cookie")
        parts = {part.strip() for part in header.split(";")}
        assert hint.startswith("signet_hint=")
        assert header.startswith("__Host-signet_refresh=")
        assert parts >= {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"}
        assert not any(part.startswith("Domain") for part in parts)
        assert len(header) < 4_096


def test_logout_clears_what_login_set(client: FlaskClient) -> None:
    log_in_by_cookie(client, base_url="https://localhost")
    assert client.get_cookie("__Host-signet_refresh", domain="localhost") is not None
    answer = client.delete("/token", headers=COOKIE_MODE, base_url="https://localhost")

    assert answer.status_code == 204
    assert client.get_cookie("__Host-signet_refresh", domain="localhost") is None
    assert client.post("/token/refresh", headers=COOKIE_MODE, base_url="https://localhost").status_code == 401


@pytest.mark.parametrize("remote", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_on_this_machine_a_plain_cookie_will_do(client: FlaskClient, remote: str) -> None:
    client.environ_base["REMOTE_ADDR"] = remote
    header, hint = log_in_by_cookie(client, base_url="http://127.0.0.1:5000").headers.getlist("Set-Cookie")

    assert hint.startswith("signet_hint=1;")
    assert header.startswith("signet_refresh=")
    assert "Secure" not in header
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in header.split(";")}


@pytest.mark.parametrize(
    ("base_url", "remote", "headers"),
    [
        ("http://app.example", "192.0.2.7", {}),
        ("http://localhost:5000", "192.0.2.7", {}),
        ("http://localhost:5000", "::ffff:192.0.2.7", {}),
        ("http://127.0.0.1:8000", "127.0.0.1", {"X-Forwarded-Proto": "https"}),
        ("http://127.0.0.1.evil.example", "127.0.0.1", {}),
    ],
)
def test_anywhere_else_the_cookie_is_for_https(
    client: FlaskClient, base_url: str, remote: str, headers: dict[str, str]
) -> None:
    """Also behind a proxy on the same machine that speaks https to the world."""
    answer = client.post(
        "/token",
        json={"username": USERNAME, "password": PASSWORD, "transport": "cookie"},
        headers=COOKIE_MODE | headers,
        base_url=base_url,
        environ_overrides={"REMOTE_ADDR": remote},
    )

    assert answer.headers["Set-Cookie"].startswith("__Host-signet_refresh=")


@pytest.mark.parametrize("how", [{"SIGNET_COOKIE_SECURE": False}, {"TESTING": True}, {"DEBUG": True}])
def test_development_may_do_without_https(app: Flask, how: dict[str, bool]) -> None:
    app.config.update(how)
    answer = log_in_by_cookie(app.test_client(), base_url="http://app.example")

    assert answer.headers["Set-Cookie"].startswith("signet_refresh=")


TRICKS = {
    "no header": {"Sec-Fetch-Site": "same-origin"},
    "another value": {"X-Signet": "0", "Sec-Fetch-Site": "same-origin"},
    "another site": {"X-Signet": "1", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another port": {"X-Signet": "1", "Sec-Fetch-Site": "same-site", "Origin": "https://localhost:8443"},
    "same-site with our own name": {"X-Signet": "1", "Sec-Fetch-Site": "same-site", "Origin": "https://localhost"},
    "a typed address": {"X-Signet": "1", "Sec-Fetch-Site": "none"},
    "null origin": {"X-Signet": "1", "Origin": "null"},
    "no word of who asks": {"X-Signet": "1"},
    "a name that ends like ours": {"X-Signet": "1", "Origin": "https://evil-localhost"},
    "our name, then more": {"X-Signet": "1", "Origin": "https://localhost.evil.example"},
    "our name on http": {"X-Signet": "1", "Origin": "http://localhost"},
    "method override": {"X-HTTP-Method-Override": "POST", "Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
def test_row_72_another_site_can_do_nothing_with_the_cookie(client: FlaskClient, trick: dict[str, str]) -> None:
    first = log_in_by_cookie(client, base_url="https://localhost")
    for method, path in (("POST", "/token/refresh"), ("DELETE", "/token")):
        answer = client.open(path, method=method, headers=trick, base_url="https://localhost")
        assert (answer.status_code, answer.get_json()["error"]) == (403, "csrf_failed")
        assert "Set-Cookie" not in answer.headers
    body = {"username": "ada", "password": PASSWORD, "transport": "cookie"}
    answer = client.post("/token", json=body, headers=trick, base_url="https://localhost")
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers

    # Nothing has changed: the session lives, its token is the same.
    assert status(client, first.get_json()) == 200
    assert client.post("/token/refresh", headers=COOKIE_MODE, base_url="https://localhost").status_code == 200


def test_row_72_a_body_that_a_form_can_send_is_not_read_as_json(client: FlaskClient) -> None:
    log_in_by_cookie(client, base_url="https://localhost")
    text = json.dumps({"username": "ada", "password": PASSWORD, "transport": "cookie"})
    answer = client.post(
        "/token", data=text, content_type="text/plain", headers=COOKIE_MODE, base_url="https://localhost"
    )

    assert answer.status_code == 415
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Signet": "1", "Origin": "https://localhost"},
        {"X-Signet": "1", "Sec-Fetch-Site": "cross-site", "Origin": "https://front.example"},
        {"X-Signet": "1", "Origin": "https://FRONT.example"},
    ],
)
def test_our_own_origin_and_trusted_ones_pass(app: Flask, headers: dict[str, str]) -> None:
    app.config["SIGNET_TRUSTED_ORIGINS"] = ["https://front.example"]
    client = app.test_client()
    log_in_by_cookie(client, base_url="https://localhost")

    assert client.post("/token/refresh", headers=headers, base_url="https://localhost").status_code == 200


def test_trusted_origins_that_are_changed_in_place_count(app: Flask) -> None:
    origins = app.config["SIGNET_TRUSTED_ORIGINS"] = ["https://former.example"]
    client = app.test_client()

    def status(origin: str) -> int:
        body = {"username": USERNAME, "password": PASSWORD, "transport": "cookie"}
        headers = {"X-Signet": "1", "Origin": origin}
        return client.post("/token", json=body, headers=headers, base_url="https://localhost").status_code

    assert [status("https://former.example"), status("https://new.example")] == [200, 403]
    origins.remove("https://former.example")
    assert status("https://former.example") == 403
    origins.append("https://new.example")
    assert status("https://new.example") == 200


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}])
def test_an_empty_body_in_chunks_is_none(client: FlaskClient, headers: dict[str, str]) -> None:
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}

    def refresh(**more: str) -> int:
        return client.post(
            "/token/refresh",
            input_stream=BytesIO(b""),
            headers={**headers, **more},
            base_url="https://localhost",
            environ_overrides=chunked,
        ).status_code

    assert refresh() == 401
    log_in_by_cookie(client, base_url="https://localhost")
    assert refresh(**COOKIE_MODE) == 200


@pytest.mark.parametrize("end", [b"", b" trailing junk", b"x" * 200_000])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_of_unknown_length_is_not_cut_in_silence(app: Flask, kind: str, end: bytes) -> None:
    if kind == "application/json":
        start = json.dumps({"username": USERNAME, "password": PASSWORD}).encode()
        filling = b" "
    else:
        start = urlencode({"username": USERNAME, "password": PASSWORD, "more": ""}).encode()
        filling = b"+"
    fits, longer = start.ljust(16_384, filling), start.ljust(16_385, filling) + end
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}

    def status(body: bytes) -> int:
        stream = BytesIO(body)
        return (
            app.test_client()
            .post("/token", input_stream=stream, content_type=kind, environ_overrides=chunked)
            .status_code
        )

    assert (status(fits), status(longer)) == (200, 413)


def test_in_debug_mode_a_refusal_says_what_came_and_what_helps(app: Flask) -> None:
    app.config["DEBUG"] = True
    headers = {"X-Signet": "1", "Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:5173"}
    answer = app.test_client().post(
        "/token",
        json={"username": USERNAME, "password": PASSWORD, "transport": "cookie"},
        headers=headers,
        base_url="http://127.0.0.1:5000",
    )

    assert answer.status_code == 403
    said = answer.get_json()["msg"]
    assert "The page is on localhost, the API on 127.0.0.1: use the same host name for both." in said
    assert "Sec-Fetch-Site: cross-site" in said


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//", "null", "http://\u00e9:x"])
def test_in_debug_mode_an_origin_that_is_no_url_is_refused_like_any_other(app: Flask, origin: str) -> None:
    app.debug = True
    body = {"username": USERNAME, "password": PASSWORD, "transport": "cookie"}
    answer = app.test_client().post("/token", json=body, headers={"X-Signet": "1", "Origin": origin})

    assert (answer.status_code, answer.get_json()["error"]) == (403, "csrf_failed")


def test_row_73_two_cookies_of_one_name_are_refused(client: FlaskClient) -> None:
    first = _cookies(log_in_by_cookie(client, base_url="https://localhost"))["__Host-signet_refresh"].value
    clean = client.application.test_client(use_cookies=False)
    twice = f"__Host-signet_refresh={first}; __Host-signet_refresh=sgr_planted"
    answer = clean.post("/token/refresh", headers={**COOKIE_MODE, "Cookie": twice}, base_url="https://localhost")

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    "cookie",
    [
        "=__Host-signet_refresh={}",
        "__host-signet_refresh={}",
        "signet_refresh={}",
        "__Host-signet_refresh ={}; x",
    ],
)
def test_row_73_a_cookie_that_only_looks_like_ours_counts_for_nothing_on_https(
    client: FlaskClient, cookie: str
) -> None:
    """A nameless cookie, another case, and the plain name, which a page on http could set (CVE-2023-23934)."""
    tokens = log_in(client)
    clean = client.application.test_client(use_cookies=False)
    headers = {**COOKIE_MODE, "Cookie": cookie.format(tokens["refresh_token"])}
    answer = clean.post("/token/refresh", headers=headers, base_url="https://localhost")

    # A blank before "=" is part of no name (RFC 6265 section 5.2): that one is ours.
    assert answer.status_code == (200 if " =" in cookie else 401)


def test_a_token_in_the_body_and_a_cookie_are_one_too_many(client: FlaskClient) -> None:
    log_in_by_cookie(client, base_url="https://localhost")
    tokens = log_in(client)
    answer = client.post(
        "/token/refresh",
        json={"refresh_token": tokens["refresh_token"]},
        headers=COOKIE_MODE,
        base_url="https://localhost",
    )

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_in_cookie_mode_a_new_password_comes_with_a_new_cookie(client: FlaskClient) -> None:
    tokens = log_in_by_cookie(client, base_url="https://localhost").get_json()
    body = {"current_password": PASSWORD, "password": "quite another password", "transport": "cookie"}
    answer = client.post(
        "/account/password", json=body, headers=COOKIE_MODE | bearer(tokens), base_url="https://localhost"
    )

    assert "refresh_token" not in answer.get_json()
    assert _cookies(answer)["__Host-signet_refresh"].value
    assert client.post("/token/refresh", headers=COOKIE_MODE, base_url="https://localhost").status_code == 200


def test_row_75_no_answer_with_a_token_or_about_one_may_be_stored(app: Flask, client: FlaskClient) -> None:
    tokens = log_in(client)
    answers = [
        client.post("/token", json={"username": USERNAME, "password": PASSWORD}),
        client.post("/token", json={"username": USERNAME, "password": "wrong"}),
        client.post("/token", json=[]),
        client.put("/token"),
        refreshed(client, tokens),
        client.post("/token/refresh"),
        client.get("/account/sessions", headers=bearer(tokens)),
        client.get("/account/sessions"),
        client.delete("/account/sessions/x", headers=bearer(tokens)),
        client.get("/health"),
        log_in_by_cookie(client, base_url="https://localhost"),
        client.post("/token/refresh", base_url="https://localhost"),
        client.delete("/token", headers=bearer(tokens)),
        client.get("/protected", headers=bearer(tokens)),
    ]

    assert {answer.headers.get("Cache-Control") for answer in answers} == {"no-store"}
    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://localhost.evil.example", "http://localhost"]
)
def test_row_76_we_open_no_door_to_other_origins(client: FlaskClient, origin: str) -> None:
    for answer in (
        client.options("/token", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}),
        client.post("/token", json={"username": USERNAME, "password": PASSWORD}, headers={"Origin": origin}),
    ):
        assert not [name for name in answer.headers.keys() if name.lower().startswith("access-control-")]


def test_row_77_what_we_answer_is_no_page(client: FlaskClient) -> None:
    """JSON or nothing: no route returns a page that could be framed or sniffed into one."""
    tokens = log_in(client)
    for answer in (
        client.post("/token", json={"username": "<script>", "password": "<script>"}),
        client.get("/account/sessions", headers=bearer(tokens) | {"User-Agent": "<script>"}),
        client.delete("/account/sessions/<script>", headers=bearer(tokens)),
    ):
        assert answer.mimetype == "application/json"


# --- Events ----------------------------------------------------------------------------------------------


def test_events_are_told_to_whoever_listens(app: Flask, client: FlaskClient, hand: HandClock) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []

    def listen(name: str) -> Callable[..., None]:
        def receiver(sender: object, **data: Any) -> None:
            assert sender is app
            heard.append((name, data))

        return receiver

    receivers = [listen(name) for name in ("opened", "ended", "reuse")]
    for signal, receiver in zip((session_opened, session_ended, refresh_reuse_detected), receivers, strict=True):
        signal.connect(receiver, sender=app)
    tokens = log_in(client)
    refreshed(client, tokens)
    hand.pass_(31)
    refreshed(client, tokens)

    assert [name for name, _ in heard] == ["opened", "reuse", "ended"]
    assert heard[2][1]["reason"] == "theft"
    assert {data["user_id"] for _, data in heard} == {1}
    assert tokens["refresh_token"] not in str(heard)


# --- Pieces ----------------------------------------------------------------------------------------------


def _password(client: FlaskClient, tokens: dict[str, Any], current: str, new: str) -> TestResponse:
    body = {"current_password": current, "password": new}
    return client.post("/account/password", json=body, headers=bearer(tokens))


def _cookies(answer: TestResponse) -> SimpleCookie:
    cookies = SimpleCookie()
    for header in answer.headers.getlist("Set-Cookie"):
        cookies.load(header)
    return cookies


def _break_store(app: Flask) -> None:
    """Put a folder in place of the database, so that every use of it fails."""
    folder = app.extensions["signet"].store.settings.folder
    for path in folder.glob("signet.sqlite3*"):
        path.unlink()
    (folder / "signet.sqlite3").mkdir()
