"""What a guard raises carries its answer, and is an error of the case's own class as well."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from flask_signet import Signet, decode_token, jwt_required, verify_jwt_in_request
from flask_signet.exceptions import (
    CSRFError,
    FreshTokenRequired,
    JWTExtendedException,
    MalformedToken,
    NoAuthorizationError,
    TokenExpired,
    WrongTokenError,
)
from tests.compat.application import SECRET, World, bearer, world

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def raised(w: World, token: str | None, **guard: Any) -> Any:
    """Return what a decorated function raises within a resource of Flask-RESTful."""
    from flask_restful import Api, Resource

    api: Any = Api(w.app)
    path = f"/resource{len(w.app.view_functions)}"
    api.add_resource(type("Guarded", (Resource,), {"get": lambda self: {}}), path, endpoint=path)
    with w.app.test_request_context(path, headers=bearer(token)):
        try:
            jwt_required(**guard)(lambda: None)()
        except Exception as error:
            return error
    return None


def test_a_refusal_reads_as_its_text_and_tells_status_and_description() -> None:
    w = world()
    for token, guard, kind, text, status in (
        (None, {}, NoAuthorizationError, "Missing Authorization Header", 401),
        ("x", {}, MalformedToken, "Not enough segments", 401),
        (w.access(expires_delta=timedelta(0)), {}, TokenExpired, "Token has expired", 401),
        (w.access(), {"fresh": True}, FreshTokenRequired, "Fresh token required", 401),
        (w.access(), {"refresh": True}, WrongTokenError, "Only refresh tokens are allowed", 401),
    ):
        error = raised(w, token, **guard)
        assert isinstance(error, HTTPException)
        assert isinstance(error, kind)
        assert (str(error), error.code, error.description) == (text, status, text)
        assert f"{error!r}".startswith(f"<{kind.__name__} '401")
        assert error.get_response().status_code == status


def test_a_refusal_keeps_what_the_error_says_of_the_token() -> None:
    w = world()
    error = raised(w, w.access(7, expires_delta=timedelta(0)))

    assert (error.jwt_data["sub"], error.jwt_header["alg"], error.error.code) == (7, "HS256", "token_expired")


def test_a_callback_gives_the_status_of_a_refusal() -> None:
    w = world()
    w.jwt.unauthorized_loader(lambda reason: ({"own": reason}, 409))

    assert raised(w, None).code == 409


@pytest.mark.parametrize("handler", [401, HTTPException, Exception])
def test_handlers_of_the_application_for_a_status_or_every_error_are_not_asked(handler: Any) -> None:
    w = world()
    w.app.register_error_handler(handler, lambda error: ("swallowed", 500))

    assert w.get("/access").json == {"error": "missing_token", "msg": "Missing Authorization Header"}


# --- Flask-RESTX and Flask-RESTful, without JWT_COMPAT ---------------------------------------------------------


def api_of(kind: str, w: World, register: bool) -> None:
    if kind == "restx":
        from flask_restx import Api, Resource
    else:
        from flask_restful import Api, Resource
    api: Any = Api(w.app)
    if register:
        w.jwt._set_error_handler_callbacks(api)

    class ByHand(Resource):
        def get(self) -> Any:
            verify_jwt_in_request()
            return {}

    class ByDecorator(Resource):
        @jwt_required()
        def get(self) -> Any:
            return {}

    api.add_resource(ByHand, "/hand")
    api.add_resource(ByDecorator, "/decorated")


@pytest.mark.parametrize("testing", [False, True])
@pytest.mark.parametrize(("kind", "register"), [("restx", False), ("restx", True), ("restful", False)])
@pytest.mark.parametrize("path", ["/hand", "/decorated"])
def test_a_resource_is_refused_in_the_one_shape_by_hand_and_by_decorator(
    path: str, kind: str, register: bool, testing: bool
) -> None:
    w = world()
    w.app.testing = testing
    api_of(kind, w, register)

    assert w.get(path, w.access()).json == {}
    for token, error, text in (
        (None, "missing_token", "Missing Authorization Header"),
        ("x", "invalid_token", "Not enough segments"),
        (w.access(expires_delta=timedelta(0)), "token_expired", "Token has expired"),
    ):
        answer = w.get(path, token)
        assert (answer.status_code, answer.json) == (401, {"error": error, "msg": text})
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("path", ["/hand", "/decorated"])
@pytest.mark.parametrize(
    ("answered", "status", "body"),
    [
        ({"own": 1}, 401, {"own": 1}),  # no status: a refusal is no success
        (({"own": 1}, 418), 418, {"own": 1}),
        (({"own": 1}, {"X-Own": "1"}), 200, {"own": 1}),
        (({"own": 1}, 418, {"X-Own": "1"}), 418, {"own": 1}),
        (("own", 418), 418, "own"),
        (([1], 418), 418, [1]),
    ],
)
def test_whatever_a_loader_returns_a_restx_api_answers_it(
    answered: Any, status: int, body: Any, path: str, compat: bool
) -> None:
    w = world(JWT_COMPAT=compat)
    api_of("restx", w, register=True)
    w.jwt.unauthorized_loader(lambda reason: answered)

    answer = w.get(path)
    found = answer.get_json(silent=True) or answer.text
    if compat and isinstance(found, dict):
        assert found.pop("message") == "Missing Authorization Header"  # RESTX adds it, as with the peer
    assert (answer.status_code, found) == (status, body)
    assert "X-Own" not in str(answered) or answer.headers["X-Own"] == "1"


def test_a_blueprint_may_be_given_the_handlers_as_well() -> None:
    from flask import Blueprint

    w = world()
    blueprint = Blueprint("own", "own")
    w.jwt._set_error_handler_callbacks(blueprint)
    blueprint.add_url_rule("/own", "own", lambda: (verify_jwt_in_request(), "")[1])
    w.app.register_blueprint(blueprint)

    assert (w.get("/own").status_code, w.get("/own").json["error"]) == (401, "missing_token")


# --- JWT_COMPAT ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [{"JWT_COMPAT": True}, {"JWT_ERROR_STATUS": "flask-jwt-extended"}])
def test_both_names_bring_back_statuses_and_bodies(setting: dict[str, Any]) -> None:
    w = world(JWT_TOKEN_LOCATION=["headers", "cookies"], JWT_ERROR_MESSAGE_KEY="text", **setting)
    w.app.debug = True  # where a refusal would say more

    answers = [w.get("/access"), w.get("/access", "x")]
    w.client.set_cookie("access_token_cookie", w.access())
    answers.append(w.client.post("/access"))
    absent = '(Missing Authorization Header; Missing cookie "access_token_cookie")'
    assert [(answer.status_code, answer.json) for answer in answers] == [
        (401, {"text": f"Missing JWT in headers or cookies {absent}"}),
        (422, {"text": "Not enough segments"}),
        (401, {"text": "Missing CSRF token"}),
    ]
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


def test_the_switch_counts_from_the_next_request_on() -> None:
    w = world()
    for compat in (True, False, None):
        w.app.config["JWT_COMPAT"] = compat
        assert (w.get("/access", "x").status_code, "error" in w.get("/access", "x").json) == (
            (422, False) if compat else (401, True)
        )


def test_routes_of_signet_keep_their_shape() -> None:
    app = Flask("app")
    app.config.update(TESTING=True, JWT_COMPAT=True)
    Signet(app)
    app.add_url_rule("/own", view_func=jwt_required()(lambda: ""))
    client = app.test_client()

    none, bad = "Missing Authorization Header", "Not enough segments"
    for token, code, text in ((None, "missing_token", none), ("x", "invalid_token", bad)):
        ours, own = client.get("/account", headers=bearer(token)), client.get("/own", headers=bearer(token))
        assert (ours.status_code, ours.json) == (401, {"error": code, "msg": text})
        assert (own.status_code, own.json) == (422 if token else 401, {"msg": text})
    refused = client.post("/token", json={"username": "nobody", "password": "no password"})
    assert refused.json["error"] == "invalid_credentials"


def test_without_the_switch_and_without_pyjwt_errors_are_of_our_classes_alone() -> None:
    import jwt as pyjwt

    w = world()
    with w.app.app_context(), pytest.raises(MalformedToken) as caught:
        decode_token("x")
    assert not isinstance(caught.value, pyjwt.PyJWTError)

    code = f"""
import flask, sys, flask_signet
app = flask.Flask("app")
app.config.update(JWT_SECRET_KEY={SECRET!r}, JWT_COMPAT=True)
flask_signet.JWTManager(app)
with app.app_context():
    try:
        flask_signet.decode_token("x")
    except flask_signet.exceptions.MalformedToken as error:
        print(type(error).__mro__[0].__name__, "jwt" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "MalformedToken False"


def test_an_error_with_a_pyjwt_class_is_of_our_class_too_and_keeps_the_token() -> None:
    import jwt as pyjwt

    w = world(JWT_COMPAT=True)
    with w.app.app_context(), pytest.raises(pyjwt.ExpiredSignatureError) as caught:
        decode_token(w.access(7, expires_delta=timedelta(0)))

    assert isinstance(caught.value, TokenExpired)
    assert isinstance(caught.value, JWTExtendedException)
    assert caught.value.jwt_data["sub"] == 7


def test_errors_can_be_pickled() -> None:
    import jwt as pyjwt

    w = world(JWT_COMPAT=True)
    with w.app.app_context(), pytest.raises(pyjwt.ExpiredSignatureError) as caught:
        decode_token(w.access(7, expires_delta=timedelta(0)))
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own
    assert (type(copy), str(copy), copy.jwt_data) == (type(caught.value), str(caught.value), caught.value.jwt_data)


def test_a_refusal_that_a_cache_writes_down_is_no_entry() -> None:
    assert pickle.loads(pickle.dumps(raised(world(), None))) is None  # noqa: S301  # our own


def test_errors_that_pyjwt_has_no_class_for_stay_as_they_are() -> None:
    w = world(JWT_COMPAT=True)
    with w.app.app_context(), pytest.raises(CSRFError) as caught:
        decode_token(w.access(), csrf_value="x")

    assert type(caught.value) is CSRFError
