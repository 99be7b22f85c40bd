"""What :func:`flask_signet.verify` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A credential that a guard would accept now.

    :param kind: what kind of credential it is; ``"jwt"`` for a token of ours.
    :param user_id: the identity, in the type that the token was made with.
    :param session_id: the session that the token belongs to; ``None`` for a token without one.
    :param claims: the claims of the token, a copy.
    """

    kind: Literal["jwt"] = "jwt"
    user_id: Any
    session_id: str | None
    claims: Mapping[str, Any] = field(repr=False)  # they hold the CSRF value
