"""Check settings, keys and cookies for ``flask signet doctor``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

from flask import Flask

from flask_signet.file_checks import named_file
from flask_signet.findings import Finding, Level, from_message, ok
from flask_signet.tokens import ring as rings
from flask_signet.tokens.key import HMAC_HASHES
from flask_signet.tokens.ring import Ring
from flask_signet.web.settings import slips
from flask_signet.web.startup import startup_of
from flask_signet.web.token_layer import layer_of

_NEW_KEY: Final = "export JWT_SECRET_KEY=$(flask signet keys generate --secret{more})"


def settings(app: Flask) -> Iterator[Finding]:
    """Check every ``JWT_*`` setting."""
    _ = layer_of(app).settings  # the caller turns its error into a finding
    unknown = slips(app.config)
    for slip in unknown:
        yield Finding(code="settings_unknown", level="warning", summary=f"{slip}.", page="settings.md")
    if not unknown:
        yield ok("settings", "The JWT_* settings are valid.")


def conflicts(app: Flask) -> Iterator[Finding]:
    """Find settings that conflict with each other."""
    for conflict in startup_of(app).conflicts():
        level: Level = "error" if conflict.certain else "warning"
        yield from_message("settings_conflict", level, conflict.message, "settings.md")


def keys(app: Flask) -> Iterator[Finding]:
    """Check the keys in the settings; the store checks the keys in a database."""
    config = cast(Mapping[str, Any], app.config)
    layer = layer_of(app)
    value = config["JWT_KEYS"]
    if isinstance(value, (str, Path)) and not str(value).lstrip().startswith("{"):
        path = Path(app.instance_path, value)
        yield from named_file(path)
        try:
            ring = rings.from_text(path.read_bytes())
        except OSError as error:
            yield Finding(
                code="keys_unreadable",
                level="error",
                summary=f"The key ring {path} cannot be read: {error.strerror}.",
                line_to_write=f"flask signet keys generate --output {path}",
                page="keys.md#key-ring-in-jwt_keys",
            )
            return
    elif layer.has_own_keys:
        return
    else:
        ring = layer.configured_ring(layer.settings)
    yield from _judged(ring, layer.settings.algorithm, config)


def _judged(ring: Ring, algorithm: str, config: Mapping[str, Any]) -> Iterator[Finding]:
    source = _source(algorithm, config)
    weak = [key for key in ring.verifying if key.weakness]
    for key in weak:
        symmetric = key.algorithm in HMAC_HASHES
        yield Finding(
            code="key_weak",
            level="error",
            summary=f"{source}: {key.weakness}. Anyone who guesses the key can sign in as any user. "
            + (
                "JWT_ALLOW_WEAK_KEYS allows every server to use it."
                if config["JWT_ALLOW_WEAK_KEYS"]
                else "Every server except the development server answers 503."
            ),
            line_to_write=_new_key(key.algorithm)
            if symmetric
            else f"flask signet keys generate --algorithm {key.algorithm} --output instance/keys.json",
            page="keys.md#weak-keys",
        )
    if source == "SECRET_KEY":
        yield Finding(
            code="secret_key_shared",
            level="warning",
            summary="Flask's SECRET_KEY signs the tokens, because JWT_SECRET_KEY is not set: one leaked key exposes "
            "tokens and sessions, and neither key can be changed alone.",
            line_to_write=_new_key(algorithm),
            page="keys.md",
        )
    if config["JWT_ALLOW_WEAK_KEYS"] and not weak:
        yield Finding(
            code="weak_keys_allowed",
            level="warning",
            summary="JWT_ALLOW_WEAK_KEYS is on, but no key is weak: turn it off.",
            line_to_write='app.config["JWT_ALLOW_WEAK_KEYS"] = False',
            page="keys.md#weak-keys",
        )
    if ring.current is None:
        yield Finding(
            code="keys_verify_only",
            level="note",
            summary=f"{source}: there is no private key, so this application verifies tokens and cannot create any.",
            page="keys.md",
        )
    elif not weak:
        states = ", ".join(f"{key.status} {key.algorithm}" for key in ring.verifying)
        yield ok("keys", f"Keys of {source}: {states}.")


def _new_key(algorithm: str) -> str:
    return _NEW_KEY.format(more="" if algorithm == "HS256" else f" --algorithm {algorithm}")


def _source(algorithm: str, config: Mapping[str, Any]) -> str:
    if config["JWT_KEYS"] is not None:
        return "JWT_KEYS"
    if algorithm not in HMAC_HASHES:
        return "JWT_PRIVATE_KEY" if config["JWT_PRIVATE_KEY"] else "JWT_PUBLIC_KEY"
    return "JWT_SECRET_KEY" if config["JWT_SECRET_KEY"] else "SECRET_KEY"


def lifetimes(app: Flask) -> Iterator[Finding]:
    """Find access tokens with a long lifetime: a stolen token is usable until it expires."""
    lasting = layer_of(app).settings.access_expires
    if lasting is False or lasting > timedelta(days=1):
        yield Finding(
            code="access_token_lives_long",
            level="warning",
            summary="An access token "
            + ("never expires" if lasting is False else f"is valid for {lasting}")
            + ": a stolen token is usable for that long. Use a short lifetime and refresh tokens.",
            line_to_write='app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(minutes=15)',
            page="sessions.md",
        )


def carriers(app: Flask) -> Iterator[Finding]:
    """Check the token locations and the cookies that hold tokens."""
    found = layer_of(app).settings
    if "query_string" in found.locations:
        yield Finding(
            code="token_in_url",
            level="warning",
            summary="Tokens are accepted in the query string: URLs appear in logs, histories and Referer headers.",
            line_to_write='app.config["JWT_TOKEN_LOCATION"] = ["headers"]',
            page="settings.md",
        )
    if "cookies" not in found.locations:
        return
    if not found.cookie_secure:
        yield Finding(
            code="cookie_not_secure",
            level="warning" if app.debug else "error",
            summary="Browsers also send cookies with tokens over plain HTTP: JWT_COOKIE_SECURE is off.",
            line_to_write='app.config["JWT_COOKIE_SECURE"] = True',
            page="settings.md",
        )
    if not found.csrf_protect:
        yield Finding(
            code="cookie_without_csrf",
            level="warning" if found.cookie_samesite == "Strict" else "error",
            summary="JWT_COOKIE_CSRF_PROTECT is off: a page of another site can send requests with the cookie.",
            line_to_write='app.config["JWT_COOKIE_CSRF_PROTECT"] = True',
            page="it-does-not-work.md#403-csrf_failed",
        )
    if found.cookie_secure and found.csrf_protect:
        yield ok("cookies", "Cookies with tokens are sent over HTTPS only and need a CSRF value.")
