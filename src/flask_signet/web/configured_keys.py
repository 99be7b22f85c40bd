"""Read the keys in ``app.config``: ``JWT_SECRET_KEY``, a pair of PEM keys, or a key ring in ``JWT_KEYS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.tokens import keys
from flask_signet.tokens import ring as rings
from flask_signet.tokens.key import ASYMMETRIC, HMAC_HASHES, Key
from flask_signet.tokens.ring import Ring
from flask_signet.web.settings import TokenSettings

#: Logs a message once per topic; the arguments are the topic and the message.
Say = Callable[[str, str], None]


def configured_ring(
    config: Mapping[str, Any], settings: TokenSettings, *, secret: Any, may_be_empty: bool, say: Say
) -> Ring:
    """Return the keys in the settings. This function reads no file.

    :param secret: the key of symmetric algorithms.
    :param may_be_empty: whether no key is needed, because a callback chooses the key of each token.
    :raises SettingsError: there is no key, or one that cannot be used.
    """
    value = config["JWT_KEYS"]
    if isinstance(value, Mapping):
        return rings.from_jwks(cast(Mapping[str, Any], value))
    if value is not None:
        return rings.from_text(str(value).encode())
    verifying: list[Key] = []
    current: Key | None = None
    for algorithm in (settings.algorithm, *settings.decode_algorithms):
        if any(key.algorithm == algorithm for key in verifying):
            continue
        symmetric = algorithm in HMAC_HASHES
        private, public = (secret, secret) if symmetric else (config["JWT_PRIVATE_KEY"], config["JWT_PUBLIC_KEY"])
        needed = algorithm == settings.algorithm
        signing = _key(private, algorithm, private=True, needed=True) if needed else None
        key = _key(public, algorithm, private=False, needed=needed)
        if key is not None and key.public_jwk is not None and key.sign is not None:
            say(
                "public",
                "Flask-Signet: JWT_PUBLIC_KEY contains a private key, but a public key is enough to verify tokens. "
                "Set it to the output of `openssl pkey -in private.pem -pubout`.",
            )
        key = key or signing
        if signing is not None:
            current = signing
        if key is not None:
            verifying.append(key)
    if not verifying and not may_be_empty:
        raise SettingsError(no_verifying_key(settings))
    return Ring(current, tuple(verifying))


def _key(value: Any, algorithm: str, *, private: bool, needed: bool) -> Key | None:
    """Return *value* as a key of *algorithm*, or ``None`` if *value* is empty.

    :param needed: ``False`` for the other ``JWT_DECODE_ALGORITHMS``, since one public key does not fit all of them.
    """
    if value is None or value == "":
        return None
    try:
        return keys.from_config(value, algorithm, private=private)
    except InvalidKeyError:
        if needed:
            raise
        return None


def is_pair(ring: Ring) -> bool:
    """Return whether the signing key matches the verifying key; ``True`` for a symmetric or absent signing key."""
    current = ring.current
    if current is None or current.public_jwk is None:
        return True
    verifies = next((key.public_jwk for key in ring.verifying if key.algorithm == current.algorithm), None)
    return verifies == current.public_jwk


def no_signing_key(settings: TokenSettings) -> str:
    """Return the error message for an application without a signing key."""
    if settings.algorithm in ASYMMETRIC:
        return f'JWT_PRIVATE_KEY must be set to use asymmetric cryptography algorithm "{settings.algorithm}"'
    return no_verifying_key(settings)


def no_verifying_key(settings: TokenSettings) -> str:
    """Return the error message for an application without any key."""
    if settings.algorithm in ASYMMETRIC:
        return f'JWT_PUBLIC_KEY must be set to use asymmetric cryptography algorithm "{settings.algorithm}"'
    return (
        f'JWT_SECRET_KEY or flask SECRET_KEY must be set when using symmetric algorithm "{settings.algorithm}". '
        "Make one with `flask signet keys generate --secret`."
    )
