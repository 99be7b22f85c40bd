"""The settings of sessions: ``SIGNET_SESSION_*`` and related settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask_signet.exceptions import SettingsError
from flask_signet.settings import boolean, copied, integer, seconds, text, texts

KEYS = (
    "SIGNET_SESSION_IDLE",
    "SIGNET_SESSION_ABSOLUTE",
    "SIGNET_REFRESH_GRACE",
    "SIGNET_SESSIONS_PER_USER",
    "SIGNET_REVOCATION_MAX_AGE",
    "SIGNET_COOKIE_NAME",
    "SIGNET_COOKIE_PARTITIONED",
    "SIGNET_COOKIE_SECURE",
    "SIGNET_TRUSTED_ORIGINS",
)
# RFC 6265 section 4.1.1 allows more. Flask-Signet itself adds a prefix such as `__Host-`.
_COOKIE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Token settings that determine how long an access token is accepted.
TOKEN_KEYS = ("JWT_ACCESS_TOKEN_EXPIRES", "JWT_DECODE_LEEWAY")
_READ = (*KEYS, *TOKEN_KEYS)
FOR_EVER = 2**53  # milliseconds: later than every date


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How long sessions live, and how cookie mode behaves. Durations in whole seconds."""

    idle: int = 14 * 86_400  # without a refresh
    absolute: int = 30 * 86_400  # from the login, regardless of use
    grace: int = 30  # how long an old refresh token is accepted again; 0 for never
    per_user: int | None = None  # the oldest sessions end if a login would exceed this number
    revocation_max_age: int = 30  # how long guards accept tokens while the store does not answer
    # How long an access token is accepted at most, leeway included. An ended session is remembered for this time;
    # None: for ever.
    access_lifetime: int | None = 900
    leeway: int = 0  # how long an access token is accepted after its `exp`
    cookie_secure: bool | None = None  # None: https only, except on localhost, in debug mode and in tests
    cookie_name: str = "signet"  # stem of the name
    cookie_partitioned: bool = False  # for pages in a frame on another site (CHIPS)
    trusted_origins: frozenset[str] = frozenset()  # other origins that may use cookie mode: "https://app.example"

    def accepted_until(self, issued_at: int) -> int:
        """Return until when an access token is accepted, leeway included; times are milliseconds since 1970 UTC."""
        return FOR_EVER if self.access_lifetime is None else issued_at + self.access_lifetime * 1000


class CurrentSettings:
    """The current settings: read again when one of their values in ``app.config`` changes."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._seen: tuple[tuple[Any, ...], SessionSettings] | None = None

    def __call__(self) -> SessionSettings:
        """Return the current settings."""
        config = self._config
        values = tuple([config.get(key) for key in _READ])
        seen = self._seen
        if seen is None or seen[0] != values:
            seen = self._seen = (copied(values), read(config))
        return seen[1]

    def trusted_origins(self) -> frozenset[str]:
        """Return the origins whose pages may use Flask-Signet's routes."""
        return self().trusted_origins


def read(config: Mapping[str, Any]) -> SessionSettings:
    """Return the session settings of ``app.config``.

    :raises SettingsError: a value is of the wrong type or out of range.
    """
    idle = seconds(config, "SIGNET_SESSION_IDLE", timedelta(days=14))
    absolute = seconds(config, "SIGNET_SESSION_ABSOLUTE", timedelta(days=30))
    for key, value in (("SIGNET_SESSION_IDLE", idle), ("SIGNET_SESSION_ABSOLUTE", absolute)):
        if value < 1:
            raise SettingsError(f"{key} must be at least one second")
    secure = config.get("SIGNET_COOKIE_SECURE")
    partitioned = boolean(config, "SIGNET_COOKIE_PARTITIONED", False)
    if partitioned and secure is False:
        raise SettingsError(
            "SIGNET_COOKIE_PARTITIONED needs https: browsers refuse a partitioned cookie that is not Secure. "
            "Remove SIGNET_COOKIE_SECURE = False"
        )
    return SessionSettings(
        idle=idle,
        absolute=absolute,
        grace=seconds(config, "SIGNET_REFRESH_GRACE", timedelta(seconds=30)),
        per_user=integer(config, "SIGNET_SESSIONS_PER_USER", None, least=1),
        revocation_max_age=seconds(config, "SIGNET_REVOCATION_MAX_AGE", timedelta(seconds=30)),
        access_lifetime=_access_lifetime(config),
        leeway=seconds(config, "JWT_DECODE_LEEWAY", timedelta(0)),
        cookie_secure=None if secure is None else boolean(config, "SIGNET_COOKIE_SECURE", True),
        cookie_name=_cookie_name(config),
        cookie_partitioned=partitioned,
        trusted_origins=frozenset(map(_origin, texts(config, "SIGNET_TRUSTED_ORIGINS"))),
    )


def _cookie_name(config: Mapping[str, Any]) -> str:
    name = text(config, "SIGNET_COOKIE_NAME", "signet")
    if name is None or not _COOKIE_NAME.fullmatch(name):
        raise SettingsError(
            "SIGNET_COOKIE_NAME must be 1 to 64 letters, digits, '-', '_' or '.', and begin with a letter or digit, "
            f'not {name!r}. Write, for example, SIGNET_COOKIE_NAME = "shop"'
        )
    return name


def _access_lifetime(config: Mapping[str, Any]) -> int | None:
    if config.get("JWT_ACCESS_TOKEN_EXPIRES", timedelta(minutes=15)) is False:
        return None
    leeway = seconds(config, "JWT_DECODE_LEEWAY", timedelta(0))
    return seconds(config, "JWT_ACCESS_TOKEN_EXPIRES", timedelta(minutes=15)) + leeway


def _origin(text: str) -> str:
    """Return an origin as browsers write it (RFC 6454 section 6.2): in lower case, without the port of its scheme."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # an invalid port or an incomplete IPv6 address
        parts, host, port = urlsplit(""), "", None
    beyond = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not host or beyond or "*" in host or not host.isascii():
        raise SettingsError(
            "SIGNET_TRUSTED_ORIGINS must hold origins like 'https://app.example' (scheme, host, port), as browsers "
            f"send them and without wildcards, not {text!r}"
        )
    netloc = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{netloc}" + ("" if port in (None, default) else f":{port}")
