"""Settings that cannot work together in a ``Signet``, and what to write instead.

Some uses of a :class:`JWTManager` alone, such as making tokens for another service, break the login of ``Signet``. So
some rules that only warn there refuse to start here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from flask_signet.accounts.settings import REGISTRATION_OF_OWN_USERS
from flask_signet.settings import texts
from flask_signet.tokens.key import HMAC_HASHES
from flask_signet.web import settings as token_settings
from flask_signet.web.conflicts import Config, Conflict, as_list, doubtful, life, refused
from flask_signet.web.surroundings import hostname, is_loopback

GROUPS: Final = ("token", "account", "jwks", "health")

# Settings of access tokens in cookies, which cookie mode does not read, and what to write instead of each.
_COOKIE_SETTINGS: Final = {
    "JWT_COOKIE_SECURE": "remove it: cookie mode needs https, see SIGNET_COOKIE_SECURE",
    "JWT_COOKIE_DOMAIN": "remove it: the cookie of cookie mode belongs to one host",
    "JWT_COOKIE_SAMESITE": 'remove it: cookie mode always sets "Strict"',
    "JWT_SESSION_COOKIE": "SIGNET_SESSION_IDLE, which sets the lifetime of the cookie",
    "JWT_REFRESH_COOKIE_NAME": "remove it: SIGNET_COOKIE_NAME sets the name in cookie mode",
    "JWT_REFRESH_COOKIE_PATH": "remove it: cookie mode always sets the path /",
}


def found(config: Config, *, own_users: bool) -> Iterator[Conflict]:
    """Find settings that conflict; *config* holds a value for every ``JWT_*`` setting, at least the default.

    :param own_users: whether the application manages its own users.
    """
    if own_users and config.get("SIGNET_REGISTRATION") is True:
        yield refused("SIGNET_REGISTRATION", because=REGISTRATION_OF_OWN_USERS)
    for rule in _RULES:
        yield from rule(config)


def of_chosen_algorithm(config: Config, *, first: bool) -> Iterator[Conflict]:
    """Find a ``JWT_ALGORITHM`` that the operator set without a key; later it looks like the default.

    :param first: whether no manager was initialised with the application before.
    """
    keys = ("JWT_KEYS", "JWT_SECRET_KEY", "JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY")
    if first and config.get("JWT_ALGORITHM") in HMAC_HASHES and not any(config.get(key) for key in keys):
        yield _without_key(config["JWT_ALGORITHM"], "JWT_SECRET_KEY")


# --- routes -------------------------------------------------------------------------------------------


def groups(config: Config) -> tuple[str, ...]:
    """Return the groups of routes."""
    return texts(config, "SIGNET_ROUTES", GROUPS)


def _routes(config: Config) -> Iterator[Conflict]:
    there = groups(config)
    if config.get("SIGNET_REGISTRATION") is True and "account" not in there:
        yield refused(
            "SIGNET_ROUTES",
            "SIGNET_REGISTRATION",
            because="SIGNET_REGISTRATION = True needs POST /account, and SIGNET_ROUTES leaves out 'account'. "
            f"Write: SIGNET_ROUTES = {(*there, 'account')!r}",
        )
    if "token" not in there:
        for key in ("SIGNET_TRUSTED_ORIGINS", "SIGNET_COOKIE_SECURE", "SIGNET_REFRESH_GRACE"):
            if config.get(key):
                yield doubtful(
                    key,
                    "SIGNET_ROUTES",
                    because=f"{key} is for POST /token and POST /token/refresh, and SIGNET_ROUTES leaves out 'token'. "
                    f"Write: SIGNET_ROUTES = {('token', *there)!r}, or remove {key}",
                )
        return
    locations = list(token_settings.token_locations(config["JWT_TOKEN_LOCATION"]))
    if "headers" not in locations:
        yield refused(
            "JWT_TOKEN_LOCATION",
            "SIGNET_ROUTES",
            because=f"JWT_TOKEN_LOCATION = {locations!r}: POST /token answers with a token for the header, which no "
            f"guard would read. Write: JWT_TOKEN_LOCATION = {['headers', *locations]!r}, or remove it. "
            'For cookies, log in with "transport": "cookie"',
        )
    for key, right in (("JWT_HEADER_NAME", "Authorization"), ("JWT_HEADER_TYPE", "Bearer")):
        if config[key].lower() != right.lower():
            yield doubtful(
                key,
                "SIGNET_ROUTES",
                because=f"{key} = {config[key]!r}: POST /token answers with token_type Bearer, and the npm client "
                f'sends Authorization: Bearer. Write: {key} = "{right}"',
            )


# --- keys and claims ----------------------------------------------------------------------------------


def _keys(config: Config) -> Iterator[Conflict]:
    algorithm = config["JWT_ALGORITHM"]
    if config["JWT_KEYS"] is not None:
        return
    secret, private, public = (bool(config[f"JWT_{kind}_KEY"]) for kind in ("SECRET", "PRIVATE", "PUBLIC"))
    if algorithm in HMAC_HASHES:
        if (private or public) and not secret:
            yield refused(
                "JWT_ALGORITHM",
                "JWT_PRIVATE_KEY",
                because=f"JWT_PRIVATE_KEY or JWT_PUBLIC_KEY is set, and JWT_ALGORITHM = {algorithm!r} does not use it. "
                'Write: JWT_ALGORITHM = "RS256" (for an EC key "ES256", for Ed25519 "EdDSA")',
            )
        elif algorithm != "HS256" and not secret:
            yield _without_key(algorithm, "JWT_SECRET_KEY")
    elif secret and not private:
        yield refused(
            "JWT_ALGORITHM",
            "JWT_SECRET_KEY",
            because=f'JWT_ALGORITHM = {algorithm!r} does not use JWT_SECRET_KEY. Write: JWT_ALGORITHM = "HS256", or '
            "set JWT_PRIVATE_KEY",
        )
    elif public and not private:
        yield refused(
            "JWT_PRIVATE_KEY",
            "JWT_PUBLIC_KEY",
            because="JWT_PUBLIC_KEY alone cannot sign tokens, and Signet signs some at every login. "
            'Write: JWT_PRIVATE_KEY = Path("private.pem").read_text()',
        )
    elif not private and algorithm != "EdDSA":  # Signet's own keys are EdDSA too
        yield _without_key(algorithm, "JWT_PRIVATE_KEY")


def _without_key(algorithm: str, key: str) -> Conflict:
    return refused(
        "JWT_ALGORITHM",
        key,
        because=f"JWT_ALGORITHM = {algorithm!r} needs {key}; without it Signet signs with an Ed25519 key of its own. "
        f"Remove JWT_ALGORITHM, or set {key} before Signet(app)",
    )


def _claims(config: Config) -> Iterator[Conflict]:
    if "token" not in groups(config):
        return
    for encode, decode in (("JWT_ENCODE_ISSUER", "JWT_DECODE_ISSUER"), ("JWT_ENCODE_AUDIENCE", "JWT_DECODE_AUDIENCE")):
        made, wanted = as_list(config[encode]), as_list(config[decode])
        if wanted and not set(made) & set(wanted):
            yield refused(
                encode,
                decode,
                because=f"{encode} = {config[encode]!r} is not among {decode} = {config[decode]!r}: every guard would "
                f"refuse the tokens of POST /token. Write: {encode} = {wanted[0]!r}",
            )


# --- durations ----------------------------------------------------------------------------------------


def _durations(config: Config) -> Iterator[Conflict]:
    idle = life(config.get("SIGNET_SESSION_IDLE", timedelta(days=14))) or timedelta(0)
    absolute = life(config.get("SIGNET_SESSION_ABSOLUTE", timedelta(days=30))) or timedelta(0)
    shortest = min(idle, absolute)
    if "SIGNET_SESSION_IDLE" in config and idle > absolute:
        yield doubtful(
            "SIGNET_SESSION_ABSOLUTE",
            "SIGNET_SESSION_IDLE",
            because=f"SIGNET_SESSION_IDLE is longer than SIGNET_SESSION_ABSOLUTE, which ends every session after "
            f"{_words(absolute)}. Write: SIGNET_SESSION_ABSOLUTE = {_delta(idle)}",
        )
    grace = life(config.get("SIGNET_REFRESH_GRACE", 0)) or timedelta(0)
    if grace and grace >= shortest:
        yield refused(
            "SIGNET_REFRESH_GRACE",
            "SIGNET_SESSION_IDLE" if idle <= absolute else "SIGNET_SESSION_ABSOLUTE",
            because=f"SIGNET_REFRESH_GRACE is not shorter than a session ({_words(shortest)}), so a stolen refresh "
            "token would never be noticed. Write: SIGNET_REFRESH_GRACE = 30",
        )
    access = life(config["JWT_ACCESS_TOKEN_EXPIRES"])
    if access is None or access >= shortest:
        yield doubtful(
            "JWT_ACCESS_TOKEN_EXPIRES",
            "SIGNET_SESSION_IDLE" if idle <= absolute else "SIGNET_SESSION_ABSOLUTE",
            because=f"JWT_ACCESS_TOKEN_EXPIRES is not shorter than a session ({_words(shortest)}), so an access token "
            "is accepted after its session has expired. Write: JWT_ACCESS_TOKEN_EXPIRES = timedelta(minutes=15)",
        )
    if life(config["JWT_REFRESH_TOKEN_EXPIRES"]) != timedelta(days=30) and "token" in groups(config):
        yield doubtful(
            "JWT_REFRESH_TOKEN_EXPIRES",
            because="JWT_REFRESH_TOKEN_EXPIRES is for create_refresh_token() only; the sessions of POST /token do not "
            "read it. Write: SIGNET_SESSION_ABSOLUTE = timedelta(days=30)",
        )


# --- cookies and origins ------------------------------------------------------------------------------


def _cookies(config: Config) -> Iterator[Conflict]:
    stem = config.get("SIGNET_COOKIE_NAME", "signet")
    ours = (f"{stem}_refresh", f"__Host-{stem}_refresh", f"{stem}_hint")
    for key in ("JWT_ACCESS_COOKIE_NAME", "JWT_REFRESH_COOKIE_NAME"):
        if config[key] in ours:
            yield refused(
                key,
                because=f"{key} = {config[key]!r} is the name of a cookie of cookie mode. "
                f'Write: {key} = "{key[4:-12].lower()}_token_cookie"',
            )
    if "cookies" in as_list(config["JWT_TOKEN_LOCATION"]) or "token" not in groups(config):
        return
    for key, instead in _COOKIE_SETTINGS.items():
        if config[key] != token_settings.DEFAULTS[key]:
            yield doubtful(
                key,
                "JWT_TOKEN_LOCATION",
                because=f"{key} is for access tokens in cookies, and JWT_TOKEN_LOCATION does not hold 'cookies'. "
                f"Cookie mode does not read it. Write: {instead}",
            )


def _origins(config: Config) -> Iterator[Conflict]:
    if config.get("SIGNET_COOKIE_SECURE") is False:
        return
    for origin in texts(config, "SIGNET_TRUSTED_ORIGINS"):
        if origin.lower().startswith("http://") and not is_loopback(hostname(origin)):
            yield doubtful(
                "SIGNET_TRUSTED_ORIGINS",
                "SIGNET_COOKIE_SECURE",
                because=f"SIGNET_TRUSTED_ORIGINS holds {origin!r}: a browser never sends the Secure cookie of cookie "
                f"mode from a page on plain http. Write: 'https{origin[4:]}'",
            )


# --- passwords ----------------------------------------------------------------------------------------


def _passwords(config: Config) -> Iterator[Conflict]:
    """Compare the costs of Argon2 (RFC 9106 section 3.1: eight blocks of 1 KiB for each lane, and 32-bit numbers)."""
    memory: Any = config.get("SIGNET_PASSWORD_MEMORY_KIB", 19_456)
    lanes: Any = config.get("SIGNET_PASSWORD_PARALLELISM", 1)
    if isinstance(lanes, int) and isinstance(memory, int) and lanes * 8 > memory:
        yield refused(
            "SIGNET_PASSWORD_PARALLELISM",
            "SIGNET_PASSWORD_MEMORY_KIB",
            because=f"SIGNET_PASSWORD_PARALLELISM = {lanes} needs 8 KiB for each lane, and SIGNET_PASSWORD_MEMORY_KIB "
            f"is {memory}. Write: SIGNET_PASSWORD_PARALLELISM = 1",
        )


def _throttle(config: Config) -> Iterator[Conflict]:
    if config.get("SIGNET_THROTTLE") is False and "SIGNET_THROTTLE_STORE" in config:
        yield doubtful(
            "SIGNET_THROTTLE_STORE",
            "SIGNET_THROTTLE",
            because="SIGNET_THROTTLE_STORE sets where tries are counted, and SIGNET_THROTTLE = False counts none. "
            "Write: SIGNET_THROTTLE = True, or remove SIGNET_THROTTLE_STORE",
        )


def _words(duration: timedelta) -> str:
    return f"{duration.days} days" if duration and duration.days and not duration.seconds else str(duration)


def _delta(duration: timedelta) -> str:
    if duration.seconds or duration.microseconds:
        return f"timedelta(seconds={int(duration.total_seconds())})"
    return f"timedelta(days={duration.days})"


_RULES: Final[tuple[Callable[[Config], Iterator[Conflict]], ...]] = (
    _routes,
    _keys,
    _claims,
    _durations,
    _cookies,
    _origins,
    _passwords,
    _throttle,
)
