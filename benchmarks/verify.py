"""Verify a token never seen before, against the floor: the primitive, lenient base64, ``json.loads``, no checks."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt as pyjwt
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import import_key

from benchmarks import measure
from flask_signet.clock import SYSTEM
from flask_signet.tokens import keys
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.issuer import Issuer
from flask_signet.tokens.key import Key
from flask_signet.tokens.verifier import Verifier

ROUNDS = 40
TOKENS = 400
GOALS = {"HS256": "≤ 1.40", "EdDSA": "≤ 1.15", "ES256": "≤ 1.15", "RS256": "–"}


def _lenient(segment: bytes) -> bytes:
    return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))


def _floor(key: Key, secret: bytes | None) -> Callable[[str], Any]:
    def with_secret(token: str) -> Any:
        message, _, signature = token.encode().rpartition(b".")
        assert secret is not None
        assert hmac.compare_digest(hmac.digest(secret, message, "sha256"), _lenient(signature))
        return json.loads(_lenient(message.partition(b".")[2]))

    def with_key(token: str) -> Any:
        message, _, signature = token.encode().rpartition(b".")
        assert key.verify(message, _lenient(signature))
        return json.loads(_lenient(message.partition(b".")[2]))

    return with_key if secret is None else with_secret


def measured(algorithm: str) -> list[object]:
    """Return one row of the table."""
    secret = SYSTEM.token_bytes(32) if algorithm.startswith("HS") else None
    key = keys.symmetric(secret, algorithm) if secret else keys.generate(algorithm, SYSTEM.token_bytes).named(None)
    issuer = Issuer(key)
    assert key.private_jwk is not None
    jwk = key.private_jwk()
    peer_key = pyjwt.PyJWK(jwk).key if secret is None else secret
    peer_public = peer_key.public_key() if secret is None else secret
    rfc_key = import_key(jwk)
    now = SYSTEM.now()
    tokens: list[str] = []

    def prepare() -> int:
        tokens[:] = [
            issuer.issue(
                {
                    "fresh": False,
                    "iat": now,
                    "jti": str(SYSTEM.uuid4()),
                    "type": "access",
                    "sub": "5",
                    "nbf": now,
                    "csrf": str(SYSTEM.uuid4()),
                    "exp": now + 900,
                }
            )
            for _ in range(TOKENS)
        ]
        return 1

    def over(step: Callable[[str], Any]) -> measure.Work:
        def work() -> int:
            for token in tokens:
                step(token)
            return TOKENS

        return work

    verifier = Verifier((key,), Policy())
    taken = measure.interleaved(
        {
            "prepare": prepare,
            "floor": over(_floor(key, secret)),
            "floor again": over(_floor(key, secret)),
            "ours": over(lambda token: verifier.verify(token, now)),
            "PyJWT": over(lambda token: pyjwt.decode(token, peer_public, algorithms=[algorithm])),
            "joserfc": over(lambda token: joserfc_jwt.decode(token, rfc_key, algorithms=[algorithm])),
        },
        ROUNDS,
    )
    return [
        algorithm,
        measure.median(taken["floor"]) * 1e6,
        *(measure.ratio(taken, name, "floor") for name in ("floor again", "ours", "PyJWT", "joserfc")),
        GOALS[algorithm],
    ]


def main() -> None:
    """Print the table."""
    head = ["algorithm", "floor µs", "floor / floor", "ours / floor", "PyJWT / floor", "joserfc / floor", "goal (ours)"]
    note = (
        f"Medians of {ROUNDS} interleaved rounds over {TOKENS} new tokens. The floor verifies the signature, decodes "
        "base64 leniently and checks no claims. joserfc runs without its claims registry. The figures of Flask-Signet "
        "include caching the token."
    )
    rows = [measured(algorithm) for algorithm in GOALS]
    measure.publish("verify", measure.table("Verifying a new token", head, rows, note))


if __name__ == "__main__":
    main()
