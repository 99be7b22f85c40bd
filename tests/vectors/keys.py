"""One private key of each algorithm, made for these tests and used nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask_signet.tokens import keys
from flask_signet.tokens.key import Key

JWKS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "keys.json").read_text())
ALGORITHMS = tuple(JWKS)
ASYMMETRIC = tuple(name for name in ALGORITHMS if not name.startswith("HS"))


def jwk(algorithm: str, **members: Any) -> dict[str, Any]:
    """Return a private JWK of *algorithm* with *members* beside or instead of its own; None removes one."""
    return {name: value for name, value in {**JWKS[algorithm], **members}.items() if value is not None}


def public_jwk(algorithm: str, **members: Any) -> dict[str, Any]:
    """Return what others may know of the key; of a secret everything."""
    private = {"d", "p", "q", "dp", "dq", "qi"}
    return {name: value for name, value in jwk(algorithm, **members).items() if name not in private}


def key(algorithm: str, **members: Any) -> Key:
    """Return the key ready for use."""
    return keys.from_jwk(jwk(algorithm, **members))
