"""Refusals keep their answers under blueprints and extensions that handle every error themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, send_file
from flask.views import MethodView

from flask_signet import get_jwt_identity, jwt_required
from flask_signet.exceptions import JWTExtendedException, NoAuthorizationError
from tests.compat.application import World, world


def plain(app: Flask, guard: Any) -> None:
    @app.get("/x")
    @guard
    def x() -> dict[str, Any]:
        return {"identity": get_jwt_identity()}


def blueprint(app: Flask, guard: Any) -> None:
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    outer.register_error_handler(Exception, lambda error: ({"swallowed": str(error)}, 500))

    @inner.get("/x")
    @guard
    def x() -> dict[str, Any]:
        return {"identity": get_jwt_identity()}

    outer.register_blueprint(inner)
    app.register_blueprint(outer)


def catch_all(app: Flask, guard: Any) -> None:
    from werkzeug.exceptions import HTTPException

    plain(app, guard)

    def swallow(error: Exception) -> Any:
        # What Flask's documentation shows: errors with an answer of their own keep it.
        return error if isinstance(error, HTTPException) else ({"swallowed": str(error)}, 500)

    app.register_error_handler(Exception, swallow)


def method_view(app: Flask, guard: Any) -> None:
    class View(MethodView):
        decorators = (guard,)

        def get(self) -> dict[str, Any]:
            return {"identity": get_jwt_identity()}

    app.add_url_rule("/x", view_func=View.as_view("x"))


def restful(app: Flask, guard: Any) -> None:
    from flask_restful import Api, Resource

    class View(Resource):
        @guard
        def get(self) -> dict[str, Any]:
            return {"identity": get_jwt_identity()}

    Api(app).add_resource(View, "/x")


def restx(app: Flask, guard: Any) -> None:
    from flask_restx import Api, Resource

    api = Api(app)

    @api.route("/x")
    class View(Resource):
        @guard
        def get(self) -> dict[str, Any]:
            return {"identity": get_jwt_identity()}


def restx_marshalled(app: Flask, guard: Any) -> None:
    from flask_restx import Api, Resource, fields

    api = Api(app)
    model = api.model("Model", {"identity": fields.Raw})

    @api.route("/x")
    class View(Resource):
        @api.marshal_with(model)
        @guard
        def get(self) -> dict[str, Any]:
            return {"identity": get_jwt_identity()}


def smorest(app: Flask, guard: Any) -> None:
    from flask_smorest import Api
    from flask_smorest import Blueprint as DocumentedBlueprint

    app.config.update(API_TITLE="x", API_VERSION="1", OPENAPI_VERSION="3.0.3")
    documented = DocumentedBlueprint("x", "x")

    @documented.route("/x")
    class View(MethodView):
        @guard
        @documented.response(200)
        def get(self) -> dict[str, Any]:
            return {"identity": get_jwt_identity()}

    Api(app).register_blueprint(documented)


Setup = Callable[[Flask, Any], None]
SETUPS = [plain, blueprint, catch_all, method_view, restful, restx, restx_marshalled, smorest]
# The extensions themselves, not we, use what newer releases of their own needs deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture(params=SETUPS, ids=lambda setup: setup.__name__)
def setup(request: pytest.FixtureRequest) -> Setup:
    return request.param


def made(setup: Setup, **guard: Any) -> World:
    w = world()
    setup(w.app, jwt_required(**guard))
    return w


@pytest.mark.parametrize("propagate", [None, True])
def test_refusals_are_answered_in_the_one_shape(setup: Setup, propagate: bool | None) -> None:
    w = made(setup, fresh=True)
    w.app.config["PROPAGATE_EXCEPTIONS"] = propagate
    w.app.testing = bool(propagate)

    assert w.get("/x", w.access(7, fresh=True)).json == {"identity": 7}
    for token, error, text in (
        (None, "missing_token", "Missing Authorization Header"),
        ("x", "invalid_token", "Not enough segments"),
        (w.access(expires_delta=timedelta(0)), "token_expired", "Token has expired"),
        (w.access(), "fresh_token_required", "Fresh token required"),
    ):
        answer = w.get("/x", token)
        assert (answer.status_code, answer.json) == (401, {"error": error, "msg": text})
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_callbacks_answer_there_too(setup: Setup) -> None:
    w = made(setup)
    w.jwt.unauthorized_loader(lambda reason: ({"own": reason}, 409, {"X-Own": "1"}))

    answer = w.get("/x")
    assert (answer.status_code, answer.json) == (409, {"own": "Missing Authorization Header"})
    assert answer.headers["X-Own"] == "1"


def test_callbacks_may_answer_with_a_file(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "refused.json").write_text('{"own": 1}')
    w = made(setup)
    opened: list[Any] = []

    def refuse(reason: str) -> Any:
        response = send_file(tmp_path / "refused.json")
        opened.append(response.response)
        return response, 409

    w.jwt.unauthorized_loader(refuse)

    answer = w.get("/x")
    assert (answer.status_code, answer.json) == (409, {"own": 1})
    answer.close()
    assert [body.file.closed for body in opened] == [True]


def test_what_the_view_itself_raises_is_left_to_the_application() -> None:
    w = world()

    @w.app.get("/gone")
    @jwt_required()
    def gone() -> None:
        abort(410)

    assert w.get("/gone", w.access()).status_code == 410


def test_a_handler_of_the_blueprint_for_our_errors_is_kept() -> None:
    w = world()
    own = Blueprint("own", "own")
    own.register_error_handler(JWTExtendedException, lambda error: (f"own: {error}", 499))
    own.register_error_handler(Exception, lambda error: ("swallowed", 500))
    own.add_url_rule("/own", view_func=jwt_required()(lambda: ""))
    w.app.register_blueprint(own)

    assert (w.get("/own").status_code, w.get("/own").text) == (499, "own: Missing Authorization Header")


@pytest.mark.parametrize("propagate", [None, True])
@pytest.mark.parametrize("kind", [NoAuthorizationError, JWTExtendedException])
@pytest.mark.parametrize("keeper", ["api", "namespace", "blueprint"])
def test_a_handler_of_a_restx_api_for_our_errors_is_kept(
    keeper: str, kind: type[Exception], propagate: bool | None
) -> None:
    from flask_restx import Api, Namespace, Resource

    w = world()
    w.app.config["PROPAGATE_EXCEPTIONS"] = propagate
    blueprint = Blueprint("kept", "kept")
    api = Api(blueprint if keeper == "blueprint" else w.app)
    namespace = Namespace("spaced", path="/")

    @(namespace if keeper == "namespace" else api).errorhandler(kind)
    def own(error: Exception) -> Any:
        return {"message": f"own: {error}"}, 499

    @namespace.route("/x")
    class View(Resource):
        @jwt_required()
        def get(self) -> dict[str, Any]:
            return {"identity": get_jwt_identity()}

    api.add_namespace(namespace)
    if keeper == "blueprint":
        w.app.register_blueprint(blueprint)
    w.app.get("/elsewhere")(jwt_required()(lambda: ""))

    answer = w.get("/x")
    assert (answer.status_code, answer.json["message"]) == (499, "own: Missing Authorization Header")
    assert w.get("/x", w.access(7)).json == {"identity": 7}
    assert w.get("/elsewhere").json == {"error": "missing_token", "msg": "Missing Authorization Header"}


def test_handlers_that_the_manager_hangs_on_a_restx_api_are_ours() -> None:
    """The advice of many answers: ``jwt._set_error_handler_callbacks(api)``."""
    from flask_restx import Api, Resource

    w = world()
    api = Api(w.app)
    w.jwt._set_error_handler_callbacks(api)

    @api.route("/x")
    class View(Resource):
        @jwt_required()
        def get(self) -> dict[str, Any]:
            return {}

    assert w.get("/x").json == {"error": "missing_token", "msg": "Missing Authorization Header"}


def test_answers_of_a_restful_api_for_our_errors_are_kept() -> None:
    from flask_restful import Api, Resource

    class View(Resource):
        @jwt_required()
        def get(self) -> dict[str, Any]:
            return {"identity": get_jwt_identity()}

    w = world()
    api = Api(w.app, errors={"NoAuthorizationError": {"message": "own", "status": 499}})
    api.add_resource(View, "/x")
    Api(w.app, prefix="/other").add_resource(View, "/x", endpoint="other")  # two stand in the chain

    assert (w.get("/x").status_code, w.get("/x").json) == (499, {"message": "own", "status": 499})
    assert w.get("/x", "x").json == {"error": "invalid_token", "msg": "Not enough segments"}
    assert w.get("/other/x").json == {"error": "missing_token", "msg": "Missing Authorization Header"}


def test_every_answer_passes_the_applications_after_request(setup: Setup) -> None:
    w = made(setup)
    w.app.after_request(lambda response: response.headers.add("X-After", "1") or response)

    assert [w.get("/x", token).headers["X-After"] for token in (None, "x", w.access())] == ["1"] * 3
