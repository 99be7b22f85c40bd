"""Read and check the ``JWT_*`` settings: the 43 of Flask-JWT-Extended, and our own.

The settings may change at runtime. They are read into one frozen object, and read again only when a value in
``app.config`` has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import PurePath
from typing import Any, Final, Literal, cast

from flask_signet import settings
from flask_signet.exceptions import SettingsError
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.key import ALGORITHMS
from flask_signet.web.defaults import DEFAULTS, LOCATIONS
from flask_signet.web.stand_in import stands_in

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


# Unused methods are turned off: each generated method of a dataclass costs time at the start of a process.
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CookieNames:
    """Names and paths of the cookies of one kind of token."""

    name: str
    path: str | None
    csrf_name: str
    csrf_path: str | None
    csrf_field: str
    csrf_header: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TokenSettings:
    """The checked ``JWT_*`` settings; ``docs/settings.md`` describes each setting."""

    locations: tuple[str, ...]
    header_name: str
    header_type: str
    header_environ: str
    scheme: str  # the lower-case prefix for the fast path, "bearer "; empty without a type
    query_name: str
    query_prefix: str
    json_keys: tuple[str, str]  # for access tokens, for refresh tokens
    max_json_bytes: int
    access_cookies: CookieNames
    refresh_cookies: CookieNames
    cookie_domain: str | None
    cookie_samesite: str | None
    cookie_secure: bool
    cookie_partitioned: bool
    cookie_max_age: int | None
    csrf_protect: bool
    csrf_methods: frozenset[str]
    csrf_in_cookies: bool
    csrf_check_form: bool
    access_expires: timedelta | Literal[False]
    refresh_expires: timedelta | Literal[False]
    algorithm: str
    decode_algorithms: tuple[str, ...]
    encode_audience: str | list[str] | None
    encode_issuer: str | None
    encode_nbf: bool
    message_key: str
    compat: bool  # whether refusals have Flask-JWT-Extended's statuses and bodies
    allow_weak_keys: bool
    policy: Policy


def token_settings(config: Mapping[str, Any]) -> TokenSettings:
    """Read and check every ``JWT_*`` setting.

    :raises SettingsError: a value is invalid; the message says which values are valid.
    """
    get = config.__getitem__
    if get("JWT_HEADER_NAME") in ("", None):
        raise SettingsError("JWT_ACCESS_HEADER_NAME cannot be empty")
    _path_or_json(get("JWT_KEYS"))
    header_name = _name(config, "JWT_HEADER_NAME")
    header_type = settings.text(config, "JWT_HEADER_TYPE") or ""
    algorithm = get("JWT_ALGORITHM")
    _known_algorithm("JWT_ALGORITHM", algorithm)
    return TokenSettings(
        locations=token_locations(get("JWT_TOKEN_LOCATION")),
        header_name=header_name,
        header_type=header_type,
        header_environ=environ_name(header_name),
        scheme=f"{header_type.lower()} " if header_type else "",
        query_name=_name(config, "JWT_QUERY_STRING_NAME"),
        query_prefix=settings.text(config, "JWT_QUERY_STRING_VALUE_PREFIX") or "",
        json_keys=(_name(config, "JWT_JSON_KEY"), _name(config, "JWT_REFRESH_JSON_KEY")),
        max_json_bytes=_bytes(config, "JWT_MAX_JSON_BYTES", least=256),
        access_cookies=_cookie_names(config, "ACCESS"),
        refresh_cookies=_cookie_names(config, "REFRESH"),
        cookie_domain=settings.text(config, "JWT_COOKIE_DOMAIN"),
        cookie_samesite=_same_site(config),
        cookie_secure=_switch(config, "JWT_COOKIE_SECURE"),
        cookie_partitioned=_partitioned(config),
        # About a year, for cookies that are not session cookies.
        cookie_max_age=None if _switch(config, "JWT_SESSION_COOKIE") else 31_540_000,
        csrf_protect=_switch(config, "JWT_COOKIE_CSRF_PROTECT"),
        csrf_methods=_methods(config),
        csrf_in_cookies=_switch(config, "JWT_CSRF_IN_COOKIES"),
        csrf_check_form=_switch(config, "JWT_CSRF_CHECK_FORM"),
        access_expires=expires(get("JWT_ACCESS_TOKEN_EXPIRES"), "JWT_ACCESS_TOKEN_EXPIRES"),
        refresh_expires=expires(get("JWT_REFRESH_TOKEN_EXPIRES"), "JWT_REFRESH_TOKEN_EXPIRES"),
        algorithm=algorithm,
        decode_algorithms=decode_algorithms(get("JWT_DECODE_ALGORITHMS"), algorithm),
        encode_audience=_audience(config),
        encode_issuer=settings.text(config, "JWT_ENCODE_ISSUER") or None,
        encode_nbf=_switch(config, "JWT_ENCODE_NBF"),
        message_key=_name(config, "JWT_ERROR_MESSAGE_KEY"),
        compat=_compat(config),
        allow_weak_keys=settings.boolean(config, "JWT_ALLOW_WEAK_KEYS", False),
        policy=_policy(config),
    )


# The settings that can be in a certain conflict; the defaults are not in conflict.
_READ_TO_COMPARE: Final = (
    "JWT_ACCESS_COOKIE_NAME",
    "JWT_ACCESS_COOKIE_PATH",
    "JWT_ACCESS_CSRF_COOKIE_NAME",
    "JWT_ACCESS_CSRF_COOKIE_PATH",
    "JWT_ACCESS_CSRF_HEADER_NAME",
    "JWT_COOKIE_DOMAIN",
    "JWT_HEADER_NAME",
    "JWT_HEADER_TYPE",
    "JWT_IDENTITY_CLAIM",
    "JWT_REFRESH_COOKIE_NAME",
    "JWT_REFRESH_COOKIE_PATH",
    "JWT_REFRESH_CSRF_COOKIE_NAME",
    "JWT_REFRESH_CSRF_COOKIE_PATH",
    "JWT_REFRESH_CSRF_HEADER_NAME",
)


def refuse_conflicts(config: Mapping[str, Any]) -> None:
    """Refuse ``JWT_*`` settings that are valid alone but conflict with each other.

    :raises SettingsError: there is a conflict; the message says what to write instead.
    """
    if any(config[key] != DEFAULTS[key] for key in _READ_TO_COMPARE):
        from flask_signet.web import conflicts, setting_conflicts  # most applications change none of these

        conflicts.refuse(setting_conflicts.found(config))


def _path_or_json(value: Any) -> None:
    """Refuse a string that is neither JSON nor a path: it may be a secret, and later errors would show it as a path.

    :raises SettingsError: the string is a relative path without a file name extension.
    """
    if isinstance(value, str) and not value.lstrip().startswith(("{", "/", "./", "../")) and not PurePath(value).suffix:
        raise SettingsError(
            "JWT_KEYS must be a key ring as JSON or the path of its file, such as keys.json. The value is neither. "
            'A secret belongs in JWT_SECRET_KEY. Write: JWT_SECRET_KEY = os.environ["JWT_SECRET_KEY"]'
        )


def slips(config: Mapping[str, Any]) -> list[str]:
    """Return a message for each key that looks like a misspelled setting.

    Other packages may have ``JWT_*`` settings, so only a name that is almost equal to one of our settings is reported.
    """
    said: list[str] = []
    for key in config:
        if key.startswith("JWT_") and key not in DEFAULTS:
            meant = settings.nearest(key, DEFAULTS, cutoff=0.9)
            if meant and not any(key.startswith(name + "_") for name in DEFAULTS):
                said.append(f"There is no setting {key}{meant}")
    return said


def environ_name(header: str) -> str:
    """Return the name of a header in the WSGI environ (PEP 3333)."""
    return "HTTP_" + header.upper().replace("-", "_")


def token_locations(value: Any) -> tuple[str, ...]:
    """Return the locations in the order of *value*; a set gets the order of :data:`LOCATIONS`.

    :raises SettingsError: there is no location, or an unknown one.
    """
    listed = '"headers", "cookies", "query_string", or "json"'
    if isinstance(value, str):
        value = (value,)
    elif isinstance(value, (set, frozenset)):
        given = cast(set[str], value)
        value = tuple(name for name in LOCATIONS if name in given) + tuple(given - set(LOCATIONS))
    elif not isinstance(value, Sequence):
        raise SettingsError("JWT_TOKEN_LOCATION must be a sequence or a set")
    names = tuple(cast(Sequence[str], value))
    if not names:
        raise SettingsError(f"JWT_TOKEN_LOCATION must contain at least one of {listed}")
    for name in names:
        if name not in LOCATIONS:
            raise SettingsError(f"JWT_TOKEN_LOCATION can only contain {listed}{settings.nearest(str(name), LOCATIONS)}")
    return names


def expires(value: Any, key: str, *, since: datetime = _EPOCH) -> timedelta | Literal[False]:
    """Return a lifetime, or ``False`` for a token that never expires.

    :param value: a ``timedelta``, an object that can be added to a date, seconds, or ``False``.
    :param since: the date from which months are counted.
    :raises SettingsError: *value* has another type.
    """
    if value is False:
        return False
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and value is not True:
        return timedelta(seconds=value)
    try:
        # A relativedelta, which can hold months.
        return (since + cast(Any, value)) - since
    except TypeError:
        pass
    raise SettingsError(
        f"must be able to add {key} to datetime.datetime: "
        "write a timedelta, a whole number of seconds, or False for no expiry"
    )


def decode_algorithms(value: Any, algorithm: str) -> tuple[str, ...]:
    """Return the accepted algorithms, which always include the signing algorithm.

    :raises SettingsError: a name is unknown.
    """
    names = settings.texts({"JWT_DECODE_ALGORITHMS": value or None}, "JWT_DECODE_ALGORITHMS")
    for name in names:
        _known_algorithm("JWT_DECODE_ALGORITHMS", name)
    return names if algorithm in names else (*names, algorithm)


def _known_algorithm(key: str, name: Any) -> None:
    if not isinstance(name, str) or name not in ALGORITHMS:
        raise SettingsError(
            f"{key} must be one of {', '.join(sorted(ALGORITHMS))}, not {name!r}"
            f"{settings.nearest(str(name), ALGORITHMS)}"
        )


def _cookie_names(config: Mapping[str, Any], kind: str) -> CookieNames:
    return CookieNames(
        name=_name(config, f"JWT_{kind}_COOKIE_NAME"),
        path=settings.text(config, f"JWT_{kind}_COOKIE_PATH"),
        csrf_name=_name(config, f"JWT_{kind}_CSRF_COOKIE_NAME"),
        csrf_path=settings.text(config, f"JWT_{kind}_CSRF_COOKIE_PATH"),
        csrf_field=_name(config, f"JWT_{kind}_CSRF_FIELD_NAME"),
        csrf_header=_name(config, f"JWT_{kind}_CSRF_HEADER_NAME"),
    )


def _name(config: Mapping[str, Any], key: str) -> str:
    value = settings.text(config, key)
    if not value:
        raise SettingsError(f"{key} must be a non-empty string")
    return value


def _switch(config: Mapping[str, Any], key: str) -> bool:
    """Return a boolean. Flask-JWT-Extended also accepts 0, 1 and ``None``. A string such as ``"False"`` is refused."""
    value = config[key]
    return bool(value) if value is None or value in (0, 1) else settings.boolean(config, key, False)


def _compat(config: Mapping[str, Any]) -> bool:
    """Return ``JWT_COMPAT``, whose former name is ``JWT_ERROR_STATUS``.

    :raises SettingsError: both are set and contradict each other.
    """
    switch, former = config["JWT_COMPAT"], config["JWT_ERROR_STATUS"]
    compat = None if switch is None else settings.boolean(config, "JWT_COMPAT", False)
    if former is None:
        return stands_in() if compat is None else compat
    formerly = settings.choice(config, "JWT_ERROR_STATUS", "rfc", ("rfc", "flask-jwt-extended")) != "rfc"
    if compat is not None and compat is not formerly:
        raise SettingsError(
            f"JWT_COMPAT = {compat} and JWT_ERROR_STATUS = {former!r} contradict each other: JWT_ERROR_STATUS is the "
            "former name of JWT_COMPAT. Remove JWT_ERROR_STATUS"
        )
    return formerly


def _methods(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the methods that need a CSRF value; a single string is one method."""
    if config["JWT_CSRF_METHODS"] is None:
        raise SettingsError(
            "JWT_CSRF_METHODS must be a list. To turn CSRF protection off, write: JWT_COOKIE_CSRF_PROTECT = False"
        )
    return frozenset(name.upper() for name in settings.texts(config, "JWT_CSRF_METHODS"))


def _same_site(config: Mapping[str, Any]) -> str | None:
    value = settings.text(config, "JWT_COOKIE_SAMESITE")
    if value is None:
        return None
    return settings.choice({"JWT_COOKIE_SAMESITE": value.title()}, "JWT_COOKIE_SAMESITE", "", ("Strict", "Lax", "None"))


def _partitioned(config: Mapping[str, Any]) -> bool:
    """Return whether cookies are partitioned by top-level site (CHIPS).

    :raises SettingsError: browsers would refuse the cookie, or never send it from a frame on another site.
    """
    if not settings.boolean(config, "JWT_COOKIE_PARTITIONED", False):
        return False
    if not _switch(config, "JWT_COOKIE_SECURE") or _same_site(config) != "None":
        raise SettingsError(
            'JWT_COOKIE_PARTITIONED needs JWT_COOKIE_SECURE = True and JWT_COOKIE_SAMESITE = "None": browsers refuse '
            "partitioned cookies without Secure, and send cookies from frames on other sites only with SameSite=None"
        )
    return True


def _audience(config: Mapping[str, Any]) -> str | list[str] | None:
    """Return the ``aud`` claim of new tokens; ``None`` if the setting is empty."""
    value = config["JWT_ENCODE_AUDIENCE"]
    names = settings.texts(config, "JWT_ENCODE_AUDIENCE")
    return (value if isinstance(value, str) else list(names)) or None


def _policy(config: Mapping[str, Any]) -> Policy:
    leeway = config["JWT_DECODE_LEEWAY"]
    leeway = leeway.total_seconds() if isinstance(leeway, timedelta) else leeway
    if isinstance(leeway, bool) or not isinstance(leeway, (int, float)):
        raise SettingsError(f"JWT_DECODE_LEEWAY must be a timedelta or a number of seconds, not {leeway!r}")
    return Policy(
        issuer=settings.texts(config, "JWT_DECODE_ISSUER"),
        audience=settings.texts(config, "JWT_DECODE_AUDIENCE"),
        leeway=leeway,
        start_leeway=max(10, leeway),
        identity_claim=_name(config, "JWT_IDENTITY_CLAIM"),
        text_subject=_switch(config, "JWT_VERIFY_SUB"),
        max_token_bytes=_bytes(config, "JWT_MAX_TOKEN_BYTES", least=256),
        cache_bytes=_bytes(config, "JWT_VERIFIED_CACHE_BYTES", least=0),
    )


def _bytes(config: Mapping[str, Any], key: str, *, least: int) -> int:
    value = settings.integer(config, key, DEFAULTS[key], least=least)
    assert value is not None
    return value
