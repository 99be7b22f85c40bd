"""Compose the log message for a weak key: where the key comes from, and the line to write instead."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from flask_signet.tokens.key import HMAC_HASHES

#: Added at start, when it is not yet known which server will run.
AT_START: Final = (
    " The development server and tests accept this key. Any other server refuses it: guarded routes answer 503."
)
#: Added when the key is refused.
REFUSED: Final = " Until then every guarded route answers 503 (JWT_ALLOW_WEAK_KEYS = True turns this off)."


def advice(weakness: str, config: Mapping[str, Any], loader: str | None = None) -> str:
    """Return the message for the log. It contains no part of the key.

    :param weakness: the reason why the key is weak.
    :param config: the application's settings.
    :param loader: the name of the callback that returned the key; ``None`` if a setting holds it.
    """
    source, remedy = _from_loader(loader, config) if loader else _from_settings(config)
    return f"Flask-Signet: {weakness}. The key is {source}. Anyone who guesses it can sign in as any user. {remedy}."


def _from_loader(loader: str, config: Mapping[str, Any]) -> tuple[str, str]:
    return f"the return value of your {loader}", f"Return another key there. {_make(config)}"


def _from_settings(config: Mapping[str, Any]) -> tuple[str, str]:
    if config["JWT_KEYS"] is not None:
        return (
            "in the key ring of JWT_KEYS",
            "Create a new ring with `flask signet keys generate --output keys.json`, and set JWT_KEYS to its path",
        )
    if config["JWT_ALGORITHM"] not in HMAC_HASHES:
        return (
            "the value of JWT_PRIVATE_KEY or JWT_PUBLIC_KEY",
            "Create a new pair of at least 2048 bits: `openssl genrsa -out private.pem 3072`, then "
            "`openssl rsa -in private.pem -pubout -out public.pem`",
        )
    write = 'app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET_KEY"]'
    if config["JWT_SECRET_KEY"]:
        wins = ", which takes precedence over Flask's SECRET_KEY" if config.get("SECRET_KEY") else ""
        return f"the value of JWT_SECRET_KEY{wins}", f"{_make(config)}. Then write: {write}{_unread(config)}"
    return (
        "Flask's SECRET_KEY (app.secret_key), because JWT_SECRET_KEY is not set",
        f"{_make(config)}. Then write: {write} (it takes precedence over SECRET_KEY). SECRET_KEY also signs Flask "
        f'sessions, so change that line too: app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]{_unread(config)}',
    )


def _make(config: Mapping[str, Any]) -> str:
    algorithm = config["JWT_ALGORITHM"] if config["JWT_ALGORITHM"] in HMAC_HASHES else "HS256"
    return f"Create a strong key with `flask signet keys generate --algorithm {algorithm} --secret`"


def _unread(config: Mapping[str, Any]) -> str:
    """Return a hint about a key that is set elsewhere but not used, or ``""``."""
    if os.environ.get("JWT_SECRET_KEY", config["JWT_SECRET_KEY"]) != config["JWT_SECRET_KEY"]:
        return ". The environment variable JWT_SECRET_KEY is set, but your code does not read it"
    for name in config:
        if name != "JWT_SECRET_KEY" and name.startswith("JWT_SECRET") and not config["JWT_SECRET_KEY"]:
            return f". There is no setting {name}: its name is JWT_SECRET_KEY"
    return ""
