"""Provide ``_encode_jwt`` and ``_decode_jwt`` of ``flask_jwt_extended.tokens``, which read no settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import keys
from flask_signet.tokens.claims import Policy, put_identity
from flask_signet.tokens.issuer import Issuer
from flask_signet.tokens.verifier import Verifier
from flask_signet.web.locations import check_csrf

Names = str | Iterable[str] | None


def _encode_jwt(  # pyright: ignore[reportUnusedFunction]
    algorithm: str,
    audience: Names,
    claim_overrides: Mapping[str, Any] | None,
    csrf: bool,
    expires_delta: timedelta | Literal[False] | None,
    fresh: bool | float | timedelta,
    header_overrides: Mapping[str, Any] | None,
    identity: Any,
    identity_claim_key: str,
    issuer: str | None,
    json_encoder: type[json.JSONEncoder],
    secret: Any,
    token_type: str,
    nbf: bool,
) -> str:
    now = SYSTEM.now()
    claims: dict[str, Any] = {
        "fresh": now + fresh.total_seconds() if isinstance(fresh, timedelta) else fresh,
        "iat": now,
        "jti": str(SYSTEM.uuid4()),
        "type": token_type,
    }
    put_identity(claims, identity, identity_claim_key, text_subject=True)
    if nbf:
        claims["nbf"] = now
    if csrf:
        claims["csrf"] = str(SYSTEM.uuid4())
    if audience:
        claims["aud"] = audience if isinstance(audience, str) else list(audience)
    if issuer:
        claims["iss"] = issuer
    if isinstance(expires_delta, timedelta):
        claims["exp"] = now + int(expires_delta.total_seconds())
    claims.update(claim_overrides or {})
    signer = Issuer(keys.from_config(secret, algorithm, private=True))
    return signer.issue(claims, headers=header_overrides, default=json_encoder().default)


def _decode_jwt(  # pyright: ignore[reportUnusedFunction]
    algorithms: Iterable[str],
    allow_expired: bool,
    audience: Names,
    csrf_value: str | None,
    encoded_token: str,
    identity_claim_key: str,
    issuer: Names,
    leeway: float | timedelta,
    secret: Any,
    verify_aud: bool,
    verify_sub: bool,
) -> dict[str, Any]:
    policy = Policy(
        issuer=_texts(issuer),
        audience=_texts(audience) if verify_aud else (),
        leeway=leeway.total_seconds() if isinstance(leeway, timedelta) else leeway,
        identity_claim=identity_claim_key,
        text_subject=verify_sub,
        cache_bytes=0,
    )
    now = SYSTEM.time()
    verified = Verifier(_usable(secret, algorithms), policy).verify(encoded_token, now)
    if csrf_value:
        check_csrf(verified, csrf_value)
    if not allow_expired and now >= verified.expires_at:
        raise verified.expired()
    return verified.copy_claims()


def _usable(secret: Any, algorithms: Iterable[str]) -> list[keys.Key]:
    """Return one key for each of *algorithms* that *secret* is valid for.

    :raises InvalidKeyError: *secret* is valid for none of *algorithms*.
    """
    fitting: list[keys.Key] = []
    refusal = InvalidKeyError("no algorithm is allowed")
    for algorithm in algorithms:
        try:
            fitting.append(keys.from_config(secret, algorithm, private=False))
        except InvalidKeyError as error:
            refusal = error
    if not fitting:
        raise refusal
    return fitting


def _texts(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())
