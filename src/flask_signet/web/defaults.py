"""Define the ``JWT_*`` settings with their defaults, and the settings that a guard reads."""

from __future__ import annotations

from datetime import timedelta
from operator import itemgetter
from typing import Any, Final

LOCATIONS: Final = ("headers", "cookies", "query_string", "json")

DEFAULTS: Final[dict[str, Any]] = {
    "JWT_ACCESS_COOKIE_NAME": "access_token_cookie",
    "JWT_ACCESS_COOKIE_PATH": "/",
    "JWT_ACCESS_CSRF_COOKIE_NAME": "csrf_access_token",
    "JWT_ACCESS_CSRF_COOKIE_PATH": "/",
    "JWT_ACCESS_CSRF_FIELD_NAME": "csrf_token",
    "JWT_ACCESS_CSRF_HEADER_NAME": "X-CSRF-TOKEN",
    "JWT_ACCESS_TOKEN_EXPIRES": timedelta(minutes=15),
    "JWT_ALGORITHM": "HS256",
    "JWT_COOKIE_CSRF_PROTECT": True,
    "JWT_COOKIE_DOMAIN": None,
    "JWT_COOKIE_SAMESITE": None,
    "JWT_COOKIE_SECURE": False,
    "JWT_CSRF_CHECK_FORM": False,
    "JWT_CSRF_IN_COOKIES": True,
    "JWT_CSRF_METHODS": ("POST", "PUT", "PATCH", "DELETE"),
    "JWT_DECODE_ALGORITHMS": None,
    "JWT_DECODE_AUDIENCE": None,
    "JWT_DECODE_ISSUER": None,
    "JWT_DECODE_LEEWAY": 0,
    "JWT_ENCODE_AUDIENCE": None,
    "JWT_ENCODE_ISSUER": None,
    "JWT_ENCODE_NBF": True,
    "JWT_ERROR_MESSAGE_KEY": "msg",
    "JWT_HEADER_NAME": "Authorization",
    "JWT_HEADER_TYPE": "Bearer",
    "JWT_IDENTITY_CLAIM": "sub",
    "JWT_JSON_KEY": "access_token",
    "JWT_PRIVATE_KEY": None,
    "JWT_PUBLIC_KEY": None,
    "JWT_QUERY_STRING_NAME": "jwt",
    "JWT_QUERY_STRING_VALUE_PREFIX": "",
    "JWT_REFRESH_COOKIE_NAME": "refresh_token_cookie",
    "JWT_REFRESH_COOKIE_PATH": "/",
    "JWT_REFRESH_CSRF_COOKIE_NAME": "csrf_refresh_token",
    "JWT_REFRESH_CSRF_COOKIE_PATH": "/",
    "JWT_REFRESH_CSRF_FIELD_NAME": "csrf_token",
    "JWT_REFRESH_CSRF_HEADER_NAME": "X-CSRF-TOKEN",
    "JWT_REFRESH_JSON_KEY": "refresh_token",
    "JWT_REFRESH_TOKEN_EXPIRES": timedelta(days=30),
    "JWT_SECRET_KEY": None,
    "JWT_SESSION_COOKIE": True,
    "JWT_TOKEN_LOCATION": ("headers",),
    "JWT_VERIFY_SUB": True,
    # Only in Flask-Signet:
    "JWT_ALLOW_WEAK_KEYS": False,
    "JWT_COMPAT": None,
    "JWT_COOKIE_PARTITIONED": False,
    "JWT_ERROR_STATUS": None,
    "JWT_KEYS": None,
    "JWT_MAX_JSON_BYTES": 16_384,
    "JWT_MAX_TOKEN_BYTES": 8_192,
    "JWT_VERIFIED_CACHE_BYTES": 16_777_216,
}

# One call reads all values, which is faster than one lookup per name. A guard runs at every request and reads only the
# settings that decide whether a token is valid. The other settings are read when they are used.
read_values = itemgetter(*DEFAULTS)
read_deciding_values = itemgetter(
    "JWT_ALGORITHM",
    "JWT_DECODE_ALGORITHMS",
    "JWT_DECODE_AUDIENCE",
    "JWT_DECODE_ISSUER",
    "JWT_DECODE_LEEWAY",
    "JWT_HEADER_NAME",
    "JWT_HEADER_TYPE",
    "JWT_IDENTITY_CLAIM",
    "JWT_KEYS",
    "JWT_MAX_TOKEN_BYTES",
    "JWT_PRIVATE_KEY",
    "JWT_PUBLIC_KEY",
    "JWT_SECRET_KEY",
    "JWT_TOKEN_LOCATION",
    "JWT_VERIFIED_CACHE_BYTES",
    "JWT_VERIFY_SUB",
    "SECRET_KEY",
)


def set_defaults(config: dict[str, Any]) -> None:
    """Set the default of every ``JWT_*`` setting that is absent."""
    for key, value in DEFAULTS.items():
        config.setdefault(key, list(value) if key == "JWT_CSRF_METHODS" else value)
