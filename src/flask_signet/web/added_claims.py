"""Merge the claims and headers that a loader or a caller adds to a new token, and refuse the reserved ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask_signet.exceptions import SettingsError
from flask_signet.tokens.claims import IDENTITY_TYPE

# Only the arguments of the create functions set these: an additional claim must not change the user, the kind or the
# lifetime of a token.
RESERVED: Final = {
    "type": "create_access_token or create_refresh_token",
    "jti": "nothing: it is unique by itself",
    "exp": "expires_delta",
    IDENTITY_TYPE: "nothing: it belongs to Flask-Signet",
}


def kind_of(kind: str, additional_claims: Mapping[str, Any] | None) -> str:
    """Return the kind of token that ``additional_claims={"type": …}`` asks for, or *kind* if it names none.

    :raises SettingsError: ``type`` is the other built-in kind, or not a string, or empty.
    """
    other = "refresh" if kind == "access" else "access"
    given = (additional_claims or {}).get("type", kind)
    if given == other:
        raise SettingsError(
            f"additional claims cannot set 'type' to {other!r} in a token of create_{kind}_token: call "
            f"create_{other}_token"
        )
    if not isinstance(given, str) or not given:
        raise SettingsError(f"additional claims must set 'type' to a non-empty string, not {given!r}")
    return given


def merged(
    loaded: Any,
    given: Mapping[str, Any] | None,
    reserved: Mapping[str, str],
    claims: Mapping[str, Any],
    identity_claim: str,
) -> dict[str, Any]:
    """Return the claims of the loader and of the caller in a new dict.

    The dict is new because a loader may return the same object for all users. A reserved claim with the value that it
    has in *claims* is left out.

    :raises SettingsError: a reserved claim has a different value.
    """
    added: dict[str, Any] = {**(loaded or {}), **(given or {})}
    for name in [name for name in added if name in reserved]:
        if name not in claims or name == IDENTITY_TYPE or not _repeats(added[name], claims[name]):
            reason = " to a different user than the token is for" if name == identity_claim else ""
            raise SettingsError(f"additional claims cannot set {name!r}{reason}; it is set by {reserved[name]}")
        del added[name]
    return added


def _repeats(given: Any, claim: Any) -> bool:
    """Return whether *given* equals *claim*; an int or UUID equals its string form, which the token holds."""
    if type(given) in (int, UUID) and type(claim) is str:
        given = str(given)
    return type(given) is type(claim) and given == claim
