"""Every pair of settings that cannot work together, and every setting that a request contradicts: what is said.

``refused``: an error of ``init_app``. ``logged``: one line, with the first request or with the request that shows it.
``silent``: the pair works, and nothing is said. Each line and error holds what to write instead.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, make_response
from flask_sqlalchemy import SQLAlchemy
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_signet import (
    JWTManager,
    Signet,
    SQLAlchemyUsers,
    create_access_token,
    jwt_required,
    set_access_cookies,
)
from flask_signet.exceptions import SettingsError
from flask_signet.house_settings import KEYS
from flask_signet.web.settings import DEFAULTS
from tests.vectors import keys as test_keys

GOOD = "y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe"
PAIR, OTHER_PAIR = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RING = {"keys": [test_keys.jwk("ES256")]}
REFUSED, LOGGED, SILENT = "refused", "logged", "silent"
Case = tuple[dict[str, Any], str, str]

TOKENS: dict[str, Case] = {
    # --- keys
    "a ring and a secret": ({"JWT_KEYS": RING, "JWT_SECRET_KEY": GOOD}, LOGGED, "JWT_SECRET_KEY is ignored"),
    "a ring and a pair": ({"JWT_KEYS": RING, "JWT_PRIVATE_KEY": PAIR}, LOGGED, "JWT_PRIVATE_KEY is ignored"),
    "a ring and a public key": (
        {"JWT_KEYS": RING, "JWT_PUBLIC_KEY": PAIR.public_key()},
        LOGGED,
        "JWT_PUBLIC_KEY is ignored",
    ),
    "a ring and algorithms": (
        {"JWT_KEYS": RING, "JWT_DECODE_ALGORITHMS": ["ES256"]},
        LOGGED,
        "JWT_DECODE_ALGORITHMS is ignored",
    ),
    "a pair without its algorithm": (
        {"JWT_PRIVATE_KEY": PAIR, "JWT_SECRET_KEY": GOOD},
        LOGGED,
        'JWT_ALGORITHM = "RS256"',
    ),
    "a public key alone without its algorithm": (
        {"JWT_PUBLIC_KEY": PAIR.public_key(), "SECRET_KEY": GOOD},
        LOGGED,
        "does not use JWT_PUBLIC_KEY",
    ),
    "a secret beside a pair": (
        {"JWT_ALGORITHM": "ES256", "JWT_PRIVATE_KEY": PAIR, "JWT_SECRET_KEY": GOOD},
        LOGGED,
        "Remove JWT_SECRET_KEY",
    ),
    "an algorithm without its key": (
        {"JWT_ALGORITHM": "ES256", "JWT_SECRET_KEY": GOOD},
        LOGGED,
        "JWT_PUBLIC_KEY must be set",
    ),
    "no key at all": ({}, LOGGED, "JWT_SECRET_KEY or flask SECRET_KEY must be set"),
    "the public key of another pair": (
        {"JWT_ALGORITHM": "ES256", "JWT_PRIVATE_KEY": PAIR, "JWT_PUBLIC_KEY": OTHER_PAIR.public_key()},
        LOGGED,
        "JWT_PUBLIC_KEY does not belong to JWT_PRIVATE_KEY",
    ),
    "a pair": (
        {"JWT_ALGORITHM": "ES256", "JWT_PRIVATE_KEY": PAIR, "JWT_PUBLIC_KEY": PAIR.public_key()},
        SILENT,
        "",
    ),
    "a private key alone": ({"JWT_ALGORITHM": "ES256", "JWT_PRIVATE_KEY": PAIR}, SILENT, ""),
    "a key of another kind": (
        {"JWT_ALGORITHM": "RS256", "JWT_PRIVATE_KEY": PAIR},
        LOGGED,
        "RSA",
    ),
    "an accepted algorithm without its key": (
        {"JWT_SECRET_KEY": GOOD, "JWT_DECODE_ALGORITHMS": ["RS256"]},
        LOGGED,
        "Write: JWT_PUBLIC_KEY",
    ),
    "an accepted HMAC algorithm without its secret": (
        {"JWT_ALGORITHM": "ES256", "JWT_PRIVATE_KEY": PAIR, "JWT_DECODE_ALGORITHMS": ["HS256"]},
        LOGGED,
        "Write: JWT_SECRET_KEY",
    ),
    "accepted algorithms without the one that signs": (
        {"JWT_SECRET_KEY": GOOD * 2, "JWT_DECODE_ALGORITHMS": ["HS512"]},  # it is always accepted
        SILENT,
        "",
    ),
    "a secret that is weak": ({"JWT_SECRET_KEY": "changeme"}, LOGGED, "The key is the value of JWT_SECRET_KEY"),
    "a weak secret that is allowed": (
        {"JWT_SECRET_KEY": "changeme", "JWT_ALLOW_WEAK_KEYS": True},
        LOGGED,
        "The key is the value of JWT_SECRET_KEY",
    ),
    "a public key as secret": (
        {"JWT_SECRET_KEY": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA"},
        LOGGED,
        "set JWT_ALGORITHM to the algorithm of that key",
    ),
    # --- headers
    "a header type with a blank": ({"JWT_HEADER_TYPE": "Bearer "}, REFUSED, "Write: JWT_HEADER_TYPE = 'Bearer'"),
    "a header type with a colon": ({"JWT_HEADER_TYPE": "Token:"}, REFUSED, "Write: JWT_HEADER_TYPE = 'Token'"),
    "no header type": ({"JWT_HEADER_TYPE": ""}, SILENT, ""),
    "a header name with a colon": ({"JWT_HEADER_NAME": "X-Token:"}, REFUSED, "Write: JWT_HEADER_NAME = 'X-Token'"),
    "a header name with an underscore": (
        {"JWT_HEADER_NAME": "X_TOKEN"},
        LOGGED,
        "Write: JWT_HEADER_NAME = 'X-TOKEN'",
    ),
    "a CSRF header with an underscore": (
        {"JWT_ACCESS_CSRF_HEADER_NAME": "X_CSRF"},
        LOGGED,
        "Write: JWT_ACCESS_CSRF_HEADER_NAME = 'X-CSRF'",
    ),
    "one header for token and proof": (
        {"JWT_HEADER_NAME": "x-csrf-token", "JWT_TOKEN_LOCATION": ["headers", "cookies"]},
        REFUSED,
        'Write: JWT_HEADER_NAME = "Authorization"',
    ),
    "one header for token and proof, and no cookies": ({"JWT_HEADER_NAME": "X-CSRF-TOKEN"}, SILENT, ""),
    # --- cookies
    "one cookie for both tokens": (
        {"JWT_ACCESS_COOKIE_NAME": "t", "JWT_REFRESH_COOKIE_NAME": "t"},
        REFUSED,
        "JWT_ACCESS_COOKIE_NAME and JWT_REFRESH_COOKIE_NAME are both 't'",
    ),
    "one name on two paths": (
        {"JWT_ACCESS_COOKIE_NAME": "t", "JWT_REFRESH_COOKIE_NAME": "t", "JWT_REFRESH_COOKIE_PATH": "/refresh"},
        SILENT,
        "",
    ),
    "one cookie for token and proof": (
        {"JWT_ACCESS_COOKIE_NAME": "t", "JWT_ACCESS_CSRF_COOKIE_NAME": "t"},
        REFUSED,
        "one cookie would replace the other",
    ),
    "one cookie for both proofs": (
        {"JWT_ACCESS_CSRF_COOKIE_NAME": "c", "JWT_REFRESH_CSRF_COOKIE_NAME": "c"},
        REFUSED,
        "Write: JWT_REFRESH_CSRF_COOKIE_NAME = 'c_2'",
    ),
    "one cookie for both proofs that are not set": (
        {
            "JWT_ACCESS_CSRF_COOKIE_NAME": "c",
            "JWT_REFRESH_CSRF_COOKIE_NAME": "c",
            "JWT_CSRF_IN_COOKIES": False,
        },
        SILENT,
        "",
    ),
    "the cookie of Flask's session": (
        {"JWT_ACCESS_COOKIE_NAME": "session"},
        LOGGED,
        'Write: JWT_ACCESS_COOKIE_NAME = "session_token"',
    ),
    "a cookie name with a blank": (
        {"JWT_ACCESS_COOKIE_NAME": "my token"},
        REFUSED,
        "Write: JWT_ACCESS_COOKIE_NAME = 'my_token'",
    ),
    "a __Host- cookie with a domain": (
        {"JWT_ACCESS_COOKIE_NAME": "__Host-t", "JWT_COOKIE_DOMAIN": "a.test", "JWT_COOKIE_SECURE": True},
        REFUSED,
        'write: JWT_ACCESS_COOKIE_NAME = "__Secure-t"',
    ),
    "a __Host- cookie with a path": (
        {"JWT_REFRESH_COOKIE_NAME": "__Host-t", "JWT_REFRESH_COOKIE_PATH": "/a", "JWT_COOKIE_SECURE": True},
        REFUSED,
        'Write: JWT_REFRESH_COOKIE_PATH = "/"',
    ),
    "a __Host- cookie without Secure": ({"JWT_ACCESS_COOKIE_NAME": "__Host-t"}, LOGGED, "JWT_COOKIE_SECURE = True"),
    "a __Secure- cookie without Secure": (
        {"JWT_REFRESH_COOKIE_NAME": "__Secure-t"},
        LOGGED,
        "JWT_COOKIE_SECURE = True",
    ),
    "SameSite None without Secure": ({"JWT_COOKIE_SAMESITE": "None"}, LOGGED, "Write: JWT_COOKIE_SECURE = True"),
    "SameSite None with Secure": ({"JWT_COOKIE_SAMESITE": "none", "JWT_COOKIE_SECURE": True}, SILENT, ""),
    "SameSite None without proof": (
        {"JWT_COOKIE_SAMESITE": "None", "JWT_COOKIE_SECURE": True, "JWT_COOKIE_CSRF_PROTECT": False},
        LOGGED,
        "Write: JWT_COOKIE_CSRF_PROTECT = True",
    ),
    "SameSite Lax without proof": ({"JWT_COOKIE_SAMESITE": "Lax", "JWT_COOKIE_CSRF_PROTECT": False}, SILENT, ""),
    "a form's proof that is not asked for": (
        {"JWT_CSRF_CHECK_FORM": True, "JWT_COOKIE_CSRF_PROTECT": False},
        LOGGED,
        "JWT_CSRF_CHECK_FORM = True has no effect",
    ),
    "a form's proof and no POST": (
        {"JWT_CSRF_CHECK_FORM": True, "JWT_CSRF_METHODS": ["put"]},
        LOGGED,
        "which is not in JWT_CSRF_METHODS",
    ),
    "a form's proof without its cookie": (
        {"JWT_CSRF_CHECK_FORM": True, "JWT_CSRF_IN_COOKIES": False},  # a template may hold it
        SILENT,
        "",
    ),
    "a proof for no method": ({"JWT_CSRF_METHODS": []}, LOGGED, "JWT_COOKIE_CSRF_PROTECT = False"),
    "a path without a slash": ({"JWT_ACCESS_COOKIE_PATH": "api"}, REFUSED, "JWT_ACCESS_COOKIE_PATH = '/api'"),
    "a proof's path without a slash": (
        {"JWT_REFRESH_CSRF_COOKIE_PATH": "api"},
        REFUSED,
        "JWT_REFRESH_CSRF_COOKIE_PATH = '/api'",
    ),
    "a path outside of the application": (
        {"JWT_REFRESH_COOKIE_PATH": "/refresh", "APPLICATION_ROOT": "/shop"},
        LOGGED,
        "Write: JWT_REFRESH_COOKIE_PATH = '/shop/refresh'",
    ),
    "a path inside of the application": (
        {"JWT_REFRESH_COOKIE_PATH": "/shop/refresh", "APPLICATION_ROOT": "/shop"},
        SILENT,
        "",
    ),
    "a domain that is a URL": (
        {"JWT_COOKIE_DOMAIN": "https://a.test/"},
        REFUSED,
        "Write: JWT_COOKIE_DOMAIN = 'a.test'",
    ),
    "a domain with a port": ({"JWT_COOKIE_DOMAIN": "a.test:5000"}, REFUSED, "Write: JWT_COOKIE_DOMAIN = 'a.test'"),
    "a domain of another server": (
        {"JWT_COOKIE_DOMAIN": "a.test", "SERVER_NAME": "b.test:5000"},
        LOGGED,
        "Write: JWT_COOKIE_DOMAIN = None",
    ),
    "a domain of this server": ({"JWT_COOKIE_DOMAIN": ".a.test", "SERVER_NAME": "b.a.test"}, SILENT, ""),
    "a partitioned cookie without Secure": (
        {"JWT_COOKIE_PARTITIONED": True},
        REFUSED,
        "JWT_COOKIE_PARTITIONED needs JWT_COOKIE_SECURE = True",
    ),
    # --- claims and life times
    **{
        f"the identity in {claim}": ({"JWT_IDENTITY_CLAIM": claim}, REFUSED, 'Write: JWT_IDENTITY_CLAIM = "sub"')
        for claim in ("aud", "csrf", "exp", "fresh", "iat", "iss", "nbf", "sub_type", "type")
    },
    "the identity in jti": ({"JWT_IDENTITY_CLAIM": "jti"}, LOGGED, "a blocklist by jti would block the user"),
    "the identity elsewhere": ({"JWT_IDENTITY_CLAIM": "identity", "JWT_VERIFY_SUB": False}, SILENT, ""),
    "another issuer": (
        {"JWT_ENCODE_ISSUER": "a", "JWT_DECODE_ISSUER": "b"},
        LOGGED,
        "Write: JWT_ENCODE_ISSUER = 'b'",
    ),
    "an issuer that is asked for and not written": (
        {"JWT_DECODE_ISSUER": ["a", "b"]},
        LOGGED,
        "Write: JWT_ENCODE_ISSUER = 'a'",
    ),
    "another audience": (
        {"JWT_ENCODE_AUDIENCE": ["a"], "JWT_DECODE_AUDIENCE": ["b", "c"]},
        LOGGED,
        "Write: JWT_ENCODE_AUDIENCE = 'b'",
    ),
    "one audience of two": ({"JWT_ENCODE_AUDIENCE": ["a", "x"], "JWT_DECODE_AUDIENCE": "a"}, SILENT, ""),
    "an audience that nobody asks for": ({"JWT_ENCODE_AUDIENCE": "a"}, SILENT, ""),
    "a message in the place of the code": (
        {"JWT_ERROR_MESSAGE_KEY": "error"},
        LOGGED,
        'Write: JWT_ERROR_MESSAGE_KEY = "msg"',
    ),
    "a message in the place of the fields": ({"JWT_ERROR_MESSAGE_KEY": "fields"}, LOGGED, "JWT_ERROR_MESSAGE_KEY"),
    "a leeway as long as a life": (
        {"JWT_ACCESS_TOKEN_EXPIRES": 60, "JWT_DECODE_LEEWAY": timedelta(minutes=1)},
        LOGGED,
        "Write: JWT_DECODE_LEEWAY = 30",
    ),
    "a refresh token that dies first": (
        {"JWT_ACCESS_TOKEN_EXPIRES": timedelta(days=1), "JWT_REFRESH_TOKEN_EXPIRES": timedelta(hours=1)},
        LOGGED,
        "Write: JWT_ACCESS_TOKEN_EXPIRES = timedelta(minutes=15)",
    ),
    "both tokens for ever": ({"JWT_ACCESS_TOKEN_EXPIRES": False, "JWT_REFRESH_TOKEN_EXPIRES": False}, SILENT, ""),
    "a long life and the refresh token's default": ({"JWT_ACCESS_TOKEN_EXPIRES": timedelta(days=90)}, SILENT, ""),
    "a long life in addresses": (
        {"JWT_TOKEN_LOCATION": ["headers", "query_string"], "JWT_ACCESS_TOKEN_EXPIRES": False},
        LOGGED,
        "URLs are logged",
    ),
    "a short life in addresses": ({"JWT_TOKEN_LOCATION": "query_string"}, SILENT, ""),
    "one name for both tokens in JSON": ({"JWT_JSON_KEY": "t", "JWT_REFRESH_JSON_KEY": "t"}, SILENT, ""),
    # --- a JWTManager and the settings of Signet
    "a setting of Signet": ({"SIGNET_REGISTRATION": True}, LOGGED, "Write: signet = Signet(app)"),
    "the one setting of both": ({"SIGNET_ROUTES": ["jwks"]}, SILENT, ""),
    "routes of Signet": ({"SIGNET_ROUTES": ["token"]}, REFUSED, "the other routes need Signet"),
}


def heard(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    return [line for line in lines if line.startswith("Flask-Signet: ")]


def check(make: Any, kind: str, phrase: str, caplog: pytest.LogCaptureFixture) -> None:
    if kind == REFUSED:
        with pytest.raises(SettingsError) as caught:
            make()
        assert phrase in str(caught.value)
        return
    client = make().test_client()
    for _ in range(3):
        assert client.get("/open").text == "open"
    said = heard(caplog)

    if kind == SILENT:
        assert [] == said
    else:
        assert 1 == len(said), said
        assert phrase in said[0]


def make_manager(config: dict[str, Any]) -> Flask:
    app = Flask("conflicts")
    app.config.update(config)
    if not config.keys() & {"JWT_SECRET_KEY", "JWT_KEYS", "JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY"} and config:
        app.config["JWT_SECRET_KEY"] = GOOD
    JWTManager(app)
    app.add_url_rule("/open", "open", lambda: "open")
    return app


@pytest.mark.parametrize("name", TOKENS)
def test_settings_of_tokens_that_do_not_fit_are_heard_of(name: str, caplog: pytest.LogCaptureFixture) -> None:
    config, kind, phrase = TOKENS[name]

    check(lambda: make_manager(config), kind, phrase, caplog)


OWN = "own users"
SIGNET: dict[str, Case] = {
    "registration and own users": ({"SIGNET_REGISTRATION": True, OWN: True}, REFUSED, "signet.users.hashed(password)"),
    "registration and built-in accounts": ({"SIGNET_REGISTRATION": True}, SILENT, ""),
    "registration without its route": (
        {"SIGNET_REGISTRATION": True, "SIGNET_ROUTES": ["token"]},
        REFUSED,
        "Write: SIGNET_ROUTES = ('token', 'account')",
    ),
    "cookies alone": (
        {"JWT_TOKEN_LOCATION": ["cookies"]},
        REFUSED,
        "Write: JWT_TOKEN_LOCATION = ['headers', 'cookies']",
    ),
    "JSON alone": ({"JWT_TOKEN_LOCATION": "json"}, REFUSED, "Write: JWT_TOKEN_LOCATION = ['headers', 'json']"),
    "cookies beside headers": ({"JWT_TOKEN_LOCATION": ["headers", "cookies"]}, SILENT, ""),
    "cookies alone and a login of one's own": (
        {"JWT_TOKEN_LOCATION": ["cookies"], "SIGNET_ROUTES": ["account", "jwks", "health"]},
        SILENT,
        "",
    ),
    "another header": ({"JWT_HEADER_NAME": "X-Token"}, LOGGED, 'Write: JWT_HEADER_NAME = "Authorization"'),
    "another word": ({"JWT_HEADER_TYPE": "JWT"}, LOGGED, 'Write: JWT_HEADER_TYPE = "Bearer"'),
    "an algorithm without its key": (
        {"JWT_ALGORITHM": "RS256"},
        REFUSED,
        "JWT_ALGORITHM = 'RS256' needs JWT_PRIVATE_KEY",
    ),
    "a written default without its key": (
        {"JWT_ALGORITHM": "HS256", "SECRET_KEY": GOOD},
        REFUSED,
        "JWT_ALGORITHM = 'HS256' needs JWT_SECRET_KEY",
    ),
    "HS512 without its key": ({"JWT_ALGORITHM": "HS512"}, REFUSED, "JWT_ALGORITHM = 'HS512' needs JWT_SECRET_KEY"),
    "the ring's own algorithm": ({"JWT_ALGORITHM": "EdDSA"}, SILENT, ""),
    "a secret": ({"JWT_SECRET_KEY": GOOD}, SILENT, ""),
    "a weak secret": ({"JWT_SECRET_KEY": "changeme"}, LOGGED, "The key is the value of JWT_SECRET_KEY"),
    "Flask's own weak secret, which is not used": ({"SECRET_KEY": "dev"}, SILENT, ""),
    "a pair without its algorithm": ({"JWT_PRIVATE_KEY": PAIR, "SECRET_KEY": GOOD}, REFUSED, 'JWT_ALGORITHM = "RS256"'),
    "a pair": ({"JWT_PRIVATE_KEY": PAIR, "JWT_ALGORITHM": "ES256"}, SILENT, ""),
    "a secret for a pair": (
        {"JWT_SECRET_KEY": GOOD, "JWT_ALGORITHM": "RS256"},
        REFUSED,
        'Write: JWT_ALGORITHM = "HS256"',
    ),
    "a public key alone": (
        {"JWT_PUBLIC_KEY": PAIR.public_key(), "JWT_ALGORITHM": "ES256"},
        REFUSED,
        "Write: JWT_PRIVATE_KEY",
    ),
    "another issuer": (
        {"JWT_DECODE_ISSUER": "a"},
        REFUSED,
        "every guard would refuse the tokens of POST /token. Write: JWT_ENCODE_ISSUER = 'a'",
    ),
    "another audience": (
        {"JWT_DECODE_AUDIENCE": "a", "JWT_ENCODE_AUDIENCE": "b"},
        REFUSED,
        "Write: JWT_ENCODE_AUDIENCE = 'a'",
    ),
    "the identity in sid": ({"JWT_IDENTITY_CLAIM": "sid"}, REFUSED, 'Write: JWT_IDENTITY_CLAIM = "sub"'),
    "the identity in epoch": ({"JWT_IDENTITY_CLAIM": "epoch"}, REFUSED, 'Write: JWT_IDENTITY_CLAIM = "sub"'),
    "the identity elsewhere": ({"JWT_IDENTITY_CLAIM": "identity"}, SILENT, ""),
    "any sub": ({"JWT_VERIFY_SUB": False}, SILENT, ""),
    "idle beyond the end": (
        {"SIGNET_SESSION_IDLE": timedelta(days=60)},
        LOGGED,
        "Write: SIGNET_SESSION_ABSOLUTE = timedelta(days=60)",
    ),
    "an end before the default of idle": ({"SIGNET_SESSION_ABSOLUTE": timedelta(days=7)}, SILENT, ""),
    "a grace as long as a session": (
        {"SIGNET_REFRESH_GRACE": 600, "SIGNET_SESSION_IDLE": 600, "JWT_ACCESS_TOKEN_EXPIRES": 60},
        REFUSED,
        "Write: SIGNET_REFRESH_GRACE = 30",
    ),
    "a grace as long as every session": (
        {"SIGNET_REFRESH_GRACE": timedelta(days=31), "SIGNET_SESSION_ABSOLUTE": timedelta(days=1)},
        REFUSED,
        "a stolen refresh token would never be noticed",
    ),
    "no grace": ({"SIGNET_REFRESH_GRACE": 0}, SILENT, ""),
    "an access token that outlives its session": (
        {"JWT_ACCESS_TOKEN_EXPIRES": timedelta(days=14)},
        LOGGED,
        "Write: JWT_ACCESS_TOKEN_EXPIRES = timedelta(minutes=15)",
    ),
    "an access token for ever": ({"JWT_ACCESS_TOKEN_EXPIRES": False}, LOGGED, "after its session has expired"),
    "the life of another refresh token": (
        {"JWT_REFRESH_TOKEN_EXPIRES": timedelta(days=90)},
        LOGGED,
        "Write: SIGNET_SESSION_ABSOLUTE",
    ),
    "Secure of another cookie": ({"JWT_COOKIE_SECURE": True}, LOGGED, "Cookie mode does not read it"),
    "the domain of another cookie": ({"JWT_COOKIE_DOMAIN": "a.test"}, LOGGED, "belongs to one host"),
    "SameSite of another cookie": ({"JWT_COOKIE_SAMESITE": "Lax"}, LOGGED, 'cookie mode always sets "Strict"'),
    "the life of another cookie": ({"JWT_SESSION_COOKIE": False}, LOGGED, "SIGNET_SESSION_IDLE"),
    "the name of another cookie": ({"JWT_REFRESH_COOKIE_NAME": "r"}, LOGGED, "sets the name in cookie mode"),
    "the path of another cookie": ({"JWT_REFRESH_COOKIE_PATH": "/r"}, LOGGED, "always sets the path /"),
    "settings of cookies that are read": (
        {"JWT_TOKEN_LOCATION": ["headers", "cookies"], "JWT_COOKIE_SECURE": True, "JWT_COOKIE_SAMESITE": "Lax"},
        SILENT,
        "",
    ),
    "the name of our cookie": (
        {"JWT_ACCESS_COOKIE_NAME": "signet_refresh"},
        REFUSED,
        'Write: JWT_ACCESS_COOKIE_NAME = "access_token_cookie"',
    ),
    "a partitioned cookie on plain http": (
        {"SIGNET_COOKIE_PARTITIONED": True, "SIGNET_COOKIE_SECURE": False},
        REFUSED,
        "SIGNET_COOKIE_PARTITIONED needs https",
    ),
    "the name that our cookie was given": (
        {"JWT_REFRESH_COOKIE_NAME": "__Host-shop_refresh", "SIGNET_COOKIE_NAME": "shop"},
        REFUSED,
        "is the name of a cookie of cookie mode",
    ),
    "the name of the hint": (
        {"JWT_ACCESS_COOKIE_NAME": "signet_hint"},
        REFUSED,
        'Write: JWT_ACCESS_COOKIE_NAME = "access_token_cookie"',
    ),
    "origins without a login": (
        {"SIGNET_ROUTES": ["account"], "SIGNET_TRUSTED_ORIGINS": ["https://a.test"]},
        LOGGED,
        "Write: SIGNET_ROUTES = ('token', 'account')",
    ),
    "a Secure cookie without a login": (
        {"SIGNET_ROUTES": ["account"], "SIGNET_COOKIE_SECURE": True},
        LOGGED,
        "or remove SIGNET_COOKIE_SECURE",
    ),
    "a grace without a refresh": (
        {"SIGNET_ROUTES": ["account"], "SIGNET_REFRESH_GRACE": 5},
        LOGGED,
        "or remove SIGNET_REFRESH_GRACE",
    ),
    "an origin on plain http": (
        {"SIGNET_TRUSTED_ORIGINS": ["http://app.test:3000"]},
        LOGGED,
        "Write: 'https://app.test:3000'",
    ),
    "an origin on this machine": ({"SIGNET_TRUSTED_ORIGINS": ["http://localhost:5173"]}, SILENT, ""),
    "an origin on plain http, by intent": (
        {"SIGNET_TRUSTED_ORIGINS": ["http://app.test"], "SIGNET_COOKIE_SECURE": False},
        SILENT,
        "",
    ),
    **{
        f"the origin {origin}": (
            {"SIGNET_TRUSTED_ORIGINS": [origin]},
            REFUSED,
            "SIGNET_TRUSTED_ORIGINS must hold origins",
        )
        for origin in (
            "*",
            "null",
            "app.test",
            "https://app.test/login",
            "https://*.app.test",
            "https://app.test?x",
            "https://app.test#x",
            "https://u@app.test",
            "https://bücher.test",
            "https://app.test:port",
            "https://[::1",
            "ftp://app.test",
        )
    },
    "an origin with a last slash": ({"SIGNET_TRUSTED_ORIGINS": "https://app.test/"}, SILENT, ""),
    "lanes without memory": (
        {"SIGNET_PASSWORD_PARALLELISM": 4_000, "SIGNET_PASSWORD_MEMORY_KIB": 20_000},
        REFUSED,
        "Write: SIGNET_PASSWORD_PARALLELISM = 1",
    ),
    "a store for a throttle that is off": (
        {"SIGNET_THROTTLE": False, "SIGNET_THROTTLE_STORE": "memory"},
        LOGGED,
        "remove SIGNET_THROTTLE_STORE",
    ),
    "a throttle that is on, and its store": (
        {"SIGNET_THROTTLE": True, "SIGNET_THROTTLE_STORE": "memory"},
        SILENT,
        "",
    ),
    "two root keys": (
        {"SIGNET_ROOT_KEY": "A" * 43, "SIGNET_ROOT_KEY_FILE": "root.key"},
        REFUSED,
        "Set SIGNET_ROOT_KEY or SIGNET_ROOT_KEY_FILE, not both",
    ),
    "the database of nothing": ({"SIGNET_DATABASE_URL": "app"}, LOGGED, "Write: db.init_app(app)"),
    "a database in memory": ({"SIGNET_DATABASE_URL": "sqlite://"}, REFUSED, "only for TESTING"),
    "a database of another kind": ({"SIGNET_DATABASE_URL": "mysql://h/d"}, REFUSED, "PostgreSQL or SQLite"),
    "a prefix without a slash": ({"SIGNET_URL_PREFIX": "api"}, REFUSED, "'/api'"),
    "a prefix": ({"SIGNET_URL_PREFIX": "/api"}, SILENT, ""),
}

# Settings that fit to every value of every other one, and why.
FIT_TO_ALL = {
    "JWT_ACCESS_CSRF_COOKIE_PATH": "only its own shape can be wrong",
    "JWT_ACCESS_CSRF_FIELD_NAME": "a form has fields of any name",
    "JWT_REFRESH_CSRF_FIELD_NAME": "a form has fields of any name",
    "JWT_REFRESH_CSRF_HEADER_NAME": "as JWT_ACCESS_CSRF_HEADER_NAME",
    "JWT_ENCODE_NBF": "10 s of leeway are always given at the start",
    "JWT_ERROR_STATUS": "its pair with JWT_COMPAT is tested with both",
    "JWT_COMPAT": "its pair with JWT_ERROR_STATUS is tested with both",
    "JWT_MAX_JSON_BYTES": "bounds bodies that hold a token, whatever else is set",
    "JWT_MAX_TOKEN_BYTES": "a token that is longer is an error where it is made",
    "JWT_QUERY_STRING_NAME": "no other setting names a parameter",
    "JWT_QUERY_STRING_VALUE_PREFIX": "no other setting names a parameter",
    "JWT_VERIFIED_CACHE_BYTES": "a small cache is slower and nothing else",
    "SIGNET_PASSWORDS_AT_ONCE": "more than the machine has memory for cannot be known",
    "SIGNET_PASSWORD_MIN_LENGTH": "only its own range can be wrong",
    "SIGNET_PASSWORD_TIME_COST": "only its own range can be wrong",
    "SIGNET_REVOCATION_MAX_AGE": "may be longer than a token's life: guards then go on until it expires",
    "SIGNET_SESSIONS_PER_USER": "no other setting counts sessions",
}


def make_signet(config: dict[str, Any], folder: Path) -> Flask:
    app = Flask("conflicts", instance_path=str(folder))
    app.config.update({key: value for key, value in config.items() if key != OWN})
    users: Any = None
    if OWN in config:
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
        db = SQLAlchemy(app)

        class User(db.Model):  # type: ignore[name-defined]
            id = db.Column(db.Integer, primary_key=True)
            username = db.Column(db.String(80), unique=True)
            password = db.Column(db.String(255))

        users = SQLAlchemyUsers(db.session, User)
    Signet(app, users=users)
    app.add_url_rule("/open", "open", lambda: "open")
    return app


@pytest.mark.parametrize("name", SIGNET)
def test_settings_of_signet_that_do_not_fit_are_heard_of(
    name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    config, kind, phrase = SIGNET[name]

    check(lambda: make_signet(config, tmp_path), kind, phrase, caplog)


def test_the_same_database_by_two_engines_is_heard_of(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/app.sqlite3"
    app = make_signet({"SIGNET_DATABASE_URL": url, "SQLALCHEMY_DATABASE_URI": url}, tmp_path)
    SQLAlchemy(app)
    app.test_client().get("/open")

    assert ['Write: SIGNET_DATABASE_URL = "app"'] == [line.rpartition(". ")[2].rstrip(".") for line in heard(caplog)]


def test_every_setting_is_in_the_tables() -> None:
    in_tables = {key for config, _, _ in (*TOKENS.values(), *SIGNET.values()) for key in config}
    in_requests = {"JWT_ACCESS_CSRF_HEADER_NAME"}

    assert set() == ({*DEFAULTS, *KEYS} - in_tables - in_requests - FIT_TO_ALL.keys())


def test_registration_that_is_switched_on_later_is_heard_of(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    app = make_signet({OWN: True}, tmp_path)
    app.config["SIGNET_REGISTRATION"] = True
    for _ in range(3):
        assert app.test_client().post("/account", json={}).status_code == 404

    assert ["signet.users.hashed(password)" in line for line in heard(caplog)] == [True]


def test_a_certain_conflict_that_comes_later_is_an_error_where_it_matters() -> None:
    app = make_manager({"JWT_SECRET_KEY": GOOD})
    app.testing = True
    app.add_url_rule("/guarded", "guarded", jwt_required()(lambda: "in"))
    app.config["JWT_HEADER_TYPE"] = "Bearer "

    assert app.test_client().get("/open").text == "open"
    with pytest.raises(SettingsError, match="Write: JWT_HEADER_TYPE = 'Bearer'"):
        app.test_client().get("/guarded")


@pytest.mark.parametrize("tables", [TOKENS, SIGNET], ids=["tokens", "signet"])
def test_every_line_and_error_says_what_to_write(tables: dict[str, Case], tmp_path: Path) -> None:
    """Each of the rules; what was said of single settings before has words of its own."""
    from flask_signet.sessions import conflicts as of_sessions
    from flask_signet.web import setting_conflicts as of_tokens

    found = []
    for config, _, _ in tables.values():
        merged: dict[str, Any] = {**DEFAULTS, **Flask("defaults").config, **config}
        found += list(of_tokens.found(merged))
        try:
            found += list(of_sessions.found(merged, own_users=OWN in config))
        except SettingsError:
            pass

    assert len(found) > 30
    assert [] == [one.message for one in found if "rite: " not in one.message and "Remove " not in one.message]
    assert [] == [one.message for one in found if GOOD in one.message]


def test_no_two_settings_with_their_defaults_conflict() -> None:
    from flask_signet.sessions import conflicts as of_sessions
    from flask_signet.web import setting_conflicts as of_tokens

    defaults: dict[str, Any] = {**DEFAULTS, **Flask("defaults").config}

    assert [] == [*of_tokens.found(defaults), *of_sessions.found(defaults, own_users=False)]


# --- a setting and a request ------------------------------------------------------------------------------

HTTP, HTTPS = "http://app.test", "https://app.test"
PROXY = {"X-Forwarded-For": "198.51.100.7"}
Requested = tuple[dict[str, Any], dict[str, Any], str]  # settings, request, what is said; "" for nothing

COOKIES = {"JWT_TOKEN_LOCATION": ["headers", "cookies"]}
SET_COOKIE: dict[str, Requested] = {
    "no location": ({}, {"base_url": "http://localhost"}, "Write: JWT_TOKEN_LOCATION = ['headers', 'cookies']"),
    "plain http on this machine": (COOKIES, {"base_url": "http://localhost:5000"}, ""),
    "Secure on plain http": (
        {**COOKIES, "JWT_COOKIE_SECURE": True},
        {"base_url": HTTP},
        "JWT_COOKIE_SECURE = True, and this request came over HTTP to 'app.test'",
    ),
    "Secure on this machine": ({**COOKIES, "JWT_COOKIE_SECURE": True}, {"base_url": "http://127.0.0.1:5000"}, ""),
    "Secure on https": ({**COOKIES, "JWT_COOKIE_SECURE": True}, {"base_url": HTTPS}, ""),
    "not Secure on https": (COOKIES, {"base_url": HTTPS}, "Write: JWT_COOKIE_SECURE = True"),
    "not Secure on plain http": (COOKIES, {"base_url": HTTP}, ""),
    "a domain of another host": (
        {**COOKIES, "JWT_COOKIE_DOMAIN": "other.test"},
        {"base_url": HTTP},
        "JWT_COOKIE_DOMAIN = 'other.test' does not match the host 'app.test'",
    ),
    "a domain that ends alike": (
        {**COOKIES, "JWT_COOKIE_DOMAIN": "pp.test"},
        {"base_url": HTTP},
        "does not match the host",
    ),
    "a domain of the host": ({**COOKIES, "JWT_COOKIE_DOMAIN": "app.test"}, {"base_url": "http://api.app.test"}, ""),
}


@pytest.mark.parametrize("name", SET_COOKIE)
def test_a_token_that_the_browser_would_not_keep_is_heard_of_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    config, asked, phrase = SET_COOKIE[name]
    app = make_manager({"JWT_SECRET_KEY": GOOD, **config})

    @app.get("/login")
    def login() -> Any:
        response = make_response("in")
        set_access_cookies(response, create_access_token("1"))
        return response

    for _ in range(3):
        assert app.test_client().get("/login", **asked).text == "in"

    assert [phrase] * bool(phrase) == [phrase for line in heard(caplog) if phrase in line]
    assert len(heard(caplog)) == bool(phrase)


@pytest.mark.parametrize(
    ("path", "root", "phrase"),
    [
        ("/api", "", "Write: JWT_ACCESS_COOKIE_PATH"),
        ("/guard", "", "Write: JWT_ACCESS_COOKIE_PATH"),
        ("/guarded", "/shop", "Write: JWT_ACCESS_COOKIE_PATH"),
        ("/shop", "/shop", ""),
        ("/guarded", "", ""),
        ("/", "", ""),
    ],
)
def test_a_guarded_path_without_its_cookie_is_heard_of_once(
    path: str, root: str, phrase: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_manager({"JWT_SECRET_KEY": GOOD, "JWT_TOKEN_LOCATION": "cookies", "JWT_ACCESS_COOKIE_PATH": path})
    app.add_url_rule("/guarded", "guarded", jwt_required()(lambda: "in"))
    for _ in range(3):
        answer = app.test_client().get("/guarded", base_url=f"http://localhost{root}")
        assert answer.status_code == 401

    assert [phrase] * bool(phrase) == [phrase for line in heard(caplog) if phrase in line]


LOGIN: dict[str, Requested] = {
    "a client": ({}, {}, ""),
    "a proxy on this machine": (
        {},
        {"headers": PROXY},
        "limited by the address in the header. Write: app.wsgi_app = ProxyFix",
    ),
    "a proxy in the network": (
        {},
        {"headers": PROXY, "environ_overrides": {"REMOTE_ADDR": "10.0.0.1"}},
        "uses the proxy's address (10.0.0.1)",
    ),
    "a proxy by IPv6": (
        {},
        {"headers": PROXY, "environ_overrides": {"REMOTE_ADDR": "::ffff:10.0.0.1"}},
        "app.wsgi_app = ProxyFix",
    ),
    "a proxy in a carrier's network": (
        {},
        {"headers": PROXY, "environ_overrides": {"REMOTE_ADDR": "100.64.0.3"}},
        "uses the proxy's address (100.64.0.3)",
    ),
    "a proxy by a socket": (
        {},
        {"headers": PROXY, "environ_overrides": {"REMOTE_ADDR": ""}},
        "uses the proxy's address (none)",
    ),
    "a proxy with another header": ({}, {"headers": {"X-Real-IP": "198.51.100.7"}}, "app.wsgi_app = ProxyFix"),
    "a header that a client wrote": (
        {},
        {"headers": PROXY, "environ_overrides": {"REMOTE_ADDR": "8.8.8.8"}},
        "",
    ),
    "a server that reads the header itself": (
        {},
        {"headers": PROXY, "environ_overrides": {"REMOTE_ADDR": "198.51.100.7"}},
        "",
    ),
    "https before the proxy": ({}, {"headers": {"X-Forwarded-Proto": "https"}}, "this request came over HTTPS"),
    "https all the way": ({}, {"headers": {"X-Forwarded-Proto": "https"}, "base_url": HTTPS}, ""),
    "http before the proxy": ({}, {"headers": {"X-Forwarded-Proto": "http"}}, ""),
    "a proxy that Flask knows": (
        {"fix": {"x_for": 1, "x_proto": 1}},
        {"headers": {**PROXY, "X-Forwarded-Proto": "https"}},
        "",
    ),
    "a proxy that Flask knows in part": (
        {"fix": {"x_for": 1, "x_proto": 0}},
        {"headers": {**PROXY, "X-Forwarded-Proto": "https"}},
        "this request came over HTTPS (X-Forwarded-Proto)",
    ),
    "one proxy more than there is": ({"fix": {"x_for": 2}}, {"headers": PROXY}, "app.wsgi_app = ProxyFix"),
}
COOKIE_MODE = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}
COOKIE_LOGIN: dict[str, Requested] = {
    "https": ({}, {"base_url": HTTPS, "headers": COOKIE_MODE}, ""),
    "this machine": ({}, {"base_url": "http://localhost:5000", "headers": COOKIE_MODE}, ""),
    "plain http": ({}, {"base_url": HTTP, "headers": COOKIE_MODE}, "write: SIGNET_COOKIE_SECURE = False"),
    "plain http, always Secure": (
        {"SIGNET_COOKIE_SECURE": True},
        {"base_url": HTTP, "headers": COOKIE_MODE},
        "this request came over HTTP to 'app.test'",
    ),
    "plain http by intent": ({"SIGNET_COOKIE_SECURE": False}, {"base_url": HTTP, "headers": COOKIE_MODE}, ""),
    "https without Secure": (
        {"SIGNET_COOKIE_SECURE": False},
        {"base_url": HTTPS, "headers": COOKIE_MODE},
        "Remove SIGNET_COOKIE_SECURE",
    ),
    "a trusted page of another site": (
        {"SIGNET_TRUSTED_ORIGINS": ["https://other.test"]},
        {
            "base_url": HTTPS,
            "headers": {"X-Signet": "1", "Sec-Fetch-Site": "cross-site", "Origin": "https://other.test"},
        },
        "never send a SameSite=Strict cookie from there",
    ),
    "a trusted page with the port of its scheme": (
        {"SIGNET_TRUSTED_ORIGINS": ["https://APP.other:443/"]},
        {"base_url": HTTPS, "headers": {"X-Signet": "1", "Origin": "https://app.other"}},
        "",
    ),
    "a page on https, Flask on http": (
        {},
        {"base_url": HTTP, "headers": {"X-Signet": "1", "Origin": HTTPS}, "status": 403},
        "a proxy terminates HTTPS",
    ),
    "a proxy that drops the port": (
        {},
        {"base_url": HTTPS, "headers": {"X-Signet": "1", "Origin": f"{HTTPS}:8443"}, "status": 403},
        "proxy_set_header Host $http_host",
    ),
    "a proxy that changes the host": (
        {},
        {
            "base_url": "https://backend",
            "headers": {"X-Signet": "1", "Origin": HTTPS, "X-Forwarded-Host": "app.test"},
            "status": 403,
        },
        "X-Forwarded-Host. Write: app.wsgi_app = ProxyFix",
    ),
    "another site": (
        {},
        {"base_url": HTTPS, "headers": {"X-Signet": "1", "Origin": "https://evil.test"}, "status": 403},
        "",
    ),
    "an origin that is no URL": (
        {},
        {"base_url": HTTPS, "headers": {"X-Signet": "1", "Origin": "https://[::1"}, "status": 403},
        "",
    ),
}


@pytest.mark.parametrize("name", [*LOGIN, *(f"cookie mode: {name}" for name in COOKIE_LOGIN)])
def test_a_request_that_a_setting_does_not_fit_to_is_heard_of_once(
    name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    mode = name.startswith("cookie mode: ")
    config, asked, phrase = COOKIE_LOGIN[name[13:]] if mode else LOGIN[name]
    config, asked = dict(config), dict(asked)
    fix, status = config.pop("fix", None), asked.pop("status", 200)
    app = make_signet(config, tmp_path)
    app.config["SIGNET_THROTTLE"] = False
    if fix is not None:
        app.wsgi_app = ProxyFix(app.wsgi_app, **fix)  # type: ignore[method-assign]
    app.extensions["signet"].users.create("ada", "correct horse")
    body = {"username": "ada", "password": "correct horse", **({"transport": "cookie"} if mode else {})}
    for _ in range(2):
        assert app.test_client().post("/token", json=body, **asked).status_code == status

    assert [phrase] * bool(phrase) == [phrase for line in heard(caplog) if phrase in line]
    assert len(heard(caplog)) == bool(phrase)


def test_wrong_tries_behind_an_unknown_proxy_do_not_lock_out_everybody(tmp_path: Path) -> None:
    app = make_signet({}, tmp_path)
    users, client = app.extensions["signet"].users, app.test_client()
    users.create("ada", "correct horse")
    for number in range(70):
        client.post("/token", json={"username": f"name{number}", "password": "guess"}, headers=PROXY)

    right = {"username": "ada", "password": "correct horse"}
    answer = client.post("/token", json=right, headers={"X-Forwarded-For": "203.0.113.9"})
    guesses = [
        client.post("/token", json={"username": "ada", "password": "guess"}, headers={"X-Forwarded-For": f"10.1.1.{n}"})
        for n in range(25)
    ]

    assert answer.status_code == 200
    assert guesses[-1].status_code == 429  # by the name, not by the header


def test_what_one_client_does_behind_an_unknown_proxy_takes_no_other_s_limits(tmp_path: Path) -> None:
    app = make_signet({"SIGNET_REGISTRATION": True}, tmp_path)
    users, client = app.extensions["signet"].users, app.test_client(use_cookies=False)
    others = {"X-Forwarded-For": "203.0.113.9"}
    password = {"current_password": "correct horse", "password": "another horse"}
    tokens: list[str] = []
    for name in ("ada", *(f"m{number}" for number in range(14))):
        users.create(name, "correct horse")
        with app.app_context():
            tokens.append(app.extensions["signet"].sessions.open(users.find(name).id).access_token)
    mine, *theirs = ({"Authorization": f"Bearer {token}"} for token in tokens)
    for token in theirs:
        for number in range(5):
            wrong = {**password, "current_password": "wrong horse"}
            client.post("/account/password", json=wrong, headers={**token, **PROXY})
            client.patch("/account", json={"email": f"m{number}@b.example"}, headers={**token, **PROXY})
    for number in range(35):
        client.post("/account", json={"username": f"new{number}", "password": "correct horse"}, headers=PROXY)
    registered = client.post("/account", json={"username": "eve", "password": "correct horse"}, headers=others)
    patched = client.patch("/account", json={"email": "ada@b.example"}, headers={**mine, **others})
    changed = client.post("/account/password", json=password, headers={**mine, **others})

    assert [201, 200, 200] == [answer.status_code for answer in (registered, patched, changed)]


@pytest.mark.parametrize("address", ["192.168.1.50", "fd00::5"])
def test_a_header_turns_no_limit_off(address: str, tmp_path: Path) -> None:
    client = make_signet({"TESTING": True}, tmp_path).test_client(use_cookies=False)
    statuses = [
        client.post(
            "/token",
            json={"username": f"user{number}", "password": "guess"},
            environ_base={"REMOTE_ADDR": address},
            headers={"X-Forwarded-For": "1.1.1.1"},
        ).status_code
        for number in range(70)
    ]

    assert 429 in statuses


def test_what_is_off_costs_the_accepted_request_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """After the first request nothing listens any more."""
    from flask import request_started

    app = make_manager({"JWT_SECRET_KEY": GOOD})
    assert [] != list(request_started.receivers_for(app))
    app.test_client().get("/open")

    assert [] == list(request_started.receivers_for(app))
