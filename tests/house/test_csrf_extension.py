"""Beside Flask-WTF's ``CSRFProtect``, whichever of the two is initialised first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask_wtf import CSRFProtect

from flask_signet import JWTManager, Signet, get_jwt_identity, jwt_required
from flask_signet.testing import reset, signed_in

PASSWORD = "correct horse"
SECRET = "y2PE5rAzIvNYgHfVrTiYAVN9sIYLjzGrR7xBKpCHgXk"
ORDERS = ["signet first", "csrf first", "csrf.init_app later"]


@pytest.fixture(params=ORDERS)
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    app = Flask("forms")
    app.config.update(TESTING=True, SECRET_KEY=SECRET, SIGNET_REGISTRATION=True)
    csrf = CSRFProtect()
    if request.param == "csrf first":
        csrf.init_app(app)
    signet = Signet(app)
    if request.param == "signet first":
        CSRFProtect(app)
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.post("/mine")
    @jwt_required()
    def mine() -> Any:
        return {"id": get_jwt_identity()}

    @app.post("/form")
    def form() -> str:
        return "in"

    app.register_blueprint(api)
    if request.param == "csrf.init_app later":
        csrf.init_app(app)
    signet.users.create("ada", PASSWORD)
    yield app
    reset(app)


def test_login_refresh_and_logout_need_no_form_token(app: Flask) -> None:
    client = app.test_client()
    login = client.post("/token", json={"username": "ada", "password": PASSWORD})
    assert login.status_code == 200, login.text
    refreshed = client.post("/token/refresh", json={"refresh_token": login.json["refresh_token"]})
    assert refreshed.status_code == 200, refreshed.text
    bearer = {"Authorization": f"Bearer {refreshed.json['token']}"}
    assert client.delete("/account/sessions", headers=bearer).status_code == 204
    assert client.post("/token", json={"username": "ada", "password": "wrong"}).json["error"] == "invalid_credentials"
    assert client.post("/account", json={"username": "bob", "password": PASSWORD}).status_code == 201
    assert client.delete("/token", headers=bearer).status_code == 204


def test_cookie_mode_keeps_its_own_proof(app: Flask) -> None:
    client = app.test_client()
    body = {"username": "ada", "password": PASSWORD, "transport": "cookie"}
    assert client.post("/token", json=body).json["error"] == "csrf_failed"
    own = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/token", json=body, headers=own).status_code == 200
    assert client.post("/token/refresh").json["error"] == "csrf_failed"
    assert client.post("/token/refresh", headers=own).status_code == 200


def test_the_applications_own_views_go_on_to_be_asked(app: Flask) -> None:
    client = app.test_client()
    assert client.post("/form").status_code == 400
    with signed_in(client, 1):
        assert client.post("/api/mine").status_code == 400


def test_the_line_of_the_documentation_frees_a_blueprint_of_ones_own(app: Flask) -> None:
    app.extensions["csrf"].exempt(app.blueprints["api"])
    client = app.test_client()
    assert client.post("/api/mine").json["error"] == "missing_token"
    with signed_in(client, 1):
        assert client.post("/api/mine").json == {"id": 1}
    assert client.post("/form").status_code == 400


def test_an_extension_of_that_name_that_is_another_one_is_left_alone() -> None:
    app = Flask("other")
    app.config["TESTING"] = True
    app.extensions["csrf"] = object()
    Signet(app)

    assert app.test_client().get("/health").status_code == 200
    reset(app)


def test_the_key_set_of_a_manager_alone_is_open_as_ever() -> None:
    app = Flask("keys")
    app.config.update(JWT_SECRET_KEY=SECRET, SECRET_KEY=SECRET, SIGNET_ROUTES="jwks")
    JWTManager(app)
    CSRFProtect(app)

    assert app.test_client().get("/.well-known/jwks.json").status_code == 200
