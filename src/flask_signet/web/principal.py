"""Define the principal: the user or program behind an accepted credential.

A principal is created only when it is needed. A guard that accepts a token stores the verified token, which is faster.
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
    :param user_id: the identity, in the type that the token was created with.
    :param session_id: the session of the credential; ``None`` for a credential without a session.
    :param fresh: whether the credential proves a recent login with a password.
    :param claims: a copy of the token's claims; empty for another kind of credential.
    :param scopes: the scopes that limit the credential; empty if it is not limited.
    :param roles: the roles of the user.
    """

    kind: Literal["jwt"]
    user_id: Any
    session_id: str | None
    fresh: bool
    claims: Mapping[str, Any] = field(repr=False)  # the claims contain the CSRF value
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
