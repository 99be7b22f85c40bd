"""Cookie mode: names, https without a word of the proxy, frames on other sites, and what a new login replaces."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, redirect
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from flask_signet import Signet
from flask_signet.exceptions import SettingsError
from flask_signet.sessions.events import session_ended
from flask_signet.store import Store
from tests.rooms.sessions.application import PASSWORD, USERNAME, create_app
from tests.rooms.sessions.world import HandClock

COOKIE_MODE = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}
PLAIN = "signet_refresh"


def application(tmp_path: Path, hand: HandClock | None = None, **config: Any) -> Flask:
    app = create_app(tmp_path, {"SIGNET_THROTTLE": False, **config}, clock=(hand or HandClock()).clock)
    app.extensions["signet"].users.create(USERNAME, PASSWORD)
    app.extensions["signet"].users.create("ada", PASSWORD)
    return app


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
def app(tmp_path: Path, hand: HandClock) -> Iterator[Flask]:
    app = application(tmp_path, hand)
    yield app
    app.extensions["signet"].close()


def log_in(client: FlaskClient, username: str = USERNAME, **headers: str) -> TestResponse:
    body = {"username": username, "password": PASSWORD, "transport": "cookie"}
    return client.post("/token", json=body, headers={**COOKIE_MODE, **headers})


def refresh(client: FlaskClient, **headers: str) -> TestResponse:
    return client.post("/token/refresh", headers={**COOKIE_MODE, **headers})


def cookies(answer: TestResponse) -> SimpleCookie:
    found = SimpleCookie()
    for line in answer.headers.getlist("Set-Cookie"):
        found.load(line)
    return found


def open_sessions(app: Flask) -> int:
    return len(app.extensions["signet"].sessions.listing())


# --- Which name, and for which------------------------------------------------------------------------


def test_two_applications_on_one_host_have_cookies_of_their_own(tmp_path: Path) -> None:
    shop = application(tmp_path / "shop", SIGNET_COOKIE_NAME="shop")
    blog = application(tmp_path / "blog", SIGNET_COOKIE_NAME="blog")
    found = {name: cookies(log_in(app.test_client())) for name, app in (("shop", shop), ("blog", blog))}
    client = shop.test_client()
    log_in(client)

    assert {name: list(each) for name, each in found.items()} == {
        "shop": ["shop_refresh", "shop_hint"],
        "blog": ["blog_refresh", "blog_hint"],
    }
    assert refresh(client).status_code == 200
    assert list(cookies(log_in(shop.test_client(), Origin="https://localhost"))) == ["__Host-shop_refresh", "shop_hint"]


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a;b", "a=b", "__Host-x", "__Secure-x", "\u00e9", "a\n", "x" * 65, 7, "-"]
)
def test_what_is_no_name_of_a_cookie_is_refused_at_start(tmp_path: Path, name: Any) -> None:
    app = Flask("shop", instance_path=str(tmp_path))
    app.config["SIGNET_COOKIE_NAME"] = name

    with pytest.raises(SettingsError, match="SIGNET_COOKIE_NAME must"):
        Signet(app)


def test_a_partitioned_cookie_is_for_https_and_for_frames(tmp_path: Path) -> None:
    """CHIPS: Secure, SameSite=None, Partitioned, path "/"."""
    app = application(tmp_path, SIGNET_COOKIE_PARTITIONED=True)
    client = app.test_client()
    lines = [
        log_in(client).headers["Set-Cookie"],
        client.delete("/token", headers=COOKIE_MODE, base_url="https://localhost").headers["Set-Cookie"],
    ]

    for line in lines:
        parts = {part.strip() for part in line.split(";")}
        assert line.startswith("__Host-signet_refresh=")
        assert parts >= {"Secure", "HttpOnly", "SameSite=None", "Path=/", "Partitioned"}


def test_a_partitioned_cookie_needs_the_proof_of_its_own_page_all_the_same(tmp_path: Path) -> None:
    app = application(tmp_path, SIGNET_COOKIE_PARTITIONED=True)
    client = app.test_client()
    log_in(client)

    assert refresh(client, **{"Sec-Fetch-Site": "cross-site"}).status_code in (401, 403)
    assert client.post("/token/refresh", base_url="https://localhost").status_code == 403


def test_a_partitioned_cookie_on_plain_http_is_refused_at_start(tmp_path: Path) -> None:
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(SIGNET_COOKIE_PARTITIONED=True, SIGNET_COOKIE_SECURE=False)

    with pytest.raises(SettingsError, match="SIGNET_COOKIE_PARTITIONED needs https"):
        Signet(app)


def test_a_page_that_came_by_https_gets_a_cookie_for_https(app: Flask) -> None:
    """The proxy in front ends TLS, gives the name of the back end, and says nothing of either."""
    client = app.test_client()
    morsel = cookies(log_in(client, Origin="https://app.example"))

    assert list(morsel) == ["__Host-signet_refresh", "signet_hint"]
    assert [each["secure"] for each in morsel.values()] == [True, True]


# --- The hint ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "base_url"),
    [
        ({}, "http://localhost"),
        ({}, "https://localhost"),
        ({"SIGNET_COOKIE_SECURE": False}, "https://localhost"),
        ({"SIGNET_COOKIE_PARTITIONED": True}, "https://localhost"),
        ({"SIGNET_COOKIE_NAME": "shop", "SIGNET_SESSION_IDLE": 60}, "http://localhost"),
    ],
)
def test_the_hint_is_set_and_cleared_with_the_refresh_cookie_and_differs_in_httponly_alone(
    tmp_path: Path, config: dict[str, Any], base_url: str
) -> None:
    """Scripts read it, so it holds no secret: the value is the same for every session."""
    app = application(tmp_path, **config)
    client = app.test_client()
    body = {"username": USERNAME, "password": PASSWORD, "transport": "cookie"}
    answers = [
        client.post("/token", json=body, headers=COOKIE_MODE, base_url=base_url),
        client.post("/token/refresh", headers=COOKIE_MODE, base_url=base_url),
        client.delete("/token", headers=COOKIE_MODE, base_url=base_url),
    ]

    name = config.get("SIGNET_COOKIE_NAME", "signet")
    values: list[str] = []
    for answer in answers:
        token, hint = ([part.strip() for part in line.split(";")] for line in answer.headers.getlist("Set-Cookie"))
        assert set(token[1:]) - set(hint[1:]) == {"HttpOnly"}
        assert set(hint[1:]) <= set(token[1:])
        values.append(hint[0])
    assert [answer.status_code for answer in answers] == [200, 200, 204]
    assert values == [f"{name}_hint=1", f"{name}_hint=1", f"{name}_hint="]


def test_a_changed_password_and_a_login_of_the_application_s_own_set_the_hint_too(app: Flask) -> None:
    signet = app.extensions["flask-jwt-extended"]
    client = app.test_client()
    token = log_in(client).get_json()["access_token"]
    body = {"current_password": PASSWORD, "password": "another long sentence", "transport": "cookie"}
    changed = client.post("/account/password", json=body, headers={**COOKIE_MODE, "Authorization": f"Bearer {token}"})
    with app.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        own = app.response_class()
        signet.login(1).set_cookie(own)

    for lines in (changed.headers.getlist("Set-Cookie"), own.headers.getlist("Set-Cookie")):
        assert ["signet_refresh", "signet_hint"] == [line.partition("=")[0] for line in lines]


def test_the_hint_opens_nothing(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("signet_hint", "1")

    assert refresh(client).status_code == 401
    assert client.get("/protected").status_code == 401


def test_without_cookie_mode_no_hint_is_set(app: Flask) -> None:
    client = app.test_client()
    body = {"username": USERNAME, "password": PASSWORD}
    answers = [client.post("/token", json=body)]
    answers.append(client.post("/token/refresh", json={"refresh_token": answers[0].get_json()["refresh_token"]}))
    bearer = {"Authorization": f"Bearer {answers[1].get_json()['access_token']}"}
    answers.append(client.delete("/token", headers=bearer))

    assert [[], [], []] == [answer.headers.getlist("Set-Cookie") for answer in answers]


# --- What a login replaces -----------------------------------------------------------------------------


@pytest.mark.parametrize("username", [USERNAME, "ada"])
def test_a_login_in_a_browser_that_holds_a_session_ends_that_session(app: Flask, username: str) -> None:
    told: list[tuple[str, str]] = []

    def tell(_sender: object, *, session_id: str, reason: str, **_: Any) -> None:
        told.append((session_id, reason))

    client = app.test_client()
    first = log_in(client).get_json()
    sid = app.extensions["signet"].sessions.listing()[0].id
    with session_ended.connected_to(tell, app):
        second = log_in(client, username).get_json()
    statuses = [
        client.get("/protected", headers={"Authorization": f"Bearer {tokens['access_token']}"}).status_code
        for tokens in (first, second)
    ]

    assert (1, [(sid, "replaced")], [401, 200]) == (open_sessions(app), told, statuses)
    assert refresh(client).status_code == 200


def test_a_wrong_password_ends_nothing(app: Flask) -> None:
    client = app.test_client()
    log_in(client)
    body = {"username": USERNAME, "password": "wrong", "transport": "cookie"}
    answer = client.post("/token", json=body, headers=COOKIE_MODE)

    assert (401, 1) == (answer.status_code, open_sessions(app))


def test_an_old_cookie_ends_nothing(app: Flask, hand: HandClock) -> None:
    """It may come from a log; neither does a login make it a theft."""
    client = app.test_client()
    log_in(client)
    cookie = client.get_cookie(PLAIN)
    assert cookie is not None
    assert refresh(client).status_code == 200
    hand.pass_(60)
    other = app.test_client()
    other.set_cookie(PLAIN, cookie.value)
    log_in(other, "ada")

    assert open_sessions(app) == 2
    assert refresh(client).status_code == 200


@pytest.mark.parametrize("forged", ["sgr_" + "A" * 74, "x", "", "sgr_"])
def test_a_forged_cookie_ends_nothing_and_stops_no_login(app: Flask, forged: str) -> None:
    log_in(app.test_client(), "ada")
    client = app.test_client()
    client.set_cookie(PLAIN, forged)

    assert (200, 2) == (log_in(client).status_code, open_sessions(app))


def test_two_cookies_end_nothing_and_stop_no_login(app: Flask) -> None:
    client = app.test_client()
    log_in(client)
    cookie = client.get_cookie(PLAIN)
    assert cookie is not None
    answer = log_in(app.test_client(use_cookies=False), Cookie=f"{PLAIN}={cookie.value}; {PLAIN}=x")

    assert (200, 2) == (answer.status_code, open_sessions(app))


def test_a_login_that_gives_the_token_in_the_body_ends_nothing(app: Flask) -> None:
    """The cookie stays in the browser, and so does its session."""
    client = app.test_client()
    log_in(client)
    client.post("/token", json={"username": USERNAME, "password": PASSWORD})

    assert open_sessions(app) == 2
    assert refresh(client).status_code == 200


# --- A view of the application that logs in -------------------------------------------------------------


@pytest.fixture
def callback(app: Flask) -> FlaskClient:
    """A client of an application that logs a user in by a GET, as an OAuth provider's redirect comes."""
    signet = app.extensions["flask-jwt-extended"]

    @app.get("/callback")
    def done() -> Response:
        answer = redirect("/")
        signet.login(1).set_cookie(answer)
        return answer

    return app.test_client()


def test_a_redirect_after_a_provider_s_callback_carries_the_cookie(app: Flask, callback: FlaskClient) -> None:
    answer = callback.get("/callback", headers={"Sec-Fetch-Site": "cross-site"})
    morsel = cookies(answer)[PLAIN]

    assert (302, "Strict", True) == (answer.status_code, morsel["samesite"], morsel["httponly"])
    assert refresh(callback).status_code == 200


def test_such_a_login_ends_the_session_that_the_browser_held(app: Flask, callback: FlaskClient) -> None:
    log_in(callback, "ada")
    callback.get("/callback")

    assert [1] == [info.user_id for info in app.extensions["signet"].sessions.listing()]


def test_in_a_transaction_of_the_caller_the_cookie_waits_for_no_lock(app: Flask, tmp_path: Path) -> None:
    signet = app.extensions["flask-jwt-extended"]
    store: Store = app.extensions["signet"].store
    client = app.test_client()
    log_in(client)
    cookie = client.get_cookie(PLAIN)
    assert cookie is not None
    with (
        app.test_request_context(headers={"Cookie": f"{PLAIN}={cookie.value}"}),
        store.write() as connection,
    ):
        answer = app.response_class()
        signet.login(1, connection=connection).set_cookie(answer)

    assert PLAIN in answer.headers["Set-Cookie"]


# --- Ending by a refresh token ---------------------------------------------------------------------------


def test_an_old_refresh_token_ends_its_own_session_and_no_other(app: Flask, hand: HandClock) -> None:
    client = app.test_client(use_cookies=False)
    body = {"username": USERNAME, "password": PASSWORD}
    old, _ = client.post("/token", json=body).get_json(), client.post("/token", json=body)
    client.post("/token/refresh", json={"refresh_token": old["refresh_token"]})
    hand.pass_(60)
    answer = client.delete("/token?everywhere=1", json={"refresh_token": old["refresh_token"]})

    assert (204, 1) == (answer.status_code, open_sessions(app))


def test_the_current_refresh_token_ends_all_sessions(app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    body = {"username": USERNAME, "password": PASSWORD}
    old, _ = client.post("/token", json=body).get_json(), client.post("/token", json=body)
    new = client.post("/token/refresh", json={"refresh_token": old["refresh_token"]}).get_json()
    answer = client.delete("/token?everywhere=1", json={"refresh_token": new["refresh_token"]})

    assert (204, 0) == (answer.status_code, open_sessions(app))


def test_a_refresh_token_in_the_header_is_told_where_it_belongs(app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    token = client.post("/token", json={"username": USERNAME, "password": PASSWORD}).get_json()["refresh_token"]
    answer = client.post("/token/refresh", headers={"Authorization": f"Bearer {token}"})

    assert (401, "missing_token") == (answer.status_code, answer.get_json()["error"])
    assert '{"refresh_token": "sgr_..."}' in answer.get_json()["msg"]
