"""Where tokens are found, what a guard may be told to ask, and where what it verified lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations, product
from typing import Any

import pytest
from flask import Blueprint, Flask, jsonify
from werkzeug.test import Client

import flask_signet
from flask_signet import (
    JWTManager,
    create_access_token,
    current_user,
    get_current_user,
    get_jwt,
    get_jwt_header,
    get_jwt_identity,
    get_jwt_request_location,
    jwt_required,
    verify_jwt_in_request,
)
from flask_signet.exceptions import (
    FreshTokenRequired,
    NoAuthorizationError,
    RevokedTokenError,
    WeakKeyError,
    WrongTokenError,
)
from flask_signet.tokens.base64url import decode
from flask_signet.tokens.strict_json import loads
from flask_signet.tokens.verifier import Verified
from tests.compat.application import NOW, SECRET, World, bearer, world

LOCATIONS = ("headers", "cookies", "query_string", "json")


def claims_of(token: str) -> dict[str, Any]:
    return loads(decode(token.split(".")[1].encode()))


def send(w: World, location: str, token: str, *, refresh: bool = False, proof: str | None = None) -> Any:
    """Send *token* by POST the way that *location* names, and nothing else."""
    path = "/refresh" if refresh else "/access"
    client = w.app.test_client()
    headers = {} if proof is None else {"X-CSRF-TOKEN": proof}
    if location == "headers":
        return client.post(path, headers={**headers, **bearer(token)})
    if location == "cookies":
        client.set_cookie("refresh_token_cookie" if refresh else "access_token_cookie", token)
        return client.post(path, headers=headers)
    if location == "query_string":
        return client.post(path, headers=headers, query_string={"jwt": token})
    return client.post(path, headers=headers, json={"refresh_token" if refresh else "access_token": token})


@pytest.mark.parametrize(
    ("location", "refresh", "protect", "proof"),
    list(product(LOCATIONS, (False, True), (False, True), ("own", "other", None))),
)
def test_each_location_takes_both_kinds_and_asks_a_proof_of_cookies_alone(
    location: str, refresh: bool, protect: bool, proof: str | None
) -> None:
    w = world(JWT_TOKEN_LOCATION=list(LOCATIONS), JWT_COOKIE_CSRF_PROTECT=protect)
    token = w.refresh() if refresh else w.access()
    value = claims_of(token).get("csrf", "x") if proof == "own" else proof

    answer = send(w, location, token, refresh=refresh, proof=value)

    needed = location == "cookies" and protect
    assert answer.status_code == (403 if needed and proof != "own" else 200)


@pytest.mark.parametrize("order", list(permutations(LOCATIONS)))
def test_the_first_location_that_holds_a_token_wins(order: tuple[str, ...]) -> None:
    w = world(JWT_TOKEN_LOCATION=order, JWT_COOKIE_CSRF_PROTECT=False)

    @w.app.post("/where")
    @jwt_required()
    def where() -> Any:
        return jsonify(get_jwt_identity(), get_jwt_request_location())

    w.client.set_cookie("access_token_cookie", w.access("cookies"))
    answer = w.client.post(
        "/where",
        headers=bearer(w.access("headers")),
        query_string={"jwt": w.access("query_string")},
        json={"access_token": w.access("json")},
    )

    assert answer.json == [order[0], order[0]]


@pytest.mark.parametrize(
    ("locations", "status"),
    [
        (None, 401),
        ("query_string", 200),
        (["json", "query_string"], 200),
        (("json",), 401),
        ([], 401),
        ("headers", 401),
    ],
)
def test_a_route_may_look_elsewhere(locations: Any, status: int) -> None:
    w = world()
    w.guarded("/elsewhere", locations=locations)

    assert w.get(f"/elsewhere?jwt={w.access()}").status_code == status


@pytest.mark.parametrize(
    ("fresh", "status"),
    [
        (True, 200),
        (False, 401),
        (timedelta(minutes=1), 200),
        (timedelta(0), 200),
        (timedelta(seconds=-1), 401),
        (NOW + 0.5, 200),
        (NOW - 0.5, 401),
    ],
)
def test_fresh_is_a_bool_or_a_time(fresh: Any, status: int) -> None:
    w = world()

    assert w.get("/fresh", w.access(fresh=fresh)).status_code == status


def test_freshness_ends_while_the_token_lives() -> None:
    w = world()
    token = w.access(fresh=timedelta(minutes=1))
    w.hands.now += 61

    assert (w.get("/fresh", token).status_code, w.get("/access", token).status_code) == (401, 200)


def test_a_refresh_token_is_never_fresh() -> None:
    w = world()
    w.guarded("/both", refresh=True, fresh=True)

    assert w.get("/both", w.refresh()).json["msg"] == "Fresh token required"


def test_verify_type_off_takes_both_kinds() -> None:
    w = world()
    w.guarded("/any", verify_type=False)

    for token in (w.access(), w.refresh(), w.raw({"sub": "ann"})):
        assert w.get("/any", token).status_code == 200
    assert w.get("/any", w.raw({"sub": "ann", "type": "app"})).status_code == 401


def test_skip_revocation_check_skips_that_alone() -> None:
    w = world()
    w.guarded("/skip", skip_revocation_check=True)
    w.jwt.token_in_blocklist_loader(lambda header, claims: True)
    w.jwt.token_verification_loader(lambda header, claims: claims["sub"] == "ann")

    assert w.get("/access", w.access()).json["error"] == "token_revoked"
    assert w.get("/skip", w.access()).status_code == 200
    assert w.get("/skip", w.access("bob")).json["msg"] == "User claims verification failed"


def test_optional_passes_without_a_token_and_refuses_a_bad_one() -> None:
    w = world(JWT_TOKEN_LOCATION=["headers", "cookies"])
    w.jwt.user_lookup_loader(lambda header, claims: claims["sub"])

    @w.app.route("/maybe", methods=["GET", "POST"])
    @jwt_required(optional=True)
    def maybe() -> Any:
        return jsonify(
            [get_jwt(), get_jwt_header(), get_jwt_identity(), get_jwt_request_location(), get_current_user()],
            current_user == None,  # noqa: E711  # the proxy compares as what it stands for
            bool(current_user),
        )

    assert w.get("/maybe").json == [[{}, {}, None, None, None], True, False]
    assert w.client.get("/maybe", headers={"Authorization": "Basic eDp5"}).status_code == 200
    assert w.get("/maybe", w.access()).json[0][2:] == ["ann", "headers", "ann"]
    for bad in ("x", w.access(expires_delta=timedelta(0)), w.refresh()):
        assert w.get("/maybe", bad).status_code == 401
    w.client.set_cookie("access_token_cookie", w.access())
    assert w.client.post("/maybe").json["msg"] == "Missing CSRF token"


# --- by hand ------------------------------------------------------------------------------------------


def test_verify_by_hand_returns_header_and_claims_or_raises() -> None:
    w = world()
    token = w.access()
    with w.app.test_request_context(headers=bearer(token)):
        verified = verify_jwt_in_request()
        assert verified is not None
        header, claims = verified
        assert (header, claims["sub"]) == ({"alg": "HS256", "typ": "JWT"}, "ann")
        claims.clear()
        assert get_jwt_identity() == "ann"
        with pytest.raises(FreshTokenRequired):
            verify_jwt_in_request(fresh=True)
        assert get_jwt_identity() == "ann"  # a later refusal leaves what was verified before
        assert verify_jwt_in_request(optional=True, locations="query_string") is None
        assert get_jwt_identity() is None
    with w.app.test_request_context():
        assert verify_jwt_in_request(optional=True) is None
        with pytest.raises(NoAuthorizationError):
            verify_jwt_in_request()
    with w.app.test_request_context(method="OPTIONS"):
        assert verify_jwt_in_request() is None


@pytest.mark.parametrize(
    ("arguments", "kind", "refused"),
    [
        ({}, "access", None),
        ({}, "refresh", WrongTokenError),
        ({}, "revoked", RevokedTokenError),
        ({"refresh": True}, "refresh", None),
        ({"refresh": True}, "access", WrongTokenError),
        ({"verify_type": False}, "access", None),
        ({"verify_type": False}, "refresh", None),
        ({"verify_type": False}, "revoked", RevokedTokenError),
        ({"skip_revocation_check": True}, "revoked", None),
        ({"skip_revocation_check": True}, "refresh", WrongTokenError),
    ],
)
def test_verify_by_hand_asks_what_its_arguments_say(
    arguments: dict[str, bool], kind: str, refused: type[Exception] | None
) -> None:
    w = world()
    w.jwt.token_in_blocklist_loader(lambda header, claims: claims["sub"] == "revoked")
    token = w.refresh() if kind == "refresh" else w.access(kind)

    with w.app.test_request_context(headers=bearer(token)):
        if refused is None:
            assert verify_jwt_in_request(**arguments) is not None
        else:
            with pytest.raises(refused):
                verify_jwt_in_request(**arguments)


def test_verify_by_hand_in_a_view_is_answered_like_the_decorator() -> None:
    w = world()

    @w.app.get("/hand")
    def hand() -> str:
        verify_jwt_in_request()
        return str(get_jwt_identity())

    assert w.get("/hand", w.access(7)).text == "7"
    answer = w.get("/hand")
    assert (answer.status_code, answer.json["error"], answer.headers["WWW-Authenticate"]) == (
        401,
        "missing_token",
        "Bearer",
    )


@pytest.mark.parametrize(
    "getter",
    [get_jwt, get_jwt_header, get_jwt_identity, get_current_user, lambda: current_user.name],
)
def test_asking_before_a_guard_is_an_error_of_the_programmer(getter: Callable[[], Any]) -> None:
    w = world()
    text = "You must call `@jwt_required\\(\\)` or `verify_jwt_in_request\\(\\)` before using this method"

    with w.app.test_request_context(), pytest.raises(RuntimeError, match=text):
        getter()
    with w.app.app_context(), pytest.raises(RuntimeError, match=text):
        getter()


def test_asking_for_a_user_without_a_lookup_says_what_is_missing() -> None:
    w = world()
    with w.app.test_request_context(headers=bearer(w.access())):
        verify_jwt_in_request()
        with pytest.raises(RuntimeError, match=r"You must provide a `@jwt\.user_lookup_loader` callback"):
            get_current_user()


def test_a_manager_that_knows_the_users_is_asked_once_and_only_when_somebody_asks() -> None:
    asked: list[str] = []

    class Knowing(JWTManager):
        def load_user(self, verified: Verified) -> Any:
            asked.append(verified.identity)
            return {"name": verified.identity}

    w = world()
    Knowing(w.app, clock=w.hands.clock())

    @w.app.get("/me")
    @jwt_required()
    def me() -> Any:
        return jsonify(get_current_user(), current_user["name"], get_jwt_identity(), get_jwt_request_location())

    assert w.get("/access", w.access()).status_code == 200
    assert asked == []
    assert w.get("/me", w.access()).json == [{"name": "ann"}, "ann", "ann", "headers"]
    assert asked == ["ann"]
    assert w.get("/me", w.access("bob")).json[0] == {"name": "bob"}


# --- where it lives -----------------------------------------------------------------------------------


def test_nothing_of_one_request_reaches_the_next_within_one_application_context() -> None:
    w = world()

    @w.app.get("/peek")
    def peek() -> str:
        try:
            return str(get_jwt_identity())
        except RuntimeError:
            return "nobody"

    with w.app.app_context():
        assert w.get("/access", w.access()).json["identity"] == "ann"
        assert w.client.get("/peek").text == "nobody"
        with pytest.raises(RuntimeError):
            get_jwt_identity()
        assert w.get("/optional").json["identity"] is None


def test_async_views_are_guarded() -> None:
    w = world()

    @w.app.get("/async")
    @jwt_required()
    async def view() -> str:
        await asyncio.sleep(0)
        return str(get_jwt_identity())

    assert w.get("/async").status_code == 401
    assert w.get("/async", w.access(7)).text == "7"
    assert view.__name__ == "view"


def test_arguments_reach_the_view() -> None:
    w = world()

    @w.app.get("/<int:a>/<b>")
    @jwt_required()
    def view(a: int, b: str) -> Any:
        return jsonify(a, b)

    assert w.get("/1/x", w.access()).json == [1, "x"]


def test_one_manager_serves_two_applications_made_by_a_factory() -> None:
    manager = JWTManager()

    def create_app(secret: str, **config: Any) -> Flask:
        app = Flask("factory")
        app.config.update(JWT_SECRET_KEY=secret, **config)
        manager.init_app(app)
        blueprint = Blueprint("api", "api", url_prefix="/api")

        @blueprint.get("/me")
        @jwt_required()
        def me() -> Any:
            return jsonify(get_jwt_identity())

        app.register_blueprint(blueprint)
        return app

    first, second = create_app(SECRET), create_app(SECRET[::-1], JWT_ERROR_STATUS="flask-jwt-extended")
    manager.invalid_token_loader(lambda reason: ({"own": reason}, 418))
    with first.app_context():
        token = create_access_token(1)
    assert first.test_client().get("/api/me", headers=bearer(token)).json == 1
    assert second.test_client().get("/api/me", headers=bearer(token)).status_code == 418
    with second.app_context():
        other = create_access_token(2)
    assert second.test_client().get("/api/me", headers=bearer(other)).json == 2


def test_a_later_manager_replaces_the_former() -> None:
    w = world()
    w.jwt.unauthorized_loader(lambda reason: ("old", 418))
    later = JWTManager(w.app)

    assert w.get("/access").status_code == 401
    later.unauthorized_loader(lambda reason: ("new", 419))
    assert w.get("/access").status_code == 419
    assert w.app.extensions["flask-jwt-extended"] is later


# --- identities ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", [1, "1", 0, "0", -7, "-7", 10**30, "01", "", "ä", "1.0"])
def test_an_identity_comes_back_in_its_type(identity: Any) -> None:
    w = world()
    token = w.access(identity)

    assert claims_of(token)["sub"] == str(identity)
    assert ("sub_type" in claims_of(token)) == isinstance(identity, int)
    for answer in (w.get("/access", token), w.get("/access", token), w.get("/refresh", w.refresh(identity))):
        assert answer.json["identity"] == identity
        assert "sub_type" not in answer.json["claims"]
    with w.app.app_context():
        assert "sub_type" not in flask_signet.decode_token(token)


@pytest.mark.parametrize(
    ("settings", "claims", "identity"),
    [
        ({"JWT_IDENTITY_CLAIM": "user"}, {"user": {"id": 1}}, {"id": 1}),
        ({"JWT_VERIFY_SUB": False}, {"sub": 7}, 7),
        ({}, {"sub": "7", "sub_type": "str"}, "7"),
        ({}, {"sub": "x", "sub_type": "int"}, "x"),
        ({}, {"sub": "07", "sub_type": "int"}, "07"),
        ({}, {"sub": "7" * 5_000, "sub_type": "int"}, "7" * 5_000),
    ],
)
def test_an_identity_of_a_foreign_token_is_as_it_stands(
    settings: dict[str, Any], claims: dict[str, Any], identity: Any
) -> None:
    w = world(**settings)

    assert w.get("/access", w.raw(claims)).json["identity"] == identity


@pytest.mark.parametrize("settings", [{"JWT_VERIFY_SUB": False}, {"JWT_IDENTITY_CLAIM": "user"}])
def test_any_identity_can_be_written_where_sub_is_not_judged(settings: dict[str, Any]) -> None:
    w = world(**settings)

    assert w.get("/access", w.access({"id": 1})).json["identity"] == {"id": 1}
    assert w.get("/access", w.access(7)).json["identity"] == 7


# --- keys that can be guessed -------------------------------------------------------------------------


def test_a_weak_key_works_in_development_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    w = world()
    w.app.config["JWT_SECRET_KEY"] = "short"
    for _ in range(3):
        assert w.get("/access", w.access()).status_code == 200

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "flask signet keys generate" in caplog.text
    assert "short" not in caplog.text.replace("a short", "")


def test_a_weak_key_is_refused_by_a_real_server(caplog: pytest.LogCaptureFixture) -> None:
    w = world()
    w.app.config["JWT_SECRET_KEY"] = "short"
    token = w.access()
    server = {"SERVER_SOFTWARE": "gunicorn/27"}
    caplog.clear()

    def ask() -> Any:
        with w.app.request_context({**_environ(w, token), **server}):
            return w.app.full_dispatch_request()

    answers = [ask(), ask()]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "60")] * 2
    assert answers[0].json == {"error": "unavailable", "msg": "Service temporarily unavailable"}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    with w.app.request_context({**_environ(w, token), **server}):
        with pytest.raises(WeakKeyError, match="the secret has 5 bytes"):
            create_access_token("ann")

    w.app.config["JWT_ALLOW_WEAK_KEYS"] = True
    assert ask().status_code == 200


def _environ(w: World, token: str) -> dict[str, Any]:
    from werkzeug.test import EnvironBuilder

    return EnvironBuilder(path="/access", headers=bearer(token)).get_environ()


def test_an_identity_that_is_changed_does_not_reach_the_next_request() -> None:
    w = world(JWT_IDENTITY_CLAIM="user")

    @w.app.get("/roles")
    @jwt_required()
    def roles() -> Any:
        identity = get_jwt_identity()
        identity["roles"].append("admin")
        return jsonify(get_jwt_identity())

    token = w.access({"id": 1, "roles": []})
    for _ in range(3):
        assert w.get("/roles", token).json == {"id": 1, "roles": []}


def test_what_one_location_accepted_is_not_taken_as_it_stands_in_another() -> None:
    """With its scheme it is no token, also after the same text was verified in its header."""
    w = world(JWT_TOKEN_LOCATION=["headers", "query_string", "cookies"], JWT_COOKIE_CSRF_PROTECT=False)
    token = w.access()
    assert w.get("/access", token).status_code == 200

    assert w.client.get("/access", query_string={"jwt": f"Bearer {token}"}).status_code == 401
    assert w.client.get("/access", query_string={"jwt": token}).status_code == 200
    for header in (token, f" {token}", f"Token {token}"):
        answer = Client(w.app).get("/access", environ_overrides={"HTTP_AUTHORIZATION": header})
        assert answer.status_code == 401
        assert answer.json["msg"].startswith("Missing JWT in headers")


def test_a_header_of_the_token_alone_is_recalled_as_well() -> None:
    w = world(JWT_HEADER_TYPE="")
    token = w.access()
    for header in (token, token, f" {token}"):
        assert w.client.get("/access", headers={"Authorization": header}).status_code == 200
    verifier = w.app.extensions["flask-signet-tokens"].snapshot().verifier

    assert verifier.recall(token, NOW) is not None
    assert verifier.recall(token, NOW + 900) is None
