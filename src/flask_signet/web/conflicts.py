"""Find ``JWT_*`` settings that conflict with each other, and say what to write instead.

A conflict is certain or likely. A certain conflict is an error at start. A likely conflict may be intended, or may be
resolved by a setting that is set after ``init_app``: it is logged once, at the first request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

from flask_signet.exceptions import SettingsError
from flask_signet.tokens.key import HMAC_HASHES

Config = Mapping[str, Any]

# Flask-Signet sets these claims itself, so none of them can hold the identity.
_RESERVED_CLAIMS: Final = frozenset(
    ("aud", "csrf", "exp", "fresh", "iat", "iss", "nbf", "sub_type", "type", "sid", "epoch")
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two or more settings that conflict with each other.

    :param settings: the names of the settings; the first is the one to change.
    :param message: the reason and the line to write instead.
    :param certain: whether the application cannot work with these settings.
    """

    settings: tuple[str, ...]
    message: str
    certain: bool = False


def refuse(conflicts: Iterable[Conflict]) -> None:
    """Raise an error for the first certain conflict.

    :raises SettingsError: a conflict is certain; the message says what to write instead.
    """
    for conflict in conflicts:
        if conflict.certain:
            raise SettingsError(conflict.message)


def found(config: Config, *, keys_loaded: bool = False) -> Iterator[Conflict]:
    """Yield the conflicts among the ``JWT_*`` settings, each of which is valid by itself.

    :param keys_loaded: whether a ``decode_key_loader`` returns the verifying keys.
    """
    for rule in _RULES:
        yield from rule(config)
    if not keys_loaded:
        yield from _algorithms_without_key(config)


def refused(*settings: str, because: str) -> Conflict:
    """Return a certain conflict."""
    return Conflict(settings=settings, message=because, certain=True)


def doubtful(*settings: str, because: str) -> Conflict:
    """Return a likely conflict."""
    return Conflict(settings=settings, message=because)


def as_list(value: Any) -> list[str]:
    """Return one name or several names as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in cast(Iterable[Any], value)]


def life(value: Any) -> timedelta | None:
    """Return a lifetime; ``None`` if it is unlimited, and zero for a ``relativedelta``, which has no fixed length."""
    if value is False:
        return None
    if isinstance(value, timedelta):
        return value
    return timedelta(seconds=value) if isinstance(value, (int, float)) else timedelta(0)


# --- headers ------------------------------------------------------------------------------------------


def _header_words(config: Config) -> Iterator[Conflict]:
    kind = config["JWT_HEADER_TYPE"]
    if kind and not _TOKEN.fullmatch(kind):
        right = next(iter(_TOKEN.findall(kind)), "Bearer")
        yield refused(
            "JWT_HEADER_TYPE",
            because=f"JWT_HEADER_TYPE = {kind!r} is not a single word, so no header can match it. "
            f"Write: JWT_HEADER_TYPE = {right!r}",
        )
    for key in ("JWT_HEADER_NAME", "JWT_ACCESS_CSRF_HEADER_NAME", "JWT_REFRESH_CSRF_HEADER_NAME"):
        name = config[key]
        if not _TOKEN.fullmatch(name):
            right = re.sub(r"[^0-9A-Za-z-]+", "-", name).strip("-")
            yield refused(key, because=f"{key} = {name!r} is not a header name. Write: {key} = {right!r}")
        elif "_" in name:
            yield doubtful(
                key,
                because=f"{key} = {name!r}: nginx and most servers drop headers with an underscore. "
                f"Write: {key} = {name.replace('_', '-')!r}",
            )


def _header_twice(config: Config) -> Iterator[Conflict]:
    if (
        not {"headers", "cookies"} <= set(as_list(config["JWT_TOKEN_LOCATION"]))
        or not config["JWT_COOKIE_CSRF_PROTECT"]
    ):
        return
    for key in ("JWT_ACCESS_CSRF_HEADER_NAME", "JWT_REFRESH_CSRF_HEADER_NAME"):
        if config[key].lower() == config["JWT_HEADER_NAME"].lower():
            yield refused(
                "JWT_HEADER_NAME",
                key,
                because=f"JWT_HEADER_NAME and {key} are both {config[key]!r}: one header cannot hold a token and a "
                'CSRF value. Write: JWT_HEADER_NAME = "Authorization"',
            )


# --- cookies ------------------------------------------------------------------------------------------


def _cookie_names(config: Config) -> Iterator[Conflict]:
    """Find two cookies with the same name and path: the second replaces the first."""
    keys = ["JWT_ACCESS_COOKIE_NAME", "JWT_REFRESH_COOKIE_NAME"]
    if config["JWT_COOKIE_CSRF_PROTECT"] and config["JWT_CSRF_IN_COOKIES"]:
        keys += ["JWT_ACCESS_CSRF_COOKIE_NAME", "JWT_REFRESH_CSRF_COOKIE_NAME"]
    seen: dict[tuple[str, Any], str] = {}
    for key in keys:
        name, path = config[key], config[key.replace("_NAME", "_PATH")]
        if not _TOKEN.fullmatch(name):
            right = re.sub(r"[^0-9A-Za-z_-]+", "_", name).strip("_")
            yield refused(key, because=f"{key} = {name!r} is not a cookie name. Write: {key} = {right!r}")
        other = seen.setdefault((name, path), key)
        if other != key:
            yield refused(
                key,
                other,
                because=f"{other} and {key} are both {name!r}: one cookie would replace the other. "
                f"Write: {key} = {name + '_2'!r}",
            )
        if name == config.get("SESSION_COOKIE_NAME"):
            yield doubtful(
                key,
                "SESSION_COOKIE_NAME",
                because=f"{key} and Flask's SESSION_COOKIE_NAME are both {name!r}: Flask's session would replace the "
                f'token. Write: {key} = "{name}_token"',
            )


def _cookie_prefixes(config: Config) -> Iterator[Conflict]:
    """Check the requirements of the prefixes ``__Host-`` and ``__Secure-`` (RFC 6265bis section 4.1.3)."""
    for key in ("JWT_ACCESS_COOKIE_NAME", "JWT_REFRESH_COOKIE_NAME"):
        name = config[key]
        path_key = key.replace("_NAME", "_PATH")
        if name.startswith("__Host-") and config["JWT_COOKIE_DOMAIN"]:
            yield refused(
                "JWT_COOKIE_DOMAIN",
                key,
                because=f"{key} = {name!r}: browsers refuse a __Host- cookie with a domain. Remove JWT_COOKIE_DOMAIN, "
                f'or write: {key} = "__Secure-{name[7:]}"',
            )
        if name.startswith("__Host-") and config[path_key] != "/":
            yield refused(
                path_key,
                key,
                because=f"{key} = {name!r}: browsers refuse a __Host- cookie with a path other than '/'. "
                f'Write: {path_key} = "/"',
            )
        if name.startswith(("__Host-", "__Secure-")) and not config["JWT_COOKIE_SECURE"]:
            yield doubtful(
                "JWT_COOKIE_SECURE",
                key,
                because=f"{key} = {name!r}: browsers refuse this cookie without Secure. Write: "
                f"JWT_COOKIE_SECURE = True",
            )


def _cookie_places(config: Config) -> Iterator[Conflict]:
    root = config.get("APPLICATION_ROOT") or "/"
    for key in (
        "JWT_ACCESS_COOKIE_PATH",
        "JWT_REFRESH_COOKIE_PATH",
        "JWT_ACCESS_CSRF_COOKIE_PATH",
        "JWT_REFRESH_CSRF_COOKIE_PATH",
    ):
        path = config[key]
        if path and not path.startswith("/"):
            yield refused(key, because=f"{key} = {path!r} must begin with a slash. Write: {key} = {'/' + path!r}")
        elif path and root != "/" and not (covers(path, root) or covers(root, path)):
            yield doubtful(
                key,
                "APPLICATION_ROOT",
                because=f"{key} = {path!r} is outside of APPLICATION_ROOT = {root!r}: browsers never send this cookie. "
                f"Write: {key} = {root.rstrip('/') + path!r}",
            )
    domain = config["JWT_COOKIE_DOMAIN"]
    if not domain:
        return
    if re.search(r"[/:\s@]", domain):
        host = re.sub(r"^[a-z]+://", "", domain.strip().lower()).partition("/")[0].partition(":")[0]
        yield refused(
            "JWT_COOKIE_DOMAIN",
            because=f"JWT_COOKIE_DOMAIN = {domain!r} must be a host name only. Write: JWT_COOKIE_DOMAIN = {host!r}",
        )
    server = config.get("SERVER_NAME")
    if server and not belongs(server.partition(":")[0], domain):
        yield doubtful(
            "JWT_COOKIE_DOMAIN",
            "SERVER_NAME",
            because=f"JWT_COOKIE_DOMAIN = {domain!r} and SERVER_NAME = {server!r}: browsers refuse a cookie for "
            "another host. Write: JWT_COOKIE_DOMAIN = None",
        )


def _cookie_locks(config: Config) -> Iterator[Conflict]:
    same_site, protect = str(config["JWT_COOKIE_SAMESITE"] or "").lower(), config["JWT_COOKIE_CSRF_PROTECT"]
    if same_site == "none" and not config["JWT_COOKIE_SECURE"]:
        yield doubtful(
            "JWT_COOKIE_SECURE",
            "JWT_COOKIE_SAMESITE",
            because='JWT_COOKIE_SAMESITE = "None": browsers refuse this cookie without Secure. '
            "Write: JWT_COOKIE_SECURE = True",
        )
    if same_site == "none" and not protect:
        yield doubtful(
            "JWT_COOKIE_CSRF_PROTECT",
            "JWT_COOKIE_SAMESITE",
            because='JWT_COOKIE_SAMESITE = "None" and JWT_COOKIE_CSRF_PROTECT = False: any site can send requests as '
            'your users. Write: JWT_COOKIE_CSRF_PROTECT = True, or JWT_COOKIE_SAMESITE = "Lax"',
        )
    if config["JWT_CSRF_CHECK_FORM"] and not protect:
        yield doubtful(
            "JWT_CSRF_CHECK_FORM",
            "JWT_COOKIE_CSRF_PROTECT",
            because="JWT_CSRF_CHECK_FORM = True has no effect with JWT_COOKIE_CSRF_PROTECT = False. "
            "Write: JWT_COOKIE_CSRF_PROTECT = True",
        )
    if protect and not config["JWT_CSRF_METHODS"]:
        yield doubtful(
            "JWT_CSRF_METHODS",
            "JWT_COOKIE_CSRF_PROTECT",
            because="JWT_CSRF_METHODS is empty, so JWT_COOKIE_CSRF_PROTECT = True protects nothing. "
            'Write: JWT_CSRF_METHODS = ["POST", "PUT", "PATCH", "DELETE"], or JWT_COOKIE_CSRF_PROTECT = False',
        )
    elif (
        protect and config["JWT_CSRF_CHECK_FORM"] and "POST" not in map(str.upper, as_list(config["JWT_CSRF_METHODS"]))
    ):
        yield doubtful(
            "JWT_CSRF_METHODS",
            "JWT_CSRF_CHECK_FORM",
            because="JWT_CSRF_CHECK_FORM = True has no effect: forms send POST, which is not in JWT_CSRF_METHODS. "
            'Write: JWT_CSRF_METHODS = ["POST", "PUT", "PATCH", "DELETE"]',
        )


# --- claims and lifetimes -----------------------------------------------------------------------------


def _claims(config: Config) -> Iterator[Conflict]:
    claim = config["JWT_IDENTITY_CLAIM"]
    if claim in _RESERVED_CLAIMS:
        yield refused(
            "JWT_IDENTITY_CLAIM",
            because=f"JWT_IDENTITY_CLAIM = {claim!r}: every token uses this claim for something else. "
            'Write: JWT_IDENTITY_CLAIM = "sub", or another name such as "identity"',
        )
    elif claim == "jti":
        yield doubtful(
            "JWT_IDENTITY_CLAIM",
            because="JWT_IDENTITY_CLAIM = 'jti': a blocklist by jti would block the user instead of one token. "
            'Write: JWT_IDENTITY_CLAIM = "sub"',
        )
    for encode, decode in (
        ("JWT_ENCODE_ISSUER", "JWT_DECODE_ISSUER"),
        ("JWT_ENCODE_AUDIENCE", "JWT_DECODE_AUDIENCE"),
    ):
        made, wanted = as_list(config[encode]), as_list(config[decode])
        if wanted and not set(made) & set(wanted):
            yield doubtful(
                encode,
                decode,
                because=f"{encode} = {config[encode]!r} is not among {decode} = {config[decode]!r}: this application "
                f"refuses the tokens that it creates. Write: {encode} = {wanted[0]!r}",
            )
    if config["JWT_ERROR_MESSAGE_KEY"] in ("error", "fields") and not config.get("JWT_COMPAT"):
        yield doubtful(
            "JWT_ERROR_MESSAGE_KEY",
            because=f"JWT_ERROR_MESSAGE_KEY = {config['JWT_ERROR_MESSAGE_KEY']!r}: this member of the JSON body "
            'already holds the error code. Write: JWT_ERROR_MESSAGE_KEY = "msg", or JWT_COMPAT = True for '
            "answers without a code",
        )


def _lifetimes(config: Config) -> Iterator[Conflict]:
    access, refresh = life(config["JWT_ACCESS_TOKEN_EXPIRES"]), life(config["JWT_REFRESH_TOKEN_EXPIRES"])
    leeway = life(config["JWT_DECODE_LEEWAY"])
    if access is not None and leeway and timedelta(0) < access <= leeway:
        yield doubtful(
            "JWT_DECODE_LEEWAY",
            "JWT_ACCESS_TOKEN_EXPIRES",
            because="JWT_DECODE_LEEWAY is as long as JWT_ACCESS_TOKEN_EXPIRES, so each token is valid twice as long. "
            "Write: JWT_DECODE_LEEWAY = 30",
        )
    chosen = refresh is not None and refresh != timedelta(days=30)
    if chosen and (access is None or (refresh is not None and access >= refresh)):
        yield doubtful(
            "JWT_ACCESS_TOKEN_EXPIRES",
            "JWT_REFRESH_TOKEN_EXPIRES",
            because="JWT_ACCESS_TOKEN_EXPIRES is not shorter than JWT_REFRESH_TOKEN_EXPIRES, so a refresh token is "
            "useless. Write: JWT_ACCESS_TOKEN_EXPIRES = timedelta(minutes=15)",
        )
    if "query_string" in as_list(config["JWT_TOKEN_LOCATION"]) and (access is None or access > _DAY):
        yield doubtful(
            "JWT_ACCESS_TOKEN_EXPIRES",
            "JWT_TOKEN_LOCATION",
            because='JWT_TOKEN_LOCATION contains "query_string", and tokens are valid for more than a day: URLs are '
            "logged and shared. Write: JWT_ACCESS_TOKEN_EXPIRES = timedelta(minutes=15)",
        )


# --- keys ---------------------------------------------------------------------------------------------


def _keys(config: Config) -> Iterator[Conflict]:
    algorithm, accepted = config["JWT_ALGORITHM"], as_list(config["JWT_DECODE_ALGORITHMS"])
    if config["JWT_KEYS"] is not None:
        for key in ("JWT_SECRET_KEY", "JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY", "JWT_DECODE_ALGORITHMS"):
            if config[key]:
                yield doubtful(
                    key,
                    "JWT_KEYS",
                    because=f"JWT_KEYS is used, and {key} is ignored. Remove {key}; a key whose tokens must stay valid "
                    'goes into the ring of JWT_KEYS with "status": "retired"',
                )
        return
    used = {algorithm, *accepted}
    pair = [key for key in ("JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY") if config[key]]
    if pair and used <= HMAC_HASHES.keys():
        yield doubtful(
            "JWT_ALGORITHM",
            *pair,
            because=f"JWT_ALGORITHM = {algorithm!r} does not use {' and '.join(pair)}. "
            'Write: JWT_ALGORITHM = "RS256" (for an EC key "ES256", for Ed25519 "EdDSA")',
        )
    if config["JWT_SECRET_KEY"] and not used & HMAC_HASHES.keys():
        yield doubtful(
            "JWT_SECRET_KEY",
            "JWT_ALGORITHM",
            because=f"JWT_ALGORITHM = {algorithm!r} does not use JWT_SECRET_KEY. Remove JWT_SECRET_KEY",
        )


def _algorithms_without_key(config: Config) -> Iterator[Conflict]:
    """Find accepted algorithms for which no setting holds a key."""
    if config["JWT_KEYS"] is not None:
        return
    algorithm = config["JWT_ALGORITHM"]
    for name in as_list(config["JWT_DECODE_ALGORITHMS"]):
        if name not in HMAC_HASHES and name != algorithm and not config["JWT_PUBLIC_KEY"]:
            yield doubtful(
                "JWT_PUBLIC_KEY",
                "JWT_DECODE_ALGORITHMS",
                because=f"JWT_DECODE_ALGORITHMS contains {name!r}, but there is no key for it: such tokens fail. "
                'Write: JWT_PUBLIC_KEY = Path("public.pem").read_text()',
            )
        if name in HMAC_HASHES and algorithm not in HMAC_HASHES and not config["JWT_SECRET_KEY"]:
            yield doubtful(
                "JWT_SECRET_KEY",
                "JWT_DECODE_ALGORITHMS",
                because=f"JWT_DECODE_ALGORITHMS contains {name!r}, but JWT_SECRET_KEY is not set. "
                'Write: JWT_SECRET_KEY = os.environ["JWT_SECRET_KEY"]',
            )


# --- shared -------------------------------------------------------------------------------------------


def covers(path: str, url: str) -> bool:
    """Return whether a cookie with *path* is sent to *url* (RFC 6265 section 5.1.4)."""
    return url == path or url.startswith(path if path.endswith("/") else path + "/")


def belongs(host: str, domain: str) -> bool:
    """Return whether a browser accepts a cookie for *domain* from *host* (RFC 6265 section 5.1.3)."""
    domain = domain.lstrip(".").lower()
    return host.lower() == domain or host.lower().endswith("." + domain)


_RULES: Final[tuple[Callable[[Config], Iterator[Conflict]], ...]] = (
    _header_words,
    _header_twice,
    _cookie_names,
    _cookie_prefixes,
    _cookie_places,
    _cookie_locks,
    _claims,
    _lifetimes,
    _keys,
)
