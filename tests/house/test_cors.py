"""Pages of trusted origins use our routes without Flask-CORS, and beside it, on every answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask_cors import CORS
from werkzeug.test import TestResponse

from flask_signet import Signet

PAGE = "https://app.example"
ELSEWHERE = "https://evil.example"
PASSWORD = "correct horse"


def signet(app: Flask) -> None:
    Signet(app)


def none(app: Flask) -> None:
    pass


def whole(app: Flask) -> None:
    CORS(app)


def with_credentials(app: Flask) -> None:
    CORS(
        app,
        origins=[PAGE],
        allow_headers=["Authorization", "Content-Type", "X-Signet"],
        expose_headers=["Retry-After", "WWW-Authenticate", "X-Total"],
        supports_credentials=True,
        max_age=60,
    )


def others(app: Flask) -> None:
    CORS(app, origins=["https://other.example"])


def blueprint(app: Flask) -> None:
    api = Blueprint("api", __name__, url_prefix="/api")
    CORS(api)
    app.register_blueprint(api)


def by_hand(app: Flask) -> None:
    @app.after_request
    def add(response: Any) -> Any:
        response.headers.add("Access-Control-Allow-Origin", "*")
        return response


Setup = Callable[[Flask], None]
KINDS = [none, whole, with_credentials, others, blueprint, by_hand]
ORDERS = [pytest.param((kind, signet), id=f"{kind.__name__}-before") for kind in KINDS] + [
    pytest.param((signet, kind), id=f"{kind.__name__}-after") for kind in KINDS
]


def application(tmp_path: Path, *steps: Setup, **config: Any) -> Flask:
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(TESTING=True, SIGNET_TRUSTED_ORIGINS=[PAGE], SIGNET_REGISTRATION=True)
    app.config.update(config)
    for step in steps:
        step(app)
    return app


def headers(answer: TestResponse) -> dict[str, str]:
    """Return the CORS headers, each of which must be there once."""
    names = [name for name, _ in answer.headers if name.startswith("Access-Control-")]
    assert sorted(set(names)) == sorted(names)
    return {name.removeprefix("Access-Control-"): answer.headers[name] for name in names}


def names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")}


@pytest.mark.parametrize("steps", ORDERS)
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/health", None, 200),
        ("POST", "/token", {"username": "ada", "password": "wrong"}, 401),
        ("GET", "/account", None, 401),
        ("GET", "/token", None, 405),
        ("POST", "/token", {"username": "a" * 100_000, "password": "x"}, 413),
        ("POST", "/token", {"username": 1}, 400),
        ("GET", "/.well-known/jwks.json", None, 200),
    ],
)
def test_a_page_of_a_trusted_origin_reads_every_answer(
    tmp_path: Path, steps: tuple[Setup, ...], method: str, path: str, body: Any, status: int
) -> None:
    app = application(tmp_path, *steps)
    answer = app.test_client().open(path, method=method, json=body, headers={"Origin": PAGE})
    found = headers(answer)

    assert status == answer.status_code
    assert (PAGE, "true") == (found["Allow-Origin"], found["Allow-Credentials"])
    assert names(found["Expose-Headers"]) >= {"retry-after", "www-authenticate"}
    assert "origin" in {name.lower() for name in answer.vary}


@pytest.mark.parametrize("steps", ORDERS)
@pytest.mark.parametrize(
    ("path", "method"),
    [("/token", "DELETE"), ("/token/refresh", "POST"), ("/account", "PATCH"), ("/account/sessions/x", "DELETE")],
)
def test_a_preflight_of_a_trusted_origin_is_answered(
    tmp_path: Path, steps: tuple[Setup, ...], path: str, method: str
) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": method}
    asked["Access-Control-Request-Headers"] = "authorization,content-type,x-signet"
    answer = application(tmp_path, *steps).test_client().options(path, headers=asked)
    found = headers(answer)

    assert answer.status_code in (200, 204)
    assert (PAGE, "true") == (found["Allow-Origin"], found["Allow-Credentials"])
    assert method.lower() in names(found["Allow-Methods"])
    assert names(found["Allow-Headers"]) >= {"authorization", "content-type", "x-signet"}
    assert int(found["Max-Age"]) > 0
    assert "origin" in {name.lower() for name in answer.vary}


@pytest.mark.parametrize("steps", [(signet,), (blueprint, signet), (signet, others)])
@pytest.mark.parametrize("origin", [ELSEWHERE, "null", f"{PAGE}.evil.example", f"{PAGE}:444", "http://app.example"])
def test_no_other_origin_is_let_in(tmp_path: Path, steps: tuple[Setup, ...], origin: str) -> None:
    client = application(tmp_path, *steps).test_client()
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    for answer in (client.get("/health", headers=asked), client.options("/token", headers=asked)):
        assert "Allow-Origin" not in headers(answer)
        assert "Allow-Credentials" not in headers(answer)
        assert "Origin" in answer.vary


def test_an_answer_of_429_and_503_can_be_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = application(tmp_path, signet)
    client = app.test_client()
    answers = [
        client.post("/account", json={"username": "a", "password": PASSWORD}, headers={"Origin": PAGE})
        for _ in range(12)
    ]
    app.extensions["signet"].close()
    app.config.update(TESTING=False, SIGNET_DATABASE_URL="sqlite:///nowhere/at/all.sqlite3")
    answers.append(client.get("/health", headers={"Origin": PAGE}))

    assert {answer.status_code for answer in answers} >= {429, 503}
    assert {headers(answer)["Allow-Origin"] for answer in answers} == {PAGE}


def test_views_of_the_application_are_left_alone(tmp_path: Path) -> None:
    app = application(tmp_path, signet)

    @app.get("/own")
    def own() -> str:
        return "own"

    for path in ("/own", "/nothing"):
        answer = app.test_client().get(path, headers={"Origin": PAGE})
        assert headers(answer) == {}
        assert "Origin" not in answer.vary


def test_without_trusted_origins_no_header_is_added(tmp_path: Path) -> None:
    answer = application(tmp_path, signet, SIGNET_TRUSTED_ORIGINS=[]).test_client().get("/health")

    assert headers(answer) == {}
    assert "Origin" not in answer.vary


def test_origins_that_are_trusted_later_count_from_the_next_request(tmp_path: Path) -> None:
    app = application(tmp_path, signet, SIGNET_TRUSTED_ORIGINS=[])
    client = app.test_client()
    before = headers(client.get("/health", headers={"Origin": PAGE}))
    app.config["SIGNET_TRUSTED_ORIGINS"] = [PAGE]
    then = headers(client.get("/token", headers={"Origin": PAGE}))
    app.config["SIGNET_TRUSTED_ORIGINS"] = []
    after = headers(client.get("/health", headers={"Origin": PAGE}))

    assert (PAGE, "true") == (then["Allow-Origin"], then["Allow-Credentials"])
    assert ({}, {}) == (before, after)


def test_without_trusted_origins_nothing_runs_after_the_views_of_the_application(tmp_path: Path) -> None:
    app = application(tmp_path, signet, SIGNET_TRUSTED_ORIGINS=[])
    app.add_url_rule("/", "index", lambda: "mine")
    app.test_client().get("/health", headers={"Origin": PAGE})

    assert "mine" == app.test_client().get("/").text
    assert not app.after_request_funcs.get(None)
