"""Find ``JWT_*`` settings that conflict with each other, and say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from flask_signet.tokens.key import HMAC_HASHES
from flask_signet.web import cookie_conflicts
from flask_signet.web.conflicts import NAME, Config, Conflict, as_list, doubtful, life, refused

# Flask-Signet sets these claims itself, so none of them can hold the identity.
_RESERVED_CLAIMS: Final = frozenset(
    ("aud", "csrf", "exp", "fresh", "iat", "iss", "nbf", "sub_type", "type", "sid", "epoch")
)
_DAY: Final = timedelta(days=1)


def found(config: Config, *, keys_loaded: bool = False) -> Iterator[Conflict]:
    """Yield the conflicts among the ``JWT_*`` settings, each of which is valid by itself.

    :param keys_loaded: whether a ``decode_key_loader`` returns the verifying keys.
    """
    for rule in _RULES:
        yield from rule(config)
    if not keys_loaded:
        yield from _algorithms_without_key(config)


# --- headers ------------------------------------------------------------------------------------------


def _header_words(config: Config) -> Iterator[Conflict]:
    kind = config["JWT_HEADER_TYPE"]
    if kind and not NAME.fullmatch(kind):
        right = next(iter(NAME.findall(kind)), "Bearer")
        yield refused(
            "JWT_HEADER_TYPE",
            because=f"JWT_HEADER_TYPE = {kind!r} is not a single word, so no header can match it. "
            f"Write: JWT_HEADER_TYPE = {right!r}",
        )
    for key in ("JWT_HEADER_NAME", "JWT_ACCESS_CSRF_HEADER_NAME", "JWT_REFRESH_CSRF_HEADER_NAME"):
        name = config[key]
        if not NAME.fullmatch(name):
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


_RULES: Final[tuple[Callable[[Config], Iterator[Conflict]], ...]] = (
    _header_words,
    _header_twice,
    *cookie_conflicts.RULES,
    _claims,
    _lifetimes,
    _keys,
)
