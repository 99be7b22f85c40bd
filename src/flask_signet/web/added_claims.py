"""The claims and headers that a loader or a caller adds to a new token, and those that neither may set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask_signet.exceptions import SettingsError
from flask_signet.tokens.claims import IDENTITY_TYPE

# What only the arguments set: a claim from a loader or a caller must not change who a token is for,
# what it is good for, or how long.
RESERVED: Final = {
    "type": "create_access_token or create_refresh_token",
    "jti": "nothing: it is unique by itself",
    "exp": "expires_delta",
    IDENTITY_TYPE: "nothing: it belongs to Flask-Signet",
}


def kind_of(kind: str, additional_claims: Mapping[str, Any] | None) -> str:
    """Return the kind that ``additional_claims={"type": …}`` asks for: the same, or one of the application's own.

    :raises SettingsError: the other one of the two kinds that guards know, or no name.
    """
    other = "refresh" if kind == "access" else "access"
    given = (additional_claims or {}).get("type", kind)
    if given == other:
        raise SettingsError(
            f"additional claims cannot set 'type' to {other!r} in a token of create_{kind}_token: call "
            f"create_{other}_token"
        )
    if not isinstance(given, str) or not given:
        raise SettingsError(f"additional claims must set 'type' to a string that is not empty, not {given!r}")
    return given


def merged(
    loaded: Any,
    given: Mapping[str, Any] | None,
    reserved: Mapping[str, str],
    claims: Mapping[str, Any],
    identity_claim: str,
) -> dict[str, Any]:
    """Return both in a dict of its own: what a loader returns may be shared by all users.

    What only repeats *claims* is left out.

    :raises SettingsError: a reserved claim has another value.
    """
    added: dict[str, Any] = {**(loaded or {}), **(given or {})}
    for name in [name for name in added if name in reserved]:
        if name not in claims or name == IDENTITY_TYPE or not _repeats(added[name], claims[name]):
            reason = " to another one than the token is for" if name == identity_claim else ""
            raise SettingsError(f"additional claims cannot set {name!r}{reason}; it is set by {reserved[name]}")
        del added[name]
    return added


def _repeats(given: Any, claim: Any) -> bool:
    """Return whether *given* says what *claim* says; ids may be an int or a UUID, and a string in the token."""
    if type(given) in (int, UUID) and type(claim) is str:
        given = str(given)
    return type(given) is type(claim) and given == claim
