"""Small applications of the kinds that people have, once with Flask-JWT-Extended and once with us: the same answers.

Only the import differs, and ``JWT_COMPAT`` is on. Each application gives a list of what happened in it: statuses,
bodies and types.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

import jwt as pyjwt
import pytest
from flask import Flask, jsonify
from flask.testing import FlaskClient

from tests.compat.application import SECRET, bearer

Library = Any
Seen = list[Any]
PEER, OWN = "flask_jwt_extended", "flask_signet"
ERRORS = {PEER: "flask_jwt_extended.exceptions", OWN: "flask_signet.exceptions"}
# The extensions themselves, not we, use what newer releases of their own needs deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def made(library: Library, **config: Any) -> tuple[Flask, Any]:
    app = Flask("compared")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_COMPAT=True, **config)
    app.logger.disabled = True
    return app, library.JWTManager(app)


def errors_of(library: Library) -> Any:
    return importlib.import_module(ERRORS[library.__name__])


def tokens(library: Library, app: Flask, identity: Any = "maria") -> dict[str, str | None]:
    with app.app_context():
        access = library.create_access_token(identity)
        return {
            "good": access,
            "fresh": library.create_access_token(identity, fresh=True),
            "refresh": library.create_refresh_token(identity),
            "expired": library.create_access_token(identity, expires_delta=timedelta(seconds=-5)),
            "changed": access[:-3] + ("AAA" if access[-3:] != "AAA" else "BBB"),
            "not yet valid": library.create_access_token(identity, additional_claims={"nbf": 2_000_000_000}),
            "another audience": pyjwt.encode({"sub": "maria", "aud": 7}, SECRET),
            "no token": "foo",
            "absent": None,
        }


def each(client: FlaskClient, path: str, sent: dict[str, str | None]) -> Seen:
    seen: Seen = []
    for name, token in sent.items():
        if name == "another audience":
            continue  # an audience that is a number is refused here and not there: see the page "Moving"
        reply = client.get(path, headers=bearer(token))
        seen.append((path, name, reply.status_code, reply.get_json(silent=True)))
    return seen


# --- Flask-RESTX -------------------------------------------------------------------------------------------


def restx(library: Library) -> Seen:
    """The usual work-around: the manager's handlers on the API, loaders that return data and a status."""
    from flask_restx import Api, Namespace, Resource

    app, manager = made(library)
    api, space = Api(app), Namespace("space", path="/space")
    for answering in (api, space):
        manager._set_error_handler_callbacks(answering)
    manager.unauthorized_loader(lambda reason: ({"reason": reason}, 401))
    manager.invalid_token_loader(lambda reason: ({"reason": reason}, 422, {"X-Reason": "invalid"}))
    manager.expired_token_loader(lambda header, claims: ({"expired": claims["sub"]}, 401))
    manager.needs_fresh_token_loader(lambda header, claims: ({"fresh": False}, 401))

    def admin_required(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def inner(*arguments: Any, **named: Any) -> Any:
            library.verify_jwt_in_request()
            return view(*arguments, **named) if library.get_jwt()["sub"] == "maria" else ({"admins": "only"}, 403)

        return inner

    for keeper, path, guard in (
        (api, "/decorated", library.jwt_required()),
        (api, "/fresh", library.jwt_required(fresh=True)),
        (api, "/by-hand", admin_required),
        (space, "/decorated", library.jwt_required()),
        (space, "/by-hand", admin_required),
    ):

        class View(Resource):
            @guard
            def get(self) -> Any:
                return {"identity": library.get_jwt_identity()}

        keeper.add_resource(View, path, endpoint=f"{keeper.__class__.__name__}{path}")
    api.add_namespace(space)
    paths = ("/decorated", "/fresh", "/by-hand", "/space/decorated", "/space/by-hand")
    return [seen for path in paths for seen in each(app.test_client(), path, tokens(library, app))]


def restful_subclass(library: Library) -> Seen:
    """An API of Flask-RESTful whose own ``handle_error`` knows the classes."""
    from flask_restful import Api, Resource

    known = errors_of(library)

    class Own(Api):
        def handle_error(self, e: Exception) -> Any:
            if isinstance(e, known.NoAuthorizationError):
                return self.make_response({"own": str(e)}, 499)
            if isinstance(e, pyjwt.ExpiredSignatureError):
                return self.make_response({"own": "too late"}, 498)
            if isinstance(e, pyjwt.InvalidTokenError):
                return self.make_response({"own": str(e)}, 497)
            return super().handle_error(e)

    app, _ = made(library)
    api = Own(app)

    class ByDecorator(Resource):
        @library.jwt_required()
        def get(self) -> Any:
            return {"identity": library.get_jwt_identity()}

    class ByHand(Resource):
        def get(self) -> Any:
            library.verify_jwt_in_request()
            return {"identity": library.get_jwt_identity()}

    api.add_resource(ByDecorator, "/decorated")
    api.add_resource(ByHand, "/by-hand")
    sent = tokens(library, app)
    del sent["refresh"]  # a class that this API does not know: a 500 there
    return [seen for path in ("/decorated", "/by-hand") for seen in each(app.test_client(), path, sent)]


def restful_by_name(library: Library) -> Seen:
    """An API of Flask-RESTful that knows errors by the names of their classes, PyJWT's among them."""
    from flask_restful import Api, Resource

    app, _ = made(library)
    table = {"NoAuthorizationError": {"own": "absent", "status": 499}, "ExpiredSignatureError": {"status": 498}}
    api = Api(app, errors=table)

    class View(Resource):
        @library.jwt_required()
        def get(self) -> Any:
            return {"identity": library.get_jwt_identity()}

    api.add_resource(View, "/decorated")
    sent = {name: token for name, token in tokens(library, app).items() if name in ("good", "expired", "absent")}
    return each(app.test_client(), "/decorated", sent)


# --- plain Flask -------------------------------------------------------------------------------------------


def bodies(library: Library) -> Seen:
    """Statuses and bodies as they are, for every guard."""
    app, manager = made(library, JWT_TOKEN_LOCATION=["headers", "cookies"])
    for name, arguments in {
        "access": {}, "fresh": {"fresh": True}, "refresh": {"refresh": True}, "optional": {"optional": True},
        "any": {"verify_type": False},
    }.items():  # fmt: skip

        def view() -> Any:
            return jsonify(library.get_jwt_identity())

        app.add_url_rule(f"/{name}", name, library.jwt_required(**arguments)(view), methods=["GET", "POST"])
    sent, client = tokens(library, app), app.test_client()
    seen = [
        seen for name in ("access", "fresh", "refresh", "optional", "any") for seen in each(client, f"/{name}", sent)
    ]
    client.set_cookie("access_token_cookie", sent["good"] or "")
    for proof in ({}, {"X-CSRF-TOKEN": "wrong"}):
        reply = client.post("/access", headers=proof)
        seen.append(("csrf", reply.status_code, reply.json))
    client.delete_cookie("access_token_cookie")
    for loader, answer in (("user_lookup_loader", None), ("token_verification_loader", False)):
        getattr(manager, loader)(lambda header, claims, answer=answer: answer)
        seen += each(client, "/access", {"good": sent["good"]})
    return seen


def by_hand(library: Library) -> Seen:
    """An ``admin_required`` that verifies, catches by class, and answers itself; and one around the decorator."""
    app, _ = made(library)
    known = errors_of(library)

    def catching(check: Callable[[], Any]) -> Any:
        try:
            return check()
        except known.NoAuthorizationError as error:
            return {"caught": str(error)}, 401
        except pyjwt.ExpiredSignatureError as error:
            return {"expired": str(error)}, 401
        except pyjwt.InvalidTokenError as error:
            return {"invalid": [str(error), type(error).__name__]}, 401

    def hand() -> Any:
        return catching(lambda: (library.verify_jwt_in_request(), {"identity": library.get_jwt_identity()})[1])

    def around() -> Any:
        return catching(library.jwt_required()(lambda: {"identity": library.get_jwt_identity()}))

    app.add_url_rule("/hand", view_func=hand)
    app.add_url_rule("/around", view_func=around)
    sent = tokens(library, app)
    return [seen for path in ("/hand", "/around") for seen in each(app.test_client(), path, sent)]


def handlers(library: Library) -> Seen:
    """Handlers that the application registers before and after the manager, for a class and for the base of all."""
    known, seen = errors_of(library), []
    for kind in (known.NoAuthorizationError, known.JWTExtendedException, pyjwt.ExpiredSignatureError, Exception):
        for before in (True, False):
            if before and kind is pyjwt.ExpiredSignatureError:
                continue  # it stays installed: the application's own use of PyJWT may need it
            app = Flask("compared")
            app.config.update(JWT_SECRET_KEY=SECRET, JWT_COMPAT=True)
            manager = library.JWTManager() if before else library.JWTManager(app)
            app.register_error_handler(kind, lambda error: ({"own": str(error)}, 499))
            if before:
                manager.init_app(app)
            app.add_url_rule("/decorated", "decorated", library.jwt_required()(lambda: {}))
            app.add_url_rule("/by-hand", "hand", lambda: (library.verify_jwt_in_request(), {})[1])
            sent = tokens(library, app)
            for path in ("/decorated", "/by-hand"):
                seen += [(kind.__name__, before), *each(app.test_client(), path, sent)]
    return seen


def blocklist(library: Library) -> Seen:
    """Ids that are ints: who is banned by an int stays out, and loaders and claims show the int."""
    app, manager = made(library, JWT_VERIFY_SUB=False)
    banned, asked = {7}, []
    manager.token_in_blocklist_loader(lambda header, claims: claims["sub"] in banned)
    manager.user_lookup_loader(lambda header, claims: asked.append(("lookup", claims["sub"])) or claims["sub"])
    manager.token_verification_loader(lambda header, claims: asked.append(("verify", claims["sub"])) or True)
    manager.expired_token_loader(lambda header, claims: ({"expired": claims["sub"]}, 401))

    @app.get("/me")
    @library.jwt_required()
    def me() -> Any:
        claims = library.get_jwt()
        return jsonify(claims["sub"], library.get_jwt_identity(), library.current_user, sorted(claims))

    seen: Seen = []
    for identity in (7, 8, "7", "maria"):
        sent = tokens(library, app, identity)
        seen += each(app.test_client(), "/me", {name: sent[name] for name in ("good", "expired")})
        seen += each(app.test_client(), "/me", {"good": sent["good"]})  # a second time, from the cache
        with app.app_context():
            claims = library.decode_token(sent["good"])
            seen.append((claims["sub"], sorted(claims)))
        with app.test_request_context(headers=bearer(sent["fresh"])):
            try:
                seen.append(library.verify_jwt_in_request()[1]["sub"])
            except errors_of(library).RevokedTokenError as error:
                seen.append(("revoked", error.jwt_data["sub"]))
    return [*seen, asked]


def decoded(library: Library) -> Seen:
    """``decode_token`` outside a guard, caught by PyJWT's classes."""
    app, _ = made(library, JWT_DECODE_AUDIENCE="us", JWT_DECODE_ISSUER="me")
    seen: Seen = []
    good: dict[str, Any] = {"sub": "a", "aud": "us", "iss": "me"}
    with app.app_context():
        for claims, key in (
            (good, SECRET),
            (good, SECRET + "x"),
            ({**good, "exp": 5}, SECRET),
            ({**good, "nbf": 2_000_000_000}, SECRET),
            ({**good, "aud": "them"}, SECRET),
            ({**good, "iss": "them"}, SECRET),
            ({"sub": "a", "iss": "me"}, SECRET),
            ({"sub": "a", "aud": "us"}, SECRET),
            ({"aud": "us", "iss": "me"}, SECRET),
            ({**good, "sub": 7}, SECRET),
            ({**good, "jti": 7}, SECRET),
        ):
            try:
                seen.append(library.decode_token(pyjwt.encode(claims, key))["sub"])
            except Exception as error:
                kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("jwt.")}
                seen.append((str(error), kinds, isinstance(error, errors_of(library).JWTDecodeError) or bool(kinds)))
        for token in ("foo", "a.b.c", pyjwt.encode(good, SECRET * 2, algorithm="HS384")):
            try:
                library.decode_token(token)
            except pyjwt.PyJWTError as error:
                seen.append((str(error), type(error).__name__))
    return seen


# --- what runs no view of its own --------------------------------------------------------------------------


def graphql(library: Library) -> Seen:
    """Resolvers: the executor shows the message of an exception."""
    from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLString, graphql_sync

    app, _ = made(library)

    @library.jwt_required()
    def decorated(root: Any, info: Any) -> str:
        return library.get_jwt_identity()

    def by_hand(root: Any, info: Any) -> str:
        library.verify_jwt_in_request(fresh=True)
        return library.get_jwt_identity()

    fields = {
        "decorated": GraphQLField(GraphQLString, resolve=decorated),
        "byHand": GraphQLField(GraphQLString, resolve=by_hand),
    }
    schema = GraphQLSchema(query=GraphQLObjectType("Query", fields))

    @app.get("/graphql")
    def execute() -> Any:
        result = graphql_sync(schema, "{ decorated byHand }")
        return jsonify(data=result.data, errors=[error.message for error in result.errors or []])

    return each(app.test_client(), "/graphql", tokens(library, app))


def socketio(library: Library) -> Seen:
    """Handlers of Socket.IO: there is no answer to give, and what is raised goes to the handler of errors."""
    from flask_socketio import SocketIO, disconnect, emit

    app, _ = made(library)
    io = SocketIO(app, async_mode="threading")
    known = errors_of(library)

    @io.on("decorated")
    @library.jwt_required()
    def decorated() -> None:
        emit("answer", {"identity": library.get_jwt_identity()})

    @io.on("by hand")
    def by_hand() -> None:
        try:
            library.verify_jwt_in_request()
        except known.NoAuthorizationError as error:
            emit("answer", {"absent": str(error)})
            disconnect()
        else:
            emit("answer", {"identity": library.get_jwt_identity()})

    @io.on_error_default
    def failed(error: Exception) -> None:
        emit("answer", {"error": str(error), "authorization": isinstance(error, known.JWTExtendedException)})

    seen: Seen = []
    for name, token in tokens(library, app).items():
        if name not in ("good", "refresh", "absent"):
            continue
        for event in ("decorated", "by hand"):
            client = io.test_client(app, headers=bearer(token))
            client.emit(event)
            seen.append((name, event, client.get_received() if client.is_connected() else "disconnected"))
    return seen


APPLICATIONS = [
    restx, restful_subclass, restful_by_name, bodies, by_hand, handlers, blocklist, decoded, graphql, socketio,
]  # fmt: skip


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.__name__)
def test_an_application_sees_what_it_saw_with_flask_jwt_extended(application: Callable[[Library], Seen]) -> None:
    there, here = application(importlib.import_module(PEER)), application(importlib.import_module(OWN))

    assert len(there) > 2
    assert there == here
