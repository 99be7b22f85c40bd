"""A cache around a guarded view keeps no refusal, as under Flask-JWT-Extended: it sees an error and no answer."""

from __future__ import annotations

import pickle
from typing import Any

import flask_restful
import flask_restx
import pytest
from flask import Blueprint, Flask, abort
from flask_caching import Cache
from werkzeug.exceptions import HTTPException

from flask_signet import JWTManager, create_access_token, current_user, get_jwt_identity, jwt_required
from flask_signet.exceptions import NoAuthorizationError

SECRET = "y2PE5rAzIvNYgHfVrTiYAVN9sIYLjzGrR7xBKpCHgXk"


class Served:
    """An application with a cache."""

    def __init__(self) -> None:
        self.app = Flask("cached")
        self.app.config.update(JWT_SECRET_KEY=SECRET, CACHE_TYPE="SimpleCache")
        self.jwt = JWTManager(self.app)
        self.cache = Cache(self.app)

    def get(self, path: str, user: int | None = None) -> tuple[int, Any]:
        headers: dict[str, str] = {}
        if user is not None:
            with self.app.app_context():
                headers["Authorization"] = f"Bearer {create_access_token(user)}"
        answer = self.app.test_client().get(path, headers=headers)
        return answer.status_code, answer.json


@pytest.fixture
def served() -> Served:
    return Served()


def refused_then_served(served: Served, path: str) -> None:
    """Ask without a token, with one, and twice without: what is kept is what the view said."""
    status, body = served.get(path)
    assert (status, body["error"]) == (401, "missing_token")
    assert served.get(path, 7) == (200, {"id": 7})


def test_a_cache_outside_the_guard_keeps_no_refusal(served: Served) -> None:
    @served.app.get("/plain")
    @served.cache.cached(timeout=60)
    @jwt_required()
    def view() -> Any:
        return {"id": get_jwt_identity()}

    refused_then_served(served, "/plain")


def test_nor_under_a_blueprint_that_catches_every_exception(served: Served) -> None:
    part = Blueprint("part", __name__)

    @part.errorhandler(Exception)
    def caught(_error: Exception) -> Any:
        return {"error": "caught"}, 500

    @part.get("/part")
    @served.cache.cached(timeout=60)
    @jwt_required()
    def view() -> Any:
        return {"id": get_jwt_identity()}

    served.app.register_blueprint(part)
    refused_then_served(served, "/part")


@pytest.mark.parametrize("extension", [flask_restful, flask_restx])
def test_nor_under_an_api_that_catches_every_exception(served: Served, extension: Any) -> None:
    """There a refusal carries its answer, so that the API makes no 500 of it; yet no cache can keep it."""
    api = extension.Api(served.app)

    class Cached(extension.Resource):
        @served.cache.cached(timeout=60)
        @jwt_required()
        def get(self) -> Any:
            return {"id": get_jwt_identity()}

    api.add_resource(Cached, "/resource")
    refused_then_served(served, "/resource")


def test_nor_a_user_that_is_gone(served: Served) -> None:
    there = {7}
    served.jwt.user_lookup_loader(lambda _header, claims: claims["sub"] if int(claims["sub"]) in there else None)

    @served.app.get("/user")
    @jwt_required()
    @served.cache.cached(timeout=60)
    def view() -> Any:
        return {"id": str(current_user)}

    assert served.get("/user", 8)[0] == 401
    assert served.get("/user", 7) == (200, {"id": "7"})
    assert served.get("/user", 8)[0] == 401
    assert served.get("/user")[0] == 401


def test_with_the_cache_inside_the_guard_everybody_is_asked(served: Served) -> None:
    """The order that the documentation shows."""
    asked: list[int] = []

    @served.app.get("/inside")
    @jwt_required()
    @served.cache.cached(timeout=60)
    def view() -> Any:
        asked.append(1)
        return {"same": "for all"}

    assert served.get("/inside")[0] == 401
    assert served.get("/inside", 1) == served.get("/inside", 2) == (200, {"same": "for all"})
    assert served.get("/inside")[0] == 401
    assert len(asked) == 1


def test_a_decorator_around_the_guard_catches_our_class(served: Served) -> None:
    @served.app.get("/caught")
    def outer() -> Any:
        try:
            return jwt_required()(lambda: {"in": True})()
        except NoAuthorizationError as error:
            return {"caught": str(error)}

    assert served.get("/caught") == (200, {"caught": "Missing Authorization Header"})


def test_other_errors_of_http_are_kept_as_ever(served: Served) -> None:
    @served.app.get("/gone")
    @served.cache.cached(timeout=60)
    @jwt_required(optional=True)
    def view() -> Any:
        abort(410)

    assert served.get("/gone")[0] == served.get("/gone", 1)[0] == 410


def test_what_a_cache_writes_down_of_a_refusal_is_nothing(served: Served) -> None:
    api = flask_restx.Api(served.app)
    raised: list[Exception] = []

    class Watched(flask_restx.Resource):
        def get(self) -> Any:
            try:
                return jwt_required()(lambda: "in")()
            except HTTPException as refusal:
                raised.append(refusal)
                raise

    api.add_resource(Watched, "/watched")

    assert served.get("/watched")[0] == 401
    assert pickle.loads(pickle.dumps(raised[0])) is None  # noqa: S301 (what was dumped here)
