"""Who asks: what a guard knows after it accepted a credential, of whatever kind.

It is made when it is asked for. A guard that accepts a token keeps the verified token itself, which costs less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask_signet.tokens.verifier import Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The user or program behind an accepted credential.

    :param kind: the kind of the credential; ``"jwt"`` for a token.
    :param user_id: the identity, in the type that the token was made with.
    :param session_id: the session that the credential belongs to; ``None`` without one.
    :param fresh: whether it proves that a password was entered, and recently enough.
    :param claims: the claims of a token, a copy; empty for another kind.
    :param scopes: what the credential allows; empty where it is not limited.
    :param roles: the roles of the user; empty where there are none.
    """

    kind: Literal["jwt"]
    user_id: Any
    session_id: str | None
    fresh: bool
    claims: Mapping[str, Any] = field(repr=False)  # they hold the CSRF value
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


def of_token(verified: Verified, *, fresh: bool) -> Principal:
    """Return the principal of a verified token."""
    sid = verified.claims.get("sid")
    return Principal(
        kind="jwt",
        user_id=verified.copy_identity(),
        session_id=sid if isinstance(sid, str) else None,
        fresh=fresh,
        claims=verified.copy_claims(),
    )
