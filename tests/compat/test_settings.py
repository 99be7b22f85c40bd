"""All 43 settings, each changed after ``init_app``, each seen to count from the next request on."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import flask_jwt_extended
import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, make_response

from flask_signet import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    set_access_cookies,
    set_refresh_cookies,
)
from flask_signet.compat.config import config
from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.tokens.issuer import Issuer
from flask_signet.web import settings as web_settings
from flask_signet.web.token_layer import EXTENSION
from tests.compat.application import NOW, SECRET, World, bearer, world
from tests.vectors import keys as test_keys

OTHER = "Xh2Rk8Wq4Tz6Bn1Vd9Lp3Mc7Jf5-another-of-the-tests"
EC_KEY, OTHER_EC_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def peek(token: str) -> dict[str, Any]:
    return pyjwt.decode(token, options={"verify_signature": False})


def cookies(w: World, kind: str = "access", **arguments: Any) -> dict[str, str]:
    """Return the cookies that are set for a new token: name → the whole line."""
    with w.app.test_request_context():
        response = make_response()
        if kind == "access":
            set_access_cookies(response, create_access_token("ann"), **arguments)
        else:
            set_refresh_cookies(response, create_refresh_token("ann"), **arguments)
    return {line.partition("=")[0]: line for line in response.headers.getlist("Set-Cookie")}


def name_of_cookie(number: int, kind: str) -> Callable[[World], Any]:
    return lambda w: list(cookies(w, kind))[number]


def path_of_cookie(number: int, kind: str) -> Callable[[World], Any]:
    return lambda w: list(cookies(w, kind).values())[number].partition("Path=")[2].partition(";")[0]


def marks_of_cookies(word: str) -> Callable[[World], Any]:
    return lambda w: [word in line for line in cookies(w).values()]


def with_proof(path: str, *, form: bool = False, **request: Any) -> Callable[[World], Any]:
    """Ask with a cookie and its proof; *request* takes the proof as ``{}``."""

    def ask(w: World) -> Any:
        w.app.config["JWT_TOKEN_LOCATION"] = ["cookies"]
        w.app.config["JWT_CSRF_CHECK_FORM"] |= form
        token = w.refresh() if path == "/refresh" else w.access()
        w.client.set_cookie("refresh_token_cookie" if path == "/refresh" else "access_token_cookie", token)
        proof = peek(token).get("csrf")
        given = {
            name: {key: value.format(proof) for key, value in members.items()} for name, members in request.items()
        }
        return w.client.post(path, **given).status_code

    return ask


def status(path: str, **request: Any) -> Callable[[World], Any]:
    return lambda w: w.client.post(path.replace("{}", w.access()), **_filled(w, request)).status_code


def _filled(w: World, request: dict[str, Any]) -> dict[str, Any]:
    tokens = {"{}": w.access(), "{refresh}": w.refresh()}

    def fill(value: str) -> str:
        for mark, token in tokens.items():
            value = value.replace(mark, token)
        return value

    return {name: {key: fill(value) for key, value in members.items()} for name, members in request.items()}


def claim(name: str, kind: str = "access") -> Callable[[World], Any]:
    return lambda w: peek(w.access() if kind == "access" else w.refresh()).get(name)


def verdict(**members: Any) -> Callable[[World], Any]:
    return lambda w: w.get("/access", w.raw(members)).status_code


def header_algorithm(w: World) -> str:
    return pyjwt.get_unverified_header(w.access())["alg"]


def asymmetric() -> Callable[[World], Any]:
    """Ask an application with an ES256 pair, of which one half may be changed, for a token and whether it is good."""

    def ask(w: World) -> Any:
        settings = {"JWT_PRIVATE_KEY": EC_KEY, "JWT_PUBLIC_KEY": EC_KEY.public_key()}
        w.app.config["JWT_ALGORITHM"] = "ES256"
        for name, value in settings.items():
            if w.app.config[name] is None:
                w.app.config[name] = value
        return w.get("/access", w.access()).status_code

    return ask


def json_location(key: str, path: str = "/access") -> Callable[[World], Any]:
    def ask(w: World) -> Any:
        w.app.config["JWT_TOKEN_LOCATION"] = ["json"]
        return w.client.post(path, json={key: w.refresh() if path == "/refresh" else w.access()}).status_code

    return ask


def query_location(query: str) -> Callable[[World], Any]:
    def ask(w: World) -> Any:
        w.app.config["JWT_TOKEN_LOCATION"] = ["query_string"]
        return w.client.get("/access?" + query.format(w.access())).status_code

    return ask


HEADER = {"Authorization": "Bearer {}"}
# setting → new value, what is observed, observed by default, observed with the new value
SETTINGS: dict[str, tuple[Any, Callable[[World], Any], Any, Any]] = {
    "JWT_ACCESS_COOKIE_NAME": ("a", name_of_cookie(0, "access"), "access_token_cookie", "a"),
    "JWT_ACCESS_COOKIE_PATH": ("/a", path_of_cookie(0, "access"), "/", "/a"),
    "JWT_ACCESS_CSRF_COOKIE_NAME": ("a", name_of_cookie(1, "access"), "csrf_access_token", "a"),
    "JWT_ACCESS_CSRF_COOKIE_PATH": ("/a", path_of_cookie(1, "access"), "/", "/a"),
    "JWT_ACCESS_CSRF_FIELD_NAME": ("f", with_proof("/access", form=True, data={"f": "{}"}), 403, 200),
    "JWT_ACCESS_CSRF_HEADER_NAME": ("X-P", with_proof("/access", headers={"X-P": "{}"}), 403, 200),
    "JWT_ACCESS_TOKEN_EXPIRES": (60, claim("exp"), NOW + 900, NOW + 60),
    "JWT_ALGORITHM": ("HS384", header_algorithm, "HS256", "HS384"),
    "JWT_COOKIE_CSRF_PROTECT": (False, with_proof("/access"), 403, 200),
    "JWT_COOKIE_DOMAIN": ("x.com", marks_of_cookies("Domain=x.com"), [False, False], [True, True]),
    "JWT_COOKIE_SAMESITE": ("Lax", marks_of_cookies("SameSite=Lax"), [False, False], [True, True]),
    "JWT_COOKIE_SECURE": (True, marks_of_cookies("Secure"), [False, False], [True, True]),
    "JWT_CSRF_CHECK_FORM": (True, with_proof("/access", data={"csrf_token": "{}"}), 403, 200),
    "JWT_CSRF_IN_COOKIES": (False, lambda w: len(cookies(w)), 2, 1),
    "JWT_CSRF_METHODS": (["PUT"], with_proof("/access"), 403, 200),
    "JWT_DECODE_ALGORITHMS": (
        ["HS384"],
        lambda w: w.get("/access", pyjwt.encode({"sub": "a"}, SECRET, "HS384")).status_code,
        401,
        200,
    ),
    "JWT_DECODE_AUDIENCE": (["a", "b"], verdict(sub="ann", aud="c"), 200, 401),
    "JWT_DECODE_ISSUER": ("i", verdict(sub="ann", iss="c"), 200, 401),
    "JWT_DECODE_LEEWAY": (timedelta(seconds=60), verdict(sub="ann", exp=NOW - 30), 401, 200),
    "JWT_ENCODE_AUDIENCE": (["a", "b"], claim("aud"), None, ["a", "b"]),
    "JWT_ENCODE_ISSUER": ("i", claim("iss"), None, "i"),
    "JWT_ENCODE_NBF": (False, claim("nbf"), NOW, None),
    "JWT_ERROR_MESSAGE_KEY": ("m", lambda w: sorted(w.get("/access").json), ["error", "msg"], ["error", "m"]),
    "JWT_HEADER_NAME": ("X-T", status("/access", headers={"X-T": "Bearer {}"}), 401, 200),
    "JWT_HEADER_TYPE": ("Token", status("/access", headers={"Authorization": "Token {}"}), 401, 200),
    "JWT_IDENTITY_CLAIM": ("user", claim("user"), None, "ann"),
    "JWT_JSON_KEY": ("t", json_location("t"), 401, 200),
    "JWT_PRIVATE_KEY": (OTHER_EC_KEY, asymmetric(), 200, 401),
    "JWT_PUBLIC_KEY": (OTHER_EC_KEY.public_key(), asymmetric(), 200, 401),
    "JWT_QUERY_STRING_NAME": ("t", query_location("t={}"), 401, 200),
    "JWT_QUERY_STRING_VALUE_PREFIX": ("Bearer ", query_location("jwt=Bearer+{}"), 401, 200),
    "JWT_REFRESH_COOKIE_NAME": ("a", name_of_cookie(0, "refresh"), "refresh_token_cookie", "a"),
    "JWT_REFRESH_COOKIE_PATH": ("/a", path_of_cookie(0, "refresh"), "/", "/a"),
    "JWT_REFRESH_CSRF_COOKIE_NAME": ("a", name_of_cookie(1, "refresh"), "csrf_refresh_token", "a"),
    "JWT_REFRESH_CSRF_COOKIE_PATH": ("/a", path_of_cookie(1, "refresh"), "/", "/a"),
    "JWT_REFRESH_CSRF_FIELD_NAME": ("f", with_proof("/refresh", form=True, data={"f": "{}"}), 403, 200),
    "JWT_REFRESH_CSRF_HEADER_NAME": ("X-P", with_proof("/refresh", headers={"X-P": "{}"}), 403, 200),
    "JWT_REFRESH_JSON_KEY": ("t", json_location("t", "/refresh"), 401, 200),
    "JWT_REFRESH_TOKEN_EXPIRES": (timedelta(hours=1), claim("exp", "refresh"), NOW + 2_592_000, NOW + 3_600),
    "JWT_SECRET_KEY": (OTHER, lambda w: w.get("/access", pyjwt.encode({"sub": "a"}, OTHER)).status_code, 401, 200),
    "JWT_SESSION_COOKIE": (False, marks_of_cookies("Max-Age=31540000"), [False, False], [True, True]),
    "JWT_TOKEN_LOCATION": ("query_string", lambda w: w.get(f"/access?jwt={w.access()}").status_code, 401, 200),
    "JWT_VERIFY_SUB": (False, verdict(sub=7), 401, 200),
}


def kept(w: World) -> int:
    """Return how many tokens are remembered after one was seen."""
    assert w.get("/access", w.access()).status_code == 200
    return len(w.app.extensions[EXTENSION].snapshot().verifier._young)


OUR_SETTINGS: dict[str, tuple[Any, Callable[[World], Any], Any, Any]] = {
    "JWT_COMPAT": (True, lambda w: w.get("/access", "x").status_code, 401, 422),
    "JWT_ERROR_STATUS": ("flask-jwt-extended", lambda w: w.get("/access", "x").status_code, 401, 422),
    "JWT_MAX_TOKEN_BYTES": (
        256,
        lambda w: w.get("/access", pyjwt.encode({"sub": "a", "x": "y" * 300}, SECRET)).status_code,
        200,
        401,
    ),
    "JWT_VERIFIED_CACHE_BYTES": (0, kept, 1, 0),
}


def test_the_table_holds_every_setting() -> None:
    app = Flask("app")
    before = set(app.config)
    flask_jwt_extended.JWTManager(app)

    assert len(SETTINGS) == 43
    assert set(SETTINGS) == set(app.config) - before


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_default_is_the_known_one(setting: str) -> None:
    ours, theirs = Flask("app"), Flask("app")
    JWTManager(ours)
    flask_jwt_extended.JWTManager(theirs)

    default, given = theirs.config[setting], ours.config[setting]
    assert given == default if setting != "JWT_CSRF_METHODS" else sorted(given) == sorted(default)


@pytest.mark.parametrize("setting", SETTINGS | OUR_SETTINGS)
def test_a_setting_counts_when_it_is_changed_after_init_app(setting: str) -> None:
    value, observe, by_default, changed = (SETTINGS | OUR_SETTINGS)[setting]
    w = world()

    assert observe(w) == by_default
    w.app.config[setting] = value
    assert observe(w) == changed


def test_a_setting_counts_from_the_start_as_well() -> None:
    w = world(JWT_HEADER_TYPE="", JWT_HEADER_NAME="X-Token")

    assert w.client.get("/access", headers={"X-Token": w.access()}).status_code == 200
    assert w.client.get("/access", headers={"X-Token": f"Bearer {w.access()}"}).status_code == 401


def test_a_list_that_is_changed_in_place_counts() -> None:
    w = world(JWT_TOKEN_LOCATION=["headers"])
    assert w.get(f"/access?jwt={w.access()}").status_code == 401

    w.app.config["JWT_TOKEN_LOCATION"].append("query_string")
    assert w.get(f"/access?jwt={w.access()}").status_code == 200


def test_the_key_falls_back_on_flasks() -> None:
    app = Flask("app")
    app.config["SECRET_KEY"] = SECRET
    JWTManager(app)
    with app.app_context():
        assert pyjwt.decode(create_access_token("ann"), SECRET, ["HS256"])["sub"] == "ann"

        app.config["JWT_SECRET_KEY"] = OTHER
        assert pyjwt.decode(create_access_token("ann"), OTHER, ["HS256"])["sub"] == "ann"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"JWT_TOKEN_LOCATION": []}, "must contain at least one of"),
        ({"JWT_TOKEN_LOCATION": 7}, "must be a sequence or a set"),
        ({"JWT_TOKEN_LOCATION": {"header"}}, "did you mean 'headers'"),
        ({"JWT_HEADER_NAME": ""}, "cannot be empty"),
        ({"JWT_ACCESS_TOKEN_EXPIRES": "15"}, "must be able to add JWT_ACCESS_TOKEN_EXPIRES"),
        ({"JWT_ALGORITHM": "HS255"}, "did you mean 'HS256'"),
        ({"JWT_DECODE_ALGORITHMS": ["none"]}, "JWT_DECODE_ALGORITHMS must be one of"),
        ({"JWT_DECODE_LEEWAY": -1}, "JWT_DECODE_LEEWAY must be zero or more"),
        ({"JWT_DECODE_LEEWAY": "1"}, "JWT_DECODE_LEEWAY must be a timedelta or a number"),
        ({"JWT_COMPAT": "yes"}, "JWT_COMPAT must be True or False"),
        ({"JWT_COMPAT": True, "JWT_ERROR_STATUS": "rfc"}, "JWT_COMPAT = True and JWT_ERROR_STATUS = 'rfc' contradict"),
        ({"JWT_COMPAT": False, "JWT_ERROR_STATUS": "flask-jwt-extended"}, "Remove JWT_ERROR_STATUS"),
        ({"JWT_ERROR_STATUS": "fje"}, "JWT_ERROR_STATUS must be one of"),
        ({"JWT_ALLOW_WEAK_KEYS": "yes"}, "JWT_ALLOW_WEAK_KEYS must be True or False"),
        ({"JWT_ALGORITHM": ["HS256"]}, "JWT_ALGORITHM must be one of"),
        ({"JWT_DECODE_ALGORITHMS": 256}, "JWT_DECODE_ALGORITHMS must be a string or a list of strings"),
        ({"JWT_DECODE_LEEWAY": float("nan")}, "JWT_DECODE_LEEWAY must be zero or more"),
        ({"JWT_DECODE_LEEWAY": float("inf")}, "JWT_DECODE_LEEWAY must be zero or more"),
        ({"JWT_CSRF_METHODS": None}, "JWT_CSRF_METHODS must be a list. To turn"),
        ({"JWT_COOKIE_SAMESITE": "strickt"}, "did you mean 'Strict'"),
        ({"JWT_ENCODE_ISSUER": 7}, "JWT_ENCODE_ISSUER must be a string, not int"),
        ({"JWT_ENCODE_AUDIENCE": 7}, "JWT_ENCODE_AUDIENCE must be a string or a list of strings"),
        *(
            ({name: wrong}, f"{name} must be a string")
            for name in ("JWT_ACCESS_COOKIE_NAME", "JWT_REFRESH_CSRF_FIELD_NAME", "JWT_HEADER_NAME", "JWT_JSON_KEY")
            for wrong in (7, b"x")
        ),
        ({"JWT_QUERY_STRING_NAME": ""}, "JWT_QUERY_STRING_NAME must be a non-empty string"),
        ({"JWT_IDENTITY_CLAIM": None}, "JWT_IDENTITY_CLAIM must be a non-empty string"),
    ],
)
def test_a_wrong_setting_is_heard_of_at_start_and_later(settings: dict[str, Any], text: str) -> None:
    app = Flask("app")
    app.config.update(settings)
    with pytest.raises(RuntimeError, match=text):
        JWTManager(app)

    w = world()
    w.app.testing = True
    token = w.access()
    w.app.config.update(settings)

    def use() -> None:
        w.get("/access", token)
        w.get("/access")  # what is said is read when something is refused
        w.access()  # how long a token lives, when one is made

    with pytest.raises(SettingsError, match=text):
        use()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("JWT_ACCESS_TOKEN_EXPIRE", "JWT_ACCESS_TOKEN_EXPIRES"),
        ("JWT_COOKIE_SAME_SITE", "JWT_COOKIE_SAMESITE"),
        ("JWT_SECRET_KEYS", "JWT_SECRET_KEY"),
        ("JWT_BLACKLIST_ENABLED", None),  # of an old version, and its users know
        ("JWT_PUBLIC_KEY_2", None),  # the application's own
        ("JWT_AUTH_URL_RULE", None),
        ("JWT_SECRET_KEY", None),
    ],
)
def test_a_misspelt_name_is_told_of_at_start(name: str, meant: str | None, caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("app")
    app.config.update({"JWT_SECRET_KEY": SECRET, name: SECRET})

    JWTManager(app)

    wanted = [] if meant is None else [f"There is no setting {name}; did you mean {meant!r}?"]
    assert [record.getMessage() for record in caplog.records] == wanted


SWITCHES = [name for name, value in web_settings.DEFAULTS.items() if isinstance(value, bool)]


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("slip", ["False", "false", "1", ""])
def test_a_switch_is_no_text(switch: str, slip: str) -> None:
    """``"False"`` from an environment would be true."""
    app = Flask("app")
    app.config[switch] = slip

    with pytest.raises(SettingsError, match=f"{switch} must be True or False"):
        JWTManager(app)


def test_a_switch_may_be_written_as_a_number_or_none() -> None:
    for off in (0, None):
        assert with_proof("/access")(world(JWT_COOKIE_CSRF_PROTECT=off)) == 200
    assert with_proof("/access")(world(JWT_COOKIE_CSRF_PROTECT=1)) == 403


@pytest.mark.parametrize("methods", ["POST", ["post"], ("Post",), {"POST"}])
def test_one_method_alone_or_in_small_letters_asks_for_the_proof(methods: Any) -> None:
    assert with_proof("/access")(world(JWT_CSRF_METHODS=methods)) == 403


def test_an_empty_party_is_not_written() -> None:
    for empty in ("", None):
        w = world(JWT_ENCODE_AUDIENCE=empty, JWT_ENCODE_ISSUER=empty)
        assert not {"aud", "iss"} & set(peek(w.access()))
    assert "aud" not in peek(world(JWT_ENCODE_AUDIENCE=[]).access())
    assert peek(world(JWT_ENCODE_AUDIENCE={"a"}).access())["aud"] == ["a"]


def test_a_wrong_setting_does_not_leave_the_former_ones_in_force() -> None:
    """Not for one request and not for the next: keys that were taken away would open the door again."""
    w = world()
    token = w.access()
    assert w.get("/access", token).status_code == 200

    w.app.config["JWT_SECRET_KEY"] = "-----BEGIN PUBLIC KEY-----"
    assert [500] * 3 == [w.get("/access", token).status_code for _ in range(3)]
    w.app.config.update(JWT_SECRET_KEY=SECRET, JWT_DECODE_ISSUER=7)
    assert [500] * 3 == [w.get("/access", token).status_code for _ in range(3)]
    w.app.config["JWT_DECODE_ISSUER"] = None
    assert w.get("/access", token).status_code == 200


def test_a_setting_that_changes_while_another_request_reads_it_counts() -> None:
    """A reader of the old values that finishes last must not overwrite the new ones."""
    meanwhile: list[Callable[[], None]] = []

    class Slow(timedelta):
        def total_seconds(self) -> float:
            if meanwhile:
                meanwhile.pop()()
            return super().total_seconds()

    w = world(JWT_DECODE_LEEWAY=Slow())
    token = w.access()

    def ask(scheme: str) -> int:
        return w.client.get("/access", headers={"Authorization": f"{scheme} {token}"}).status_code

    def change() -> None:
        w.app.config["JWT_HEADER_TYPE"] = "Second"
        assert ask("Second") == 200

    w.app.config["JWT_HEADER_TYPE"] = "First"
    meanwhile.append(change)
    ask("First")

    assert (ask("First"), ask("Second")) == (401, 200)


def test_a_token_that_no_guard_would_read_is_not_made() -> None:
    w = world(JWT_MAX_TOKEN_BYTES=1_000)
    assert w.get("/access", w.access(additional_claims={"a": "x" * 300})).status_code == 200

    with pytest.raises(SettingsError, match="guards refuse more than JWT_MAX_TOKEN_BYTES = 1000 bytes"):
        w.access(additional_claims={"a": "x" * 1_000})
    w.app.config["JWT_MAX_TOKEN_BYTES"] = 4_000
    assert w.get("/access", w.access(additional_claims={"a": "x" * 1_000})).status_code == 200


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else {}


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"a": nested(250)}, "nested"),
        ({"b": 0, "a": [["\ud83d"]]}, "surrogate"),
        ({"\ud83d": 0}, "surrogate"),
        ({1: "a", "1": "b"}, "twice"),
        ({"aud": 5}, "Invalid claim format"),
        ({"aud": ["a", 5]}, "Invalid claim format"),
        ({"iss": 5}, "Issuer must be a string"),
        ({"nbf": "5"}, "nbf"),
        ({"iat": True}, "iat"),
    ],
)
def test_a_token_with_a_claim_that_no_guard_reads_is_not_made(claims: dict[Any, Any], words: str) -> None:
    w = world()

    for make in (w.access, w.refresh):
        with pytest.raises(SettingsError, match=rf"guards would refuse this token \(.*{words}.*their loaders$"):
            make(additional_claims=claims)
    w.jwt.additional_claims_loader(lambda identity: claims)
    with pytest.raises(SettingsError, match=words):
        w.access()


@pytest.mark.parametrize(
    "claims",
    [
        {"a": nested(240), "b": ["c", 1, None, {"d": (1.5, True)}], "é😀": "é😀"},
        {1: "a", "2": "b", None: "c"},
        {"aud": ["a", "b"], "iss": "a", "iat": NOW - 1, "nbf": NOW - 0.5},
        {
            "aud": "a",
            "iat": datetime.fromtimestamp(NOW, timezone.utc),
            "nbf": datetime.fromtimestamp(NOW, timezone.utc),
        },
    ],
)
def test_a_token_with_rare_claims_that_guards_read_is_made(claims: dict[Any, Any]) -> None:
    w = world()

    assert w.get("/access", w.access(additional_claims=claims)).json["identity"] == "ann"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"typ": None}, "typ header parameter must be a string"),
        ({"typ": "mine+jwt"}, "Wrong kind of token"),
        ({"kid": None}, "Key ID header parameter must be a string"),
        ({"crit": ["b64"]}, "Unsupported critical extension: b64"),
        ({"x5u": "a"}, "Unsupported header parameter: x5u"),
        ({"a": "\ud83d"}, "surrogate"),
        ({1: "a", "1": "b"}, "twice"),
    ],
)
def test_a_token_with_a_header_that_no_guard_takes_is_not_made(headers: dict[Any, Any], words: str) -> None:
    w = world()
    for good in ({"typ": "at+jwt", "kid": "any", "cty": "a"}, {"a": [nested(200)], "b": {"c": "é"}}):
        assert w.get("/access", w.access(additional_headers=good)).status_code == 200

    with pytest.raises(SettingsError, match=words):
        w.access(additional_headers=headers)
    w.jwt.additional_headers_loader(lambda identity: headers)
    with pytest.raises(SettingsError, match=words):
        w.access()


def test_with_a_ring_the_name_of_the_key_cannot_be_changed() -> None:
    """Where a callback chooses the key, any name may mean it."""
    secret = base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()
    w = world(JWT_KEYS={"keys": [{"kty": "oct", "alg": "HS256", "kid": "first", "k": secret}]})
    assert w.get("/access", w.access(additional_headers={"kid": "first"})).status_code == 200

    with pytest.raises(SettingsError, match="'kid': guards find the key by it, and 'first' is the signing key"):
        w.access(additional_headers={"kid": "else"})
    w.jwt.decode_key_loader(lambda header, claims: {"else": SECRET}[header["kid"]])
    assert w.get("/access", w.access(additional_headers={"kid": "else"})).status_code == 200


def test_an_identity_that_no_guard_reads_is_not_made_into_a_token() -> None:
    w = world()
    with pytest.raises(SettingsError, match="surrogate"):
        w.access("\ud800")
    assert w.get("/access", w.access("😀")).json["identity"] == "😀"

    w.app.config["JWT_VERIFY_SUB"] = False
    assert w.get("/access", w.access({"id": [7]})).json["identity"] == {"id": [7]}
    with pytest.raises(SettingsError, match="surrogate"):
        w.access({"id": ["\ud800"]})


def test_config_shows_a_life_time_of_never_after_one_of_zero() -> None:
    """``0 == False`` in Python, but not here."""
    w = world(JWT_ACCESS_TOKEN_EXPIRES=0, JWT_REFRESH_TOKEN_EXPIRES=0)
    with w.app.app_context():
        assert (config.access_expires, config.refresh_expires) == (timedelta(0), timedelta(0))
        w.app.config.update(JWT_ACCESS_TOKEN_EXPIRES=False, JWT_REFRESH_TOKEN_EXPIRES=False)
        assert (config.access_expires, config.refresh_expires) == (False, False)


def test_no_key_is_said_in_the_known_words() -> None:
    w = world()
    w.app.testing = True
    w.app.config["JWT_SECRET_KEY"] = None
    with pytest.raises(RuntimeError, match="JWT_SECRET_KEY or flask SECRET_KEY must be set when using symmetric"):
        w.get("/access", "x")
    w.app.config["JWT_ALGORITHM"] = "RS256"
    with pytest.raises(RuntimeError, match=r'JWT_PUBLIC_KEY must be set to use .* "RS256"'):
        w.get("/access", "x")


def test_a_secret_that_is_missing_is_said_with_the_command_that_makes_one() -> None:
    w = world()
    w.app.testing = True
    for empty in ("", None):
        w.app.config.update(JWT_SECRET_KEY=empty, SECRET_KEY=empty)
        with pytest.raises(SettingsError) as caught:
            w.get("/access", "x")

        assert str(caught.value) == (
            'JWT_SECRET_KEY or flask SECRET_KEY must be set when using symmetric algorithm "HS256". '
            "Make one with `flask signet keys generate --secret`."
        )


def test_one_public_key_serves_the_algorithms_that_it_fits() -> None:
    """JWT_DECODE_ALGORITHMS may name others: they have no key, and their tokens are refused."""
    w = world(JWT_ALGORITHM="HS256", JWT_DECODE_ALGORITHMS=["ES256", "RS256", "EdDSA"])
    w.app.config["JWT_PUBLIC_KEY"] = EC_KEY.public_key()

    assert w.get("/access", pyjwt.encode({"sub": "ann"}, EC_KEY, "ES256")).json["identity"] == "ann"
    assert w.get("/access", w.access()).json["identity"] == "ann"
    assert w.get("/access", pyjwt.encode({"sub": "ann"}, OTHER_EC_KEY, "ES256")).status_code == 401


def test_a_key_that_does_not_fit_the_algorithm_that_signs_is_no_missing_key() -> None:
    w = world(JWT_ALGORITHM="RS256", JWT_PUBLIC_KEY=EC_KEY.public_key())
    w.app.testing = True
    with pytest.raises(InvalidKeyError, match="RS256 needs an RSA key"):
        w.get("/access", "x")

    w.app.config.update(JWT_ALGORITHM="ES256", JWT_PRIVATE_KEY=EC_KEY.public_key())
    with pytest.raises(InvalidKeyError, match="ES256 needs a private key to sign, but this key is public"):
        w.access()


def test_a_ring_of_public_keys_verifies_and_cannot_sign() -> None:
    w = world(JWT_KEYS={"keys": [test_keys.public_jwk("EdDSA")]})
    token = Issuer(test_keys.key("EdDSA")).issue({"sub": "ann", "exp": NOW + 60})

    assert w.get("/access", token).json["identity"] == "ann"
    with pytest.raises(SettingsError, match="must be set"):
        w.access()


def test_a_service_with_a_public_key_only_verifies() -> None:
    w = world(JWT_ALGORITHM="ES256", JWT_PUBLIC_KEY=EC_KEY.public_key())

    assert w.get("/access", pyjwt.encode({"sub": "ann"}, EC_KEY, "ES256")).json["identity"] == "ann"
    with pytest.raises(RuntimeError, match=r'JWT_PRIVATE_KEY must be set to use .* "ES256"'):
        w.access()


@pytest.mark.parametrize("zone", [None, timezone.utc, timezone(timedelta(hours=5))])
def test_a_start_given_as_a_date_is_written_as_a_number(zone: Any) -> None:
    moment = datetime.fromtimestamp(NOW + 60, zone or timezone.utc)
    token = world().access(additional_claims={"nbf": moment if zone else moment.replace(tzinfo=None)})

    assert peek(token)["nbf"] == NOW + 60


def test_what_can_be_added_to_a_date_is_a_life_time() -> None:
    """As dateutil's ``relativedelta`` does; a month is as long as the coming one."""

    class Month:
        def __radd__(self, moment: datetime) -> datetime:
            month = moment.month % 12 + 1
            return moment.replace(month=month, year=moment.year + (month == 1), day=1)

    w = world(JWT_ACCESS_TOKEN_EXPIRES=Month())
    start = datetime.fromtimestamp(NOW, timezone.utc)
    for token in (w.access(), w.access(expires_delta=Month())):
        assert peek(token)["exp"] == (start + Month()).timestamp()
    assert w.get("/access", token).status_code == 200


def test_a_setting_of_one_application_is_its_own() -> None:
    first, second = world(), world(JWT_HEADER_TYPE="Token")
    second.app.config["JWT_SECRET_KEY"] = OTHER
    token = first.access()

    assert first.client.get("/access", headers=bearer(token)).status_code == 200
    other = second.client.get("/access", headers={"Authorization": f"Token {token}"})
    assert other.json["msg"] == "Signature verification failed"
