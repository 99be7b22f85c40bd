"""Handlers of the application for our errors are asked on our own routes; those for every error are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, jsonify
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

from flask_signet import Signet
from flask_signet.exceptions import (
    InvalidCredentials,
    JWTExtendedException,
    MethodNotAllowed,
    NoAuthorizationError,
    RateLimited,
    RequestError,
    SignetError,
)

WRONG = {"username": "ada", "password": "wrong"}


def application(tmp_path: Path, *, handlers_first: bool, register: Callable[[Flask], None]) -> FlaskClient:
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(TESTING=True, SIGNET_REGISTRATION=True)
    if handlers_first:
        register(app)
    Signet(app)
    if not handlers_first:
        register(app)
    return app.test_client()


@pytest.fixture(params=[True, False], ids=["handlers-first", "signet-first"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Callable[[Flask], None]], FlaskClient]:
    """Return a client of an application with these handlers, registered before and after ours."""
    return lambda register: application(tmp_path, handlers_first=request.param, register=register)


Make = Callable[[Callable[[Flask], None]], FlaskClient]


def test_a_login_error_is_translated(make: Make) -> None:
    def register(app: Flask) -> None:
        @app.errorhandler(InvalidCredentials)
        def translate(error: InvalidCredentials) -> Any:
            return jsonify(error=error.code, msg="Usuario o contrase\u00f1a incorrectos"), 401

    client = make(register)
    answer = client.post("/token", json=WRONG)

    assert (401, "invalid_credentials") == (answer.status_code, answer.get_json()["error"])
    assert answer.get_json()["msg"].startswith("Usuario")
    assert (answer.headers["WWW-Authenticate"], answer.headers["Cache-Control"]) == ("Bearer", "no-store")
    assert client.post("/token", json={}).get_json()["error"] == "invalid_request"


def test_a_limit_is_translated_and_keeps_its_wait(make: Make) -> None:
    def register(app: Flask) -> None:
        @app.errorhandler(RateLimited)
        def translate(error: RateLimited) -> Any:
            return {"wait": error.retry_after}, 429

    client = make(register)
    answers = [client.post("/token", json=WRONG) for _ in range(8)]

    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) == answers[-1].get_json()["wait"]


@pytest.mark.parametrize(
    ("kind", "method", "path"),
    [
        (NoAuthorizationError, "GET", "/account"),
        (JWTExtendedException, "POST", "/token/refresh"),
        (MethodNotAllowed, "GET", "/token"),
        (RequestError, "POST", "/token"),
        (SignetError, "GET", "/account"),
    ],
)
def test_each_of_our_classes_can_be_handled(tmp_path: Path, kind: type[SignetError], method: str, path: str) -> None:
    def register(app: Flask) -> None:
        @app.errorhandler(kind)
        def own(error: SignetError) -> Any:
            return {"own": error.code}, error.status

    client = application(tmp_path, handlers_first=False, register=register)
    answer = client.open(path, method=method)

    assert "own" in answer.get_json()


def test_the_nearest_class_is_asked(make: Make) -> None:
    def register(app: Flask) -> None:
        @app.errorhandler(SignetError)
        def all_of_them(error: SignetError) -> Any:
            return {"by": "root"}, error.status

        @app.errorhandler(InvalidCredentials)
        def login(error: SignetError) -> Any:
            return {"by": "leaf"}, error.status

    client = make(register)

    assert ["leaf", "root"] == [client.post("/token", json=body).get_json()["by"] for body in (WRONG, {})]


def test_an_async_handler_is_waited_for(make: Make) -> None:
    def register(app: Flask) -> None:
        @app.errorhandler(InvalidCredentials)
        async def translate(error: InvalidCredentials) -> Any:
            return {"own": error.code}, 401

    assert make(register).post("/token", json=WRONG).get_json() == {"own": "invalid_credentials"}


@pytest.mark.parametrize("kind", [Exception, HTTPException, 401, 405, 429, 400, 404])
def test_a_handler_for_every_error_does_not_take_our_shape(make: Make, kind: Any) -> None:
    def register(app: Flask) -> None:
        @app.errorhandler(kind)
        def own(_: Exception) -> Any:
            return "own page", 418

    client = make(register)
    answers = [
        client.post("/token", json=WRONG),
        client.post("/token", json={}),
        client.get("/token"),
        client.get("/account"),
        client.post("/token/refresh"),
        client.post("/token", data=b"{", content_type="application/json"),
    ]

    assert [401, 400, 405, 401, 401, 400] == [answer.status_code for answer in answers]
    assert all("error" in answer.get_json() for answer in answers)
