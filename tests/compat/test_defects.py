"""The 31 known defects of Flask-JWT-Extended 4.7.4, each corrected here, each with its number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Blueprint, Flask, make_response, render_template_string, request

from flask_signet import (
    JWTManager,
    create_access_token,
    decode_token,
    get_csrf_token,
    get_jwt,
    get_jwt_header,
    get_jwt_identity,
    get_jwt_request_location,
    jwt_required,
    set_access_cookies,
    unset_access_cookies,
)
from flask_signet.compat.config import config
from flask_signet.exceptions import CSRFError, IdentityTypeError, SettingsError
from tests.compat.application import NOW, SECRET, World, bearer, world


def with_cookie(w: World, token: str, name: str = "access_token_cookie") -> World:
    w.client.set_cookie(name, token)
    return w


def test_defect_01_claims_of_one_user_do_not_reach_the_next() -> None:
    shared: dict[str, Any] = {"tenant": 1}
    w = world(lambda jwt: jwt.additional_claims_loader(lambda identity: shared))
    w.access("admin", additional_claims={"admin": True})

    claims = w.get("/access", w.access("ann")).json["claims"]

    assert claims["tenant"] == 1
    assert "admin" not in claims
    assert shared == {"tenant": 1}


def test_defect_02_headers_of_one_user_do_not_reach_the_next() -> None:
    shared: dict[str, Any] = {"cty": "a"}
    w = world(lambda jwt: jwt.additional_headers_loader(lambda identity: shared))
    w.access("admin", additional_headers={"kid": "admin"})
    token = w.access("ann")

    with w.app.test_request_context(headers=bearer(token)):
        decode_token(token)
    assert pyjwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "cty": "a"}
    assert shared == {"cty": "a"}


def test_defect_03_async_verification_that_says_no_refuses() -> None:
    async def verify(header: dict[str, Any], claims: dict[str, Any]) -> bool:
        return claims["sub"] == "ann"

    w = world(lambda jwt: jwt.token_verification_loader(verify))

    assert w.get("/access", w.access("ann")).status_code == 200
    refused = w.get("/access", w.access("bob"))
    assert (refused.status_code, refused.json["msg"]) == (401, "User claims verification failed")


def test_defect_04_async_blocklist_is_asked() -> None:
    async def revoked(header: dict[str, Any], claims: dict[str, Any]) -> bool:
        return claims["sub"] == "bob"

    w = world(lambda jwt: jwt.token_in_blocklist_loader(revoked))

    assert w.get("/access", w.access("ann")).status_code == 200
    assert w.get("/access", w.access("bob")).json["msg"] == "Token has been revoked"


def test_defect_05_async_user_lookup_gives_the_user() -> None:
    from flask_signet import current_user

    async def lookup(header: dict[str, Any], claims: dict[str, Any]) -> str | None:
        return {"ann": "Ann"}.get(claims["sub"])

    w = world(lambda jwt: jwt.user_lookup_loader(lookup))

    @w.app.get("/me")
    @jwt_required()
    def me() -> str:
        return str(current_user)

    assert w.get("/me", w.access("ann")).text == "Ann"
    assert w.get("/me", w.access("bob")).json["msg"] == "Error loading the user bob"


def test_defect_06_async_error_and_claims_loaders_are_awaited() -> None:
    w = world()

    @w.jwt.expired_token_loader
    async def expired(header: dict[str, Any], claims: dict[str, Any]) -> Any:
        return {"who": claims["sub"]}, 418

    @w.jwt.additional_claims_loader
    async def claims(identity: Any) -> dict[str, Any]:
        return {"from": "loader"}

    assert w.get("/access", w.access()).json["claims"]["from"] == "loader"
    answer = w.get("/access", w.access(expires_delta=timedelta(0)))
    assert (answer.status_code, answer.json) == (418, {"who": "ann"})


@pytest.mark.parametrize("setting", [0, timedelta(0)])
def test_defect_07_a_life_of_zero_is_over_at_once(setting: Any) -> None:
    w = world(JWT_ACCESS_TOKEN_EXPIRES=setting)

    for token in (w.access(), w.access(expires_delta=timedelta(0))):
        assert pyjwt.decode(token, options={"verify_signature": False})["exp"] == NOW
        assert w.get("/access", token).json["msg"] == "Token has expired"
    endless = w.access(expires_delta=False)
    assert "exp" not in w.get("/access", endless).json["claims"]


def test_defect_08_expires_delta_takes_seconds() -> None:
    w = world()

    assert w.get("/access", w.access(expires_delta=60)).json["claims"]["exp"] == NOW + 60


@pytest.mark.parametrize("kind", ["mfa", "app", None, 7, ["access"]])
def test_defect_09_a_token_of_another_kind_is_refused(kind: Any) -> None:
    w = world()
    token = w.raw({"sub": "ann", "type": kind})

    access, refresh = w.get("/access", token), w.get("/refresh", token)

    assert (access.status_code, access.json["msg"]) == (401, "Only non-refresh tokens are allowed")
    assert (refresh.status_code, refresh.json["msg"]) == (401, "Only refresh tokens are allowed")


@pytest.mark.parametrize("body", ['["access_token"]', '"access_token"', "7", "true", "{", "\udcff", "[]", "null", "{}"])
def test_defect_10_a_json_body_that_is_no_object_holds_no_token(body: str) -> None:
    w = world(JWT_TOKEN_LOCATION=["json"])

    answer = w.client.post("/access", data=body.encode("utf-8", "surrogateescape"), content_type="application/json")

    assert (answer.status_code, answer.json["msg"]) == (401, 'Missing "access_token" key in json data.')


def test_defect_11_a_csrf_value_of_any_characters_is_compared() -> None:
    w = world(JWT_TOKEN_LOCATION=["cookies"], JWT_CSRF_CHECK_FORM=True)
    with_cookie(w, w.access())

    by_header = w.client.post("/access", environ_overrides={"HTTP_X_CSRF_TOKEN": "gr\xfc\xdfe"})
    by_form = w.client.post("/access", data={"csrf_token": "grüße"})
    with_cookie(w, w.raw({"sub": "ann", "csrf": 7}))
    not_text = w.client.post("/access", headers={"X-CSRF-TOKEN": "7"})

    for answer in (by_header, by_form, not_text):
        assert (answer.status_code, answer.json["msg"]) == (403, "CSRF double submit tokens do not match")


@pytest.mark.parametrize("cookie", ["without csrf", "expired", "garbage"])
def test_defect_12_a_bad_cookie_does_not_block_a_good_header(cookie: str) -> None:
    w = world(JWT_TOKEN_LOCATION=["cookies", "headers"])
    token = {"without csrf": w.access(), "expired": w.access(expires_delta=timedelta(0)), "garbage": "x.y.z"}[cookie]
    with_cookie(w, token)

    assert w.client.post("/access", headers=bearer(w.access("bob"))).json["identity"] == "bob"
    assert w.client.post("/access").status_code in (401, 403)


@pytest.mark.parametrize("identity", [None, {"id": 1}, 1.5, True])
def test_defect_13_an_identity_that_cannot_work_is_refused_when_the_token_is_made(identity: Any) -> None:
    w = world()

    with pytest.raises(IdentityTypeError, match="user_identity_loader"):
        w.access(identity)
    assert w.get("/access", w.access(1234)).json["identity"] == 1234


@pytest.mark.parametrize("fresh", ["yes", None, [], "9999999999"])
def test_defect_14_a_fresh_claim_that_is_no_time_is_not_fresh(fresh: Any) -> None:
    w = world()

    answer = w.get("/fresh", w.raw({"sub": "ann", "fresh": fresh}))

    assert (answer.status_code, answer.json["msg"]) == (401, "Fresh token required")


@pytest.mark.parametrize("kind", [set, frozenset])
def test_defect_15_locations_may_be_a_set(kind: Any) -> None:
    w = world(JWT_TOKEN_LOCATION=kind(["json", "headers"]))

    answer = w.get("/access")

    assert answer.status_code == 401
    assert answer.json["msg"] == (
        "Missing JWT in headers or json (Missing Authorization Header; Invalid content-type. Must be application/json.)"
    )


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_defect_16_decode_algorithms_are_read_and_not_written(kind: Any) -> None:
    configured = kind(["HS512"])
    w = world(JWT_DECODE_ALGORITHMS=configured)
    other = pyjwt.encode({"sub": "ann"}, SECRET.ljust(64, "x"), algorithm="HS512")

    assert w.get("/access", w.access()).status_code == 200
    assert w.get("/access", other).json["msg"] == "Signature verification failed"
    assert configured == kind(["HS512"])
    with w.app.app_context():
        assert sorted(config.decode_algorithms) == ["HS256", "HS512"]


def test_defect_17_max_age_of_zero_counts() -> None:
    w = world(JWT_TOKEN_LOCATION=["cookies"], JWT_SESSION_COOKIE=False)
    with w.app.test_request_context():
        response = make_response()
        set_access_cookies(response, create_access_token("ann"), max_age=0)

    assert all("Max-Age=0" in line for line in response.headers.getlist("Set-Cookie"))


def test_defect_18_templates_of_public_pages_render() -> None:
    app = Flask("app")
    app.config["JWT_SECRET_KEY"] = SECRET
    manager = JWTManager(app, add_context_processor=True)
    manager.user_lookup_loader(lambda header, claims: claims["sub"])
    template = "{% if current_user %}hello {{ current_user }}{% else %}hello{{ current_user.name }}{% endif %}"

    @app.get("/public")
    def public() -> str:
        return render_template_string(template)

    @app.get("/private")
    @jwt_required()
    def private() -> str:
        return render_template_string(template)

    client = app.test_client()
    with app.app_context():
        token = create_access_token("ann")
    assert client.get("/public").text == "hello"
    assert client.get("/private", headers=bearer(token)).text == "hello ann"


def test_defect_19_the_decorator_without_parentheses_is_refused_at_import() -> None:
    with pytest.raises(TypeError, match=r"^@jwt_required needs parentheses\. Write: @jwt_required\(\)$"):

        @jwt_required  # type: ignore[arg-type]
        def view() -> str:
            return ""


def test_defect_20_a_claims_loader_may_return_nothing() -> None:
    w = world(lambda jwt: jwt.additional_claims_loader(lambda identity: None))

    assert w.get("/access", w.access(additional_claims={"a": 1})).json["claims"]["a"] == 1


def test_defect_21_a_guarded_view_with_its_own_options_may_ask_for_claims() -> None:
    w = world()

    answer = w.client.options("/access")

    assert (answer.status_code, answer.json) == (200, {"identity": None, "claims": {}})


def test_defect_22_a_remote_token_cannot_cause_a_500_by_its_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    mixed = world(JWT_DECODE_ALGORITHMS=["RS256"], JWT_PUBLIC_KEY=pem)
    by_hmac = pyjwt.encode({"sub": "ann"}, "k" * 32, algorithm="HS256")

    assert mixed.get("/access", by_hmac).json["msg"] == "Signature verification failed"
    assert mixed.get("/access", pyjwt.encode({"sub": "ann"}, key, algorithm="RS256")).json["identity"] == "ann"

    pems = {"a": "-----BEGIN NONSENSE-----"}
    for loader in (lambda header, claims: pems[header["kid"]], lambda header, claims: pems.get(header["kid"])):
        w = world(lambda jwt, loader=loader: jwt.decode_key_loader(loader))
        for kid in ("a", "unknown"):
            answer = w.get("/access", w.raw({"sub": "ann"}, headers={"kid": kid}))
            assert (answer.status_code, answer.json["error"]) == (401, "invalid_token")


def test_defect_23_cookies_of_tokens_without_csrf_or_expired() -> None:
    w = world(JWT_TOKEN_LOCATION=["cookies"])
    expired = w.access(expires_delta=timedelta(0))
    bare = w.raw({"sub": "ann"})

    with w.app.test_request_context():
        response = make_response()
        set_access_cookies(response, expired)
        assert len(response.headers.getlist("Set-Cookie")) == 2
        assert get_csrf_token(expired) == decode_token(expired, allow_expired=True)["csrf"]
        with pytest.raises(CSRFError, match="JWT_COOKIE_CSRF_PROTECT"):
            get_csrf_token(bare)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "BeArEr"])
def test_defect_24_the_scheme_has_no_case_and_two_tokens_are_told_apart(scheme: str) -> None:
    w = world()
    token = w.access()

    assert w.client.get("/access", headers={"Authorization": f"{scheme} {token}"}).status_code == 200
    twice = w.client.get("/access", headers={"Authorization": f"Bearer {token}, {scheme} {token}"})
    assert twice.status_code == 401
    assert twice.json["msg"].startswith("Bad Authorization header: it holds 2 tokens")


def test_defect_25_every_401_names_the_scheme() -> None:
    w = world()

    assert w.get("/access").headers["WWW-Authenticate"] == "Bearer"
    assert w.get("/access", "x").headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    stale = w.get("/fresh", w.access())
    assert stale.headers["WWW-Authenticate"] == 'Bearer error="insufficient_user_authentication"'
    w.jwt.unauthorized_loader(lambda reason: ({"own": reason}, 401))
    assert w.get("/access").headers["WWW-Authenticate"] == "Bearer"


def test_defect_26_claims_are_copies() -> None:
    w = world()

    @w.app.get("/change")
    @jwt_required()
    def change() -> dict[str, Any]:
        get_jwt()["sub"] = "eve"
        get_jwt()["nested"]["list"].append(2)
        get_jwt_header()["alg"] = "none"
        return {"identity": get_jwt_identity(), "nested": get_jwt()["nested"], "alg": get_jwt_header()["alg"]}

    token = w.access(additional_claims={"nested": {"list": [1]}})
    for _ in range(2):  # the second time from the cache
        assert w.get("/change", token).json == {"identity": "ann", "nested": {"list": [1]}, "alg": "HS256"}


@pytest.mark.parametrize("claim", ["type", "sub", "jti", "exp", "sub_type"])
def test_defect_27_additional_claims_cannot_replace_what_a_token_is(claim: str) -> None:
    w = world()
    with pytest.raises(SettingsError, match=claim):
        w.access(additional_claims={claim: "refresh"})

    w.jwt.additional_claims_loader(lambda identity: {claim: "x"})
    with pytest.raises(SettingsError, match=claim):
        w.refresh()


@pytest.mark.parametrize("by_hand", [False, True])
def test_defect_28_a_catch_all_of_a_blueprint_does_not_swallow_refusals(by_hand: bool) -> None:
    from flask_signet import verify_jwt_in_request

    w = world()
    blueprint = Blueprint("b", "b")
    blueprint.register_error_handler(Exception, lambda error: ("swallowed", 500))

    def view() -> str:
        if by_hand:
            verify_jwt_in_request()
        return ""

    blueprint.add_url_rule("/b", view_func=view if by_hand else jwt_required()(view))
    w.app.register_blueprint(blueprint)

    assert w.get("/b").json == {"error": "missing_token", "msg": "Missing Authorization Header"}
    assert w.get("/b", w.access()).status_code == 200


@pytest.mark.parametrize("off", ["JWT_CSRF_IN_COOKIES", "JWT_COOKIE_CSRF_PROTECT"])
def test_defect_29_a_left_csrf_cookie_is_unset(off: str) -> None:
    w = world(JWT_TOKEN_LOCATION=["cookies"], **{off: False})
    with w.app.test_request_context(headers={"Cookie": "csrf_access_token=left"}):
        response = make_response()
        unset_access_cookies(response)
    assert len(response.headers.getlist("Set-Cookie")) == 2

    with w.app.test_request_context():
        response = make_response()
        unset_access_cookies(response)
    assert len(response.headers.getlist("Set-Cookie")) == 1


def test_defect_30_the_location_is_not_known_before_a_guard_ran() -> None:
    w = world()

    with w.app.test_request_context(), pytest.raises(RuntimeError, match="You must call `@jwt_required"):
        get_jwt_request_location()


def test_defect_31_the_applications_own_pyjwt_errors_stay_its_own() -> None:
    w = world()
    w.app.testing = True

    @w.app.get("/own")
    @jwt_required()
    def own() -> Any:
        return pyjwt.decode(request.args["token"], SECRET, algorithms=["HS256"])

    for token, error in (("x", pyjwt.DecodeError), (w.raw({"exp": 1}), pyjwt.ExpiredSignatureError)):
        with pytest.raises(error):
            w.get("/own", w.access(), query_string={"token": token})
