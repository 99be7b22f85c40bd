"""Every name that Flask-JWT-Extended exports is here, with its parameters, and does what it did."""

from __future__ import annotations

import importlib
import inspect
import json
from datetime import date, timedelta
from typing import Any

import flask_jwt_extended
import pytest
from flask import Flask
from flask.json.provider import JSONProvider

import flask_signet
from flask_signet import exceptions
from flask_signet.compat import default_callbacks, internal_utils, tokens, view_decorators
from flask_signet.compat.config import config
from tests.compat.application import NOW, SECRET, World, bearer, world

PUBLIC = sorted(
    name for name, value in vars(flask_jwt_extended).items() if not name.startswith("_") and not inspect.ismodule(value)
)
SUBMODULES = (
    "config", "default_callbacks", "exceptions", "internal_utils", "jwt_manager", "tokens", "typing", "utils",
    "view_decorators",
)  # fmt: skip


def test_there_are_twenty_names() -> None:
    assert len(PUBLIC) == 20
    assert set(PUBLIC) <= set(flask_signet.__all__)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "current_user"])
def test_a_public_name_takes_the_same_parameters(name: str) -> None:
    theirs = list(inspect.signature(getattr(flask_jwt_extended, name)).parameters.values())
    ours = list(inspect.signature(getattr(flask_signet, name)).parameters.values())

    assert [(p.name, p.default, p.kind) for p in ours[: len(theirs)]] == [(p.name, p.default, p.kind) for p in theirs]
    assert all(p.kind is p.KEYWORD_ONLY for p in ours[len(theirs) :])


def _defined(module: Any, of: str) -> set[str]:
    return {name for name, value in vars(module).items() if getattr(value, "__module__", None) == of}


@pytest.mark.parametrize("submodule", SUBMODULES)
def test_a_submodule_has_what_people_import_from_it(submodule: str) -> None:
    name = f"flask_jwt_extended.{submodule}"
    theirs = importlib.import_module(name)
    ours = importlib.import_module(f"flask_signet.compat.{submodule}")

    wanted = {"config"} if submodule == "config" else _defined(theirs, name)
    if submodule == "typing":
        wanted = {"ExpiresDelta", "Fresh"}
    assert wanted
    assert not wanted - set(vars(ours))


@pytest.mark.parametrize("submodule", ["internal_utils", "tokens", "view_decorators"])
def test_functions_of_submodules_take_the_same_parameters(submodule: str) -> None:
    name = f"flask_jwt_extended.{submodule}"
    theirs = importlib.import_module(name)
    ours = importlib.import_module(f"flask_signet.compat.{submodule}")

    for function in _defined(theirs, name):
        wanted = getattr(theirs, function)
        if inspect.isfunction(wanted):
            given = inspect.signature(getattr(ours, function)).parameters.values()
            names = [parameter.name for parameter in given if parameter.kind is not parameter.KEYWORD_ONLY]
            assert names == list(inspect.signature(wanted).parameters), function


def test_exceptions_have_one_base_and_carry_the_token() -> None:
    names = _defined(importlib.import_module("flask_jwt_extended.exceptions"), "flask_jwt_extended.exceptions")
    assert len(names) == 11

    for name in names:
        assert issubclass(getattr(exceptions, name), exceptions.JWTExtendedException)
    revoked = exceptions.RevokedTokenError({"alg": "HS256"}, {"sub": "ann"})
    assert (revoked.jwt_header, revoked.jwt_data) == ({"alg": "HS256"}, {"sub": "ann"})
    for kind in (exceptions.FreshTokenRequired, exceptions.UserLookupError, exceptions.UserClaimsVerificationError):
        error = kind("text", {"alg": "HS256"}, {"sub": "ann"})
        assert (str(error), error.jwt_header, error.jwt_data) == ("text", {"alg": "HS256"}, {"sub": "ann"})


# --- config -------------------------------------------------------------------------------------------


def test_config_shows_the_same_defaults() -> None:
    app, other = Flask("app"), Flask("other")
    for each, manager in ((app, flask_signet.JWTManager), (other, flask_jwt_extended.JWTManager)):
        each.config["JWT_SECRET_KEY"] = SECRET
        manager(each)
    view = importlib.import_module("flask_jwt_extended.config").config
    names = [name for name, value in vars(type(view)).items() if isinstance(value, property)]
    assert len(names) > 50

    for name in set(names) - {"json_encoder", "_public_key", "_private_key"}:
        with other.app_context():
            theirs = getattr(view, name)
        with app.app_context():
            ours = getattr(config, name)
        if name == "csrf_request_methods":
            theirs, ours = sorted(theirs), sorted(ours)
        assert ours == theirs, name
    with app.app_context(), pytest.raises(AttributeError):
        config.algorithm = "none"  # type: ignore[misc]


def test_config_refuses_as_its_model_does() -> None:
    app = Flask("app")
    flask_signet.JWTManager(app)

    def text(name: str, **settings: Any) -> str:
        former = dict(app.config)
        app.config.update(settings)
        with app.app_context(), pytest.raises(RuntimeError) as caught:
            getattr(config, name)
        app.config.clear()
        app.config.update(former)
        return str(caught.value)

    asymmetric = 'must be set to use asymmetric cryptography algorithm "RS256"'
    listed = '"headers", "cookies", "query_string", or "json"'
    assert text("encode_key") == 'JWT_SECRET_KEY or flask SECRET_KEY must be set when using symmetric algorithm "HS256"'
    assert text("encode_key", JWT_ALGORITHM="RS256") == f"JWT_PRIVATE_KEY {asymmetric}"
    assert text("decode_key", JWT_ALGORITHM="RS256") == f"JWT_PUBLIC_KEY {asymmetric}"
    assert text("token_location", JWT_TOKEN_LOCATION=7) == "JWT_TOKEN_LOCATION must be a sequence or a set"
    assert text("token_location", JWT_TOKEN_LOCATION=[]) == f"JWT_TOKEN_LOCATION must contain at least one of {listed}"
    assert text("token_location", JWT_TOKEN_LOCATION=["a"]) == f"JWT_TOKEN_LOCATION can only contain {listed}"
    assert text("header_name", JWT_HEADER_NAME="") == "JWT_ACCESS_HEADER_NAME cannot be empty"
    for kind in ("ACCESS", "REFRESH"):
        for value in (None, True, 1.5, "1"):
            said = text(f"{kind.lower()}_expires", **{f"JWT_{kind}_TOKEN_EXPIRES": value})
            assert said.startswith(f"must be able to add JWT_{kind}_TOKEN_EXPIRES to datetime.datetime")


def test_without_a_manager_the_error_says_so() -> None:
    with Flask("bare").app_context():
        for ask in (internal_utils.get_jwt_manager, lambda: flask_signet.create_access_token("ann")):
            with pytest.raises(RuntimeError) as caught:
                ask()

            words = "You must initialize a JWTManager with this flask application before using this method"
            assert words == str(caught.value)


# --- helpers ------------------------------------------------------------------------------------------


def test_the_manager_is_found_where_it_was() -> None:
    w = world()

    assert w.app.extensions["flask-jwt-extended"] is w.jwt
    with w.app.app_context():
        assert internal_utils.get_jwt_manager() is w.jwt


def test_json_encoder_asks_the_provider_of_the_application() -> None:
    class Plain(JSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return json.dumps(obj, **kwargs)

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return json.loads(s, **kwargs)

    class Own(Plain):
        def default(self, o: Any) -> str:
            return "Fri, 12 Aug 2022 00:00:00 GMT" if isinstance(o, date) else "?"

    w = world()
    day = date(2022, 8, 12)
    for provider in (w.app.json, Plain(w.app), Own(w.app)):
        w.app.json = provider
        with w.app.app_context():
            assert json.dumps(day, cls=config.json_encoder) == '"Fri, 12 Aug 2022 00:00:00 GMT"'
        token = w.access(additional_claims={"d": day})
        with w.app.app_context():
            assert flask_signet.decode_token(token)["d"] == "Fri, 12 Aug 2022 00:00:00 GMT"
    w.app.json = w.app.json_provider_class(w.app)
    assert w.get("/access", w.access(additional_claims={"d": day})).json["claims"]["d"].startswith("Fri, 12 Aug")


def test_internal_helpers_ask_the_callbacks() -> None:
    w = world()
    header, claims = {"alg": "HS256"}, {"sub": "ann", "type": "access", "fresh": False}
    with w.app.test_request_context():
        assert (internal_utils.has_user_lookup(), internal_utils.user_lookup(header, claims)) == (False, None)
        internal_utils.verify_token_not_blocklisted(header, claims)
        internal_utils.custom_verification_for_token(header, claims)
        assert view_decorators._load_user(header, claims) is None

        @w.jwt.user_lookup_loader
        async def lookup(header: dict[str, Any], claims: dict[str, Any]) -> str | None:
            return claims["name"]

        w.jwt.token_in_blocklist_loader(lambda header, claims: True)
        w.jwt.token_verification_loader(lambda header, claims: False)
        assert internal_utils.has_user_lookup()
        assert internal_utils.user_lookup(header, {"name": "Ann"}) == "Ann"
        assert view_decorators._load_user(header, {"name": "Ann"}) == {"loaded_user": "Ann"}
        with pytest.raises(exceptions.UserLookupError, match="Error loading the user ann"):
            view_decorators._load_user(header, {"sub": "ann", "name": None})
        with pytest.raises(exceptions.RevokedTokenError):
            internal_utils.verify_token_not_blocklisted(header, claims)
        with pytest.raises(exceptions.UserClaimsVerificationError):
            internal_utils.custom_verification_for_token(header, claims)
        internal_utils.verify_token_type(claims, refresh=False)
        with pytest.raises(exceptions.WrongTokenError, match="Only refresh tokens"):
            internal_utils.verify_token_type(claims, refresh=True)
        view_decorators._verify_token_is_fresh(header, {"fresh": NOW})
        with pytest.raises(exceptions.FreshTokenRequired):
            view_decorators._verify_token_is_fresh(header, claims)


def test_tokens_are_found_by_the_helpers_of_view_decorators() -> None:
    w = world(JWT_TOKEN_LOCATION=["headers", "cookies", "query_string", "json"])
    token = w.access()
    with w.app.test_request_context(
        "/?jwt=query",
        method="POST",
        json={"access_token": "json", "refresh_token": "refresh json"},
        headers={
            **bearer(token),
            "Cookie": "access_token_cookie=cookie; refresh_token_cookie=refresh",
            "X-CSRF-TOKEN": "proof",
        },
    ):
        assert view_decorators._decode_jwt_from_headers() == (token, None)
        assert view_decorators._decode_jwt_from_cookies(False) == ("cookie", "proof")
        assert view_decorators._decode_jwt_from_cookies(True) == ("refresh", "proof")
        assert view_decorators._decode_jwt_from_query_string() == ("query", None)
        assert view_decorators._decode_jwt_from_json(False) == ("json", None)
        assert view_decorators._decode_jwt_from_json(True) == ("refresh json", None)
        claims, header, location = view_decorators._decode_jwt_from_request("headers", False)
        assert (claims["sub"], header["alg"], location) == ("ann", "HS256", "headers")
        with pytest.raises(exceptions.FreshTokenRequired):
            view_decorators._decode_jwt_from_request(None, True)


def test_the_managers_private_methods_work() -> None:
    w = world()
    bare = Flask("bare")
    w.jwt._set_default_configuration_options(bare)
    assert bare.config["JWT_ACCESS_TOKEN_EXPIRES"] == timedelta(minutes=15)

    with w.app.test_request_context():
        access = w.jwt._encode_jwt_from_config("ann", "access", claims={"a": 1}, fresh=True, headers={"kid": "k"})
        refresh = w.jwt._encode_jwt_from_config("ann", "refresh", expires_delta=False)
        assert flask_signet.get_unverified_jwt_headers(access)["kid"] == "k"
        claims = w.jwt._decode_jwt_from_config(refresh)
    assert (claims["type"], claims["sub"], "exp" in claims) == ("refresh", "ann", False)


def _encode(world_: World, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "algorithm": "HS256",
        "audience": None,
        "claim_overrides": {},
        "csrf": False,
        "expires_delta": False,
        "fresh": False,
        "header_overrides": None,
        "identity": "ann",
        "identity_claim_key": "sub",
        "issuer": None,
        "json_encoder": internal_utils.JSONEncoder,
        "secret": SECRET,
        "token_type": "access",
        "nbf": False,
    }
    with world_.app.app_context():
        return tokens._encode_jwt(**{**arguments, **changes})


def _decode(token: str, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "algorithms": ["HS256"],
        "allow_expired": False,
        "audience": None,
        "csrf_value": None,
        "encoded_token": token,
        "identity_claim_key": "sub",
        "issuer": None,
        "leeway": 0,
        "secret": SECRET,
        "verify_aud": True,
        "verify_sub": True,
    }
    return tokens._decode_jwt(**{**arguments, **changes})


def test_encode_and_decode_take_everything_as_arguments() -> None:
    w = world()
    bare = _decode(_encode(w))
    assert set(bare) == {"fresh", "iat", "jti", "type", "sub"}

    full = _encode(
        w,
        audience=["a", "b"],
        claim_overrides={"day": date(2022, 8, 12)},
        csrf=True,
        expires_delta=timedelta(minutes=1),
        fresh=timedelta(minutes=1),
        header_overrides={"kid": "k"},
        issuer="i",
        nbf=True,
    )
    claims = _decode(_encode(w, audience="a", csrf=True, nbf=True, issuer="i"), audience="a", issuer=["i"])
    assert claims["aud"] == "a"
    # The secret has no name, so the one in the header chooses nothing: as with the model.
    whole = _decode(full, audience="a", issuer="i")
    assert (whole["day"], whole["exp"] - whole["nbf"]) == ("Fri, 12 Aug 2022 00:00:00 GMT", 60)
    unnamed = _encode(w, claim_overrides={"exp": 1, "aud": "a"}, csrf=True)
    assert _decode(unnamed, allow_expired=True)["sub"] == "ann"
    assert _decode(unnamed, allow_expired=True, audience="b", verify_aud=False)["aud"] == "a"
    assert _decode(unnamed, leeway=timedelta(days=40_000))["exp"] == 1
    with pytest.raises(exceptions.TokenExpired):
        _decode(unnamed)
    with pytest.raises(exceptions.InvalidAudience):
        _decode(unnamed, audience="b")
    with pytest.raises(exceptions.CSRFError):
        _decode(unnamed, csrf_value="x")
    with pytest.raises(exceptions.InvalidKeyError):
        _decode(unnamed, algorithms=["RS256"])
    with pytest.raises(exceptions.InvalidKeyError, match="no algorithm"):
        _decode(unnamed, algorithms=[])


def test_default_callbacks_give_the_default_answers() -> None:
    w = world()
    with w.app.test_request_context():
        assert default_callbacks.default_additional_claims_callback("ann") == {}
        assert default_callbacks.default_jwt_headers_callback("ann") == {}
        assert default_callbacks.default_user_identity_callback(7) == 7
        assert default_callbacks.default_blocklist_callback({}, {}) is False
        assert default_callbacks.default_token_verification_callback({}, {}) is True
        assert default_callbacks.default_encode_key_callback("ann") == SECRET
        assert default_callbacks.default_decode_key_callback({}, {}) == SECRET
        answers = {
            default_callbacks.default_expired_token_callback({}, {}): "Token has expired",
            default_callbacks.default_invalid_token_callback("x"): "x",
            default_callbacks.default_unauthorized_callback("x"): "x",
            default_callbacks.default_needs_fresh_token_callback({}, {}): "Fresh token required",
            default_callbacks.default_revoked_token_callback({}, {}): "Token has been revoked",
            default_callbacks.default_user_lookup_error_callback({}, {"sub": "ann"}): "Error loading the user ann",
            default_callbacks.default_token_verification_failed_callback({}, {}): "User claims verification failed",
        }
    for (response, status), text in answers.items():
        assert (status, response.json["msg"]) == (401, text)
