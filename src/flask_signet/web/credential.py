"""Define the result of :func:`flask_signet.verify`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A valid credential, as :func:`flask_signet.verify` returns it.

    :param kind: kind of the credential; ``"jwt"`` for a token.
    :param user_id: the identity, in the type that the token was created with.
    :param session_id: the session of the token; ``None`` for a token without a session.
    :param claims: a copy of the token's claims.
    """

    kind: Literal["jwt"] = "jwt"
    user_id: Any
    session_id: str | None
    claims: Mapping[str, Any] = field(repr=False)  # the claims contain the CSRF value
