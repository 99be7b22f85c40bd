"""The 15 loaders: each is asked with the arguments it was asked with, plain or ``async``."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import flask_jwt_extended
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, Response, current_app, jsonify
from werkzeug.test import Client

from flask_signet import (
    JWTManager,
    create_access_token,
    decode_token,
    get_current_user,
    get_unverified_jwt_headers,
    jwt_required,
    verify_jwt_in_request,
)
from flask_signet.exceptions import IdentityTypeError, SettingsError
from flask_signet.web.token_layer import layer_of
from tests.compat.application import SECRET, Hands, World, world

LOADERS = sorted(name for name in vars(flask_jwt_extended.JWTManager) if name.endswith("_loader"))
Style = Callable[[Callable[..., Any]], Callable[..., Any]]

FAILED = "Signature verification failed"


def plain(callback: Callable[..., Any]) -> Callable[..., Any]:
    return callback


def coroutine(callback: Callable[..., Any]) -> Callable[..., Any]:
    async def asked(*arguments: Any) -> Any:
        return callback(*arguments)

    return asked


class Awaited:
    """A callback whose result must be awaited although it is no coroutine function."""

    def __init__(self, callback: Callable[..., Any]) -> None:
        self._callback = callback

    def __call__(self, *arguments: Any) -> Any:
        return coroutine(self._callback)(*arguments)


@pytest.fixture(params=[plain, coroutine, Awaited], ids=["plain", "async", "awaitable"])
def style(request: pytest.FixtureRequest) -> Style:
    return request.param


def test_there_are_fifteen_loaders_and_each_gives_its_function_back() -> None:
    def callback() -> None: ...

    assert len(LOADERS) == 15
    for name in LOADERS:
        assert getattr(JWTManager(), name)(callback) is callback


def test_loaders_of_new_tokens(style: Style) -> None:
    w = world()
    asked: list[tuple[str, Any]] = []

    def said(name: str, result: Any) -> Callable[[Any], Any]:
        def callback(identity: Any) -> Any:
            asked.append((name, identity))
            return result

        return style(callback)

    user = {"id": 7}
    w.jwt.user_identity_loader(said("identity", 7))
    w.jwt.additional_claims_loader(said("claims", {"role": "a", "team": "x"}))
    w.jwt.additional_headers_loader(said("headers", {"cty": "a", "x": 1}))
    w.jwt.encode_key_loader(said("key", SECRET))
    token = w.access(user, additional_claims={"role": "b"}, additional_headers={"x": 2})

    assert sorted(asked, key=str) == sorted(
        [("identity", user), ("claims", user), ("headers", user), ("key", user)], key=str
    )
    answer = w.get("/access", token).json
    assert (answer["identity"], answer["claims"]["role"], answer["claims"]["team"]) == (7, "b", "x")
    with w.app.app_context():
        assert get_unverified_jwt_headers(token) == {"alg": "HS256", "typ": "JWT", "cty": "a", "x": 2}


def test_key_loaders_choose_the_keys(style: Style) -> None:
    w = world()
    secrets = {"a": "a" * 31 + "bcd", "b": "b" * 31 + "cde"}
    seen: list[tuple[Any, Any]] = []

    def choose(header: dict[str, Any], claims: dict[str, Any]) -> str:
        seen.append((header["alg"], claims["tenant"]))
        return secrets[claims["tenant"]]

    w.jwt.encode_key_loader(style(lambda identity: secrets[identity]))
    w.jwt.decode_key_loader(style(choose))

    assert w.get("/access", w.access("a", additional_claims={"tenant": "a"})).json["identity"] == "a"
    forged = w.access("a", additional_claims={"tenant": "b"})
    assert w.get("/access", forged).json["msg"] == FAILED
    assert seen == [("HS256", "a"), ("HS256", "b")]
    unknown = w.get("/access", w.access("a", additional_claims={"tenant": "c"}))
    assert (unknown.status_code, unknown.json["error"]) == (401, "invalid_token")


def no_key(header: dict[str, Any], claims: dict[str, Any]) -> str:
    raise KeyError("no such tenant")


@pytest.mark.parametrize(
    ("loader", "text"),
    [
        (no_key, "No key is known for this token"),
        (lambda header, claims: None, "No key is known for this token"),
        (lambda header, claims: "", "The key does not fit this token: the secret for HS256 is empty"),
    ],
)
def test_a_key_loader_without_a_key_that_fits_is_a_refusal_that_says_so(loader: Any, text: str) -> None:
    w = world(lambda jwt: jwt.decode_key_loader(loader))

    assert w.get("/access", w.access()).json == {"error": "invalid_token", "msg": text}


def test_a_key_loader_may_give_a_public_key_and_read_the_kid() -> None:
    private = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("a", "b")}
    w = world(JWT_ALGORITHM="ES256", JWT_PRIVATE_KEY=private["a"])
    w.jwt.encode_key_loader(lambda identity: private[identity])
    w.jwt.decode_key_loader(lambda header, claims: private[header["kid"]].public_key())

    for name in ("a", "b"):
        assert w.get("/access", w.access(name, additional_headers={"kid": name})).json["identity"] == name
    forged = w.access("a", additional_headers={"kid": "b"})
    assert w.get("/access", forged).json["msg"] == FAILED


def test_keys_that_a_loader_gave_before_count_only_while_it_gives_them() -> None:
    """They are kept as they were read, by their text and algorithm; what decides is the callback of this request."""
    secrets = {"a": "a" * 63 + "1", "b": "b" * 63 + "2"}
    w = world(JWT_DECODE_ALGORITHMS=["HS256", "HS512"])
    w.jwt.encode_key_loader(lambda identity: secrets[identity])
    w.jwt.decode_key_loader(lambda header, claims: secrets[header["kid"]])

    def ask(token: str) -> str:
        answer = w.get("/access", token).json
        return answer.get("identity") or answer["msg"]

    tokens = [w.access(name, additional_headers={"kid": name}) for name in ("a", "b")]
    w.app.config["JWT_ALGORITHM"] = "HS512"
    tokens.append(w.access("a", additional_headers={"kid": "a"}))
    for _ in range(2):
        assert [ask(token) for token in tokens] == ["a", "b", "a"]
    secrets["a"] = secrets["b"]
    assert [ask(token) for token in tokens] == [FAILED, "b", FAILED]
    del secrets["b"]
    assert ask(tokens[1]) == "No key is known for this token"


def test_the_last_64_keys_of_a_loader_are_kept() -> None:
    secrets = iter([f"{number:064}" for number in range(70)])
    w = world(lambda jwt: jwt.decode_key_loader(lambda header, claims: next(secrets)))
    token = w.access()
    for _ in range(70):
        assert w.get("/access", token).json["msg"] == FAILED

    chosen = layer_of(w.app)._chosen_keys
    assert chosen is not None
    assert chosen._remembered.cache_info().currsize == 64


def test_a_key_loader_may_give_a_text_of_its_own_kind() -> None:
    class Secret(str):
        """Compares in constant time, and so has no hash."""

        def __eq__(self, other: object) -> bool:
            return isinstance(other, str) and hmac.compare_digest(self.encode(), other.encode())

        __hash__ = None  # type: ignore[assignment]

    w = world(lambda jwt: jwt.decode_key_loader(lambda header, claims: Secret(SECRET)))

    assert [w.get("/access", w.access()).status_code for _ in range(2)] == [200, 200]


def test_with_key_loaders_no_key_need_be_set() -> None:
    app = Flask("app")
    jwt = JWTManager(app)
    made = World(app, jwt, Hands())
    made.guarded("/access")
    with pytest.raises(SettingsError, match="JWT_SECRET_KEY or flask SECRET_KEY must be set"):
        made.access()

    jwt.encode_key_loader(lambda identity: SECRET)
    jwt.decode_key_loader(lambda header, claims: SECRET)
    assert made.get("/access", made.access()).json["identity"] == "ann"
    with app.app_context():
        assert decode_token(made.access())["sub"] == "ann"


def test_a_weak_key_of_a_loader_is_refused_by_a_real_server_and_an_unused_one_is_not() -> None:
    def ask(w: World, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        environ = {"SERVER_SOFTWARE": "gunicorn/27.0.1"}
        return Client(w.app).get("/access", headers=headers, environ_overrides=environ).status_code

    w = world(lambda jwt: jwt.decode_key_loader(lambda header, claims: SECRET))
    good = w.access()
    w.app.config["JWT_SECRET_KEY"] = "weak"
    assert ask(w, good) == 200

    w.app.config["JWT_SECRET_KEY"] = SECRET
    w.jwt.encode_key_loader(lambda identity: "weak")
    w.jwt.decode_key_loader(lambda header, claims: "weak")
    assert w.get("/access", w.access()).status_code == 200  # under a test client
    assert ask(w, w.access()) == 503
    w.app.config["JWT_ALLOW_WEAK_KEYS"] = True
    assert ask(w, w.access()) == 200


def test_an_async_view_may_ask_async_callbacks() -> None:
    """Its own loop cannot wait for itself."""
    w = world()
    w.jwt.additional_claims_loader(coroutine(lambda identity: {"of": identity}))
    w.jwt.token_in_blocklist_loader(coroutine(lambda header, claims: claims["sub"] == "bad"))
    w.jwt.user_lookup_loader(coroutine(lambda header, claims: (current_app.name, claims["sub"])))

    @w.app.get("/async")
    async def view() -> Any:
        verify_jwt_in_request()
        return jsonify(user=get_current_user(), claims=decode_token(create_access_token("bob"))["of"])

    assert w.get("/async", w.access()).json == {"user": ["app", "ann"], "claims": "bob"}
    assert w.get("/async", w.access("bad")).json["error"] == "token_revoked"


def test_with_a_key_loader_the_cap_counts_to_the_byte() -> None:
    w = world(lambda jwt: jwt.decode_key_loader(lambda header, claims: SECRET))
    token = w.access(additional_claims={"pad": "x" * 400})
    w.app.config["JWT_MAX_TOKEN_BYTES"] = len(token)
    assert w.get("/access", token).status_code == 200

    w.app.config["JWT_MAX_TOKEN_BYTES"] = len(token) - 1
    assert w.get("/access", token).json["msg"] == f"Invalid token: longer than {len(token) - 1} bytes"


def test_a_key_loader_does_not_open_other_algorithms_or_endless_tokens() -> None:
    w = world(lambda jwt: jwt.decode_key_loader(lambda header, claims: SECRET * 2), JWT_MAX_TOKEN_BYTES=1_000)
    import jwt as pyjwt

    other = pyjwt.encode({"sub": "ann"}, SECRET * 2, algorithm="HS512")
    assert w.get("/access", other).json["msg"] == "The specified alg value is not allowed"
    assert "longer than 1000 bytes" in w.get("/access", "x" * 1_001).json["msg"]
    assert w.get("/access", pyjwt.encode({"sub": "ann"}, SECRET * 2)).json["identity"] == "ann"


def test_loaders_that_judge_a_token(style: Style) -> None:
    w = world()
    asked: list[tuple[Any, ...]] = []

    def says(name: str, result: Any) -> Callable[..., Any]:
        def callback(header: dict[str, Any], claims: dict[str, Any]) -> Any:
            asked.append((name, header["alg"], claims["sub"]))
            claims.clear()
            header.clear()
            return result

        return style(callback)

    w.jwt.token_in_blocklist_loader(says("blocklist", False))
    w.jwt.token_verification_loader(says("verification", True))
    w.jwt.user_lookup_loader(says("lookup", 0))

    @w.app.get("/user")
    @jwt_required()
    def user() -> dict[str, Any]:
        return {"user": get_current_user()}

    token = w.access()
    assert w.get("/user", token).json == {"user": 0}
    assert w.get("/user", token).json == {"user": 0}
    assert asked[:3] == [(name, "HS256", "ann") for name in ("blocklist", "verification", "lookup")]
    assert len(asked) == 6


@pytest.mark.parametrize(
    ("loader", "ask", "arguments"),
    [
        ("expired_token_loader", lambda w: w.get("/access", w.access(expires_delta=timedelta(0))), "token"),
        ("invalid_token_loader", lambda w: w.get("/access", "x"), "Not enough segments"),
        ("unauthorized_loader", lambda w: w.get("/access"), "Missing Authorization Header"),
        ("needs_fresh_token_loader", lambda w: w.get("/fresh", w.access()), "token"),
        ("revoked_token_loader", lambda w: w.get("/access", w.access("revoked")), "token"),
        ("token_verification_failed_loader", lambda w: w.get("/access", w.access("refused")), "token"),
        ("user_lookup_error_loader", lambda w: w.get("/access", w.access("gone")), "token"),
    ],
)
def test_loaders_that_answer(style: Style, loader: str, ask: Callable[[World], Any], arguments: str) -> None:
    """A loader may return what a view may return, also if it is registered after ``init_app``."""
    w = world()
    w.jwt.token_in_blocklist_loader(lambda header, claims: claims["sub"] == "revoked")
    w.jwt.token_verification_loader(lambda header, claims: claims["sub"] != "refused")
    w.jwt.user_lookup_loader(lambda header, claims: None if claims["sub"] == "gone" else claims["sub"])
    asked: list[Any] = []

    for result in (({"own": 1}, 418), Response('{"own": 1}', 418), (b'{"own": 1}', 418, {"X-Own": "1"})):

        def callback(*given: Any, result: Any = result) -> Any:
            asked.append(given)
            return result

        getattr(w.jwt, loader)(style(callback))
        answer = ask(w)
        assert (answer.status_code, answer.get_json(force=True)) == (418, {"own": 1})
    for given in asked:
        if arguments == "token":
            header, claims = given
            assert (header["alg"], claims["type"]) == ("HS256", "access")
        else:
            assert given == (arguments,)


def test_an_identity_of_another_type_needs_a_loader_and_the_error_says_so() -> None:
    w = world()
    with pytest.raises(IdentityTypeError, match=r"@jwt\.user_identity_loader"):
        w.access(object())

    w.jwt.user_identity_loader(lambda identity: str(identity["id"]))
    assert w.get("/access", w.access({"id": 7})).json["identity"] == "7"


def test_claims_of_a_call_go_over_those_of_the_loader() -> None:
    w = world(lambda jwt: jwt.additional_claims_loader(lambda identity: {"a": 1, "b": {"c": 1}}))

    claims = w.get("/access", w.access(additional_claims={"b": 2})).json["claims"]
    assert (claims["a"], claims["b"]) == (1, 2)
    with w.app.test_request_context():
        for _ in range(2):
            assert w.jwt._decode_jwt_from_config(create_access_token("ann"))["b"] == {"c": 1}


def test_headers_are_written_as_claims_are() -> None:
    """By the application's JSON provider, as Flask-JWT-Extended has it: a UUID is a string, a date an HTTP date."""
    more = {"device": UUID(int=1), "since": datetime(2020, 1, 1, tzinfo=timezone.utc)}
    w = world()

    token = w.access(additional_claims=more, additional_headers=more)

    written = {"device": str(UUID(int=1)), "since": "Wed, 01 Jan 2020 00:00:00 GMT"}
    with w.app.app_context():
        assert get_unverified_jwt_headers(token) == {"alg": "HS256", "typ": "JWT", **written}
    assert written.items() <= w.get("/access", token).json["claims"].items()
