"""Find the user of a token, and check that the row still belongs to the same user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask_signet.accounts import AppAccounts
from flask_signet.accounts.user_ids import is_canonical
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.session_tokens import MARK_CLAIM
from flask_signet.tokens.revocations import USER_CLAIM


class TokenUsers:
    """Finds the users that tokens name.

    :param identity_claim: returns the name of the claim that holds the identity.
    """

    def __init__(
        self, *, users: AppAccounts, sessions: Sessions, feed: Feed, identity_claim: Callable[[], str]
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._feed = feed
        self._identity_claim = identity_claim

    def stamp(self, identity: Any, subject: Any) -> dict[str, Any]:
        """Return the claims that make a token without a session revocable.

        :param identity: the identity that the application passed for the token.
        :param subject: the result of its ``user_identity_loader`` for that identity.
        """
        user_id = self._user_meant(identity, subject)
        written = str(subject)
        if user_id is not None and written != str(user_id) and not self._names(identity, user_id):
            # A non-canonical spelling serves revocation only. If a loader turned it into another string, that string
            # cannot be told from an id.
            other = self._users.canonical(subject)
            user_id = user_id if other is not None and str(other) == str(user_id) else None
        key = written if user_id is None else str(user_id)
        claims: dict[str, Any] = {"epoch": self._feed.epoch(key)}
        if key != written:
            claims[USER_CLAIM] = key
        # Ids of built-in accounts are never reused.
        user = self._users.get(user_id) if user_id is not None and self._users.asked_on_refresh else None
        if user is not None:
            claims[MARK_CLAIM] = self._sessions.marks.make(key, self._users.evidence(user))
        return claims

    def _user_meant(self, identity: Any, subject: Any) -> int | str | UUID | None:
        """Return the canonical id of the user for whom a token is made, or ``None``."""
        users = self._users
        scalars = (int, str, UUID, float)
        meant = identity if isinstance(identity, scalars) else users.id_meant(identity)
        for candidate in (meant, subject):
            found = users.canonical(candidate) if isinstance(candidate, scalars) else None
            if found is not None:
                return found
        return None

    def _names(self, identity: Any, user_id: int | str | UUID) -> bool:
        """Return whether *identity* is the user, or the canonical spelling of the id."""
        if isinstance(identity, (int, str, UUID, float)):
            return is_canonical(identity, user_id)
        return is_canonical(self._users.id_meant(identity), user_id)

    def user_id(self, claims: Mapping[str, Any], identity: Any = None) -> Any:
        """Return the user id of verified claims; ``sub`` unchanged if it is only a non-canonical spelling of an id.

        ``"0x1"`` may be a user name. So its tokens are revoked with those of user 1, but never give access as user 1.
        """
        if identity is None:
            identity = claims.get(self._identity_claim())
        meant = claims.get(USER_CLAIM)
        if not meant:
            return identity
        found = self._users.canonical(identity)
        return identity if found is not None and str(found) == meant else meant

    def load(self, claims: Mapping[str, Any], identity: Any = None) -> Any | None:
        """Return the user of verified claims; ``None`` if deleted, disabled, or if the row belongs to another user.

        :param identity: the identity in the token; read from the claims if absent.
        """
        return self.row(claims, self.user_id(claims, identity))

    def row(self, claims: Mapping[str, Any], user_id: Any) -> Any | None:
        """Return the user with *user_id* (by default that of the claims) if *claims* were made for the same user."""
        users = self._users
        named = user_id or claims.get(self._identity_claim())
        if isinstance(named, bool) or not isinstance(named, (int, str, UUID)):
            return None  # with another identity claim the value may have any type, and then it names no user
        user = users.get(named)
        if user is None or not users.is_active(user):
            return None
        mark = claims.get(MARK_CLAIM)
        if not isinstance(mark, str):
            return user
        user_id = users.id_of(user)
        if self._sessions.marks.fits(mark, str(user_id), users.evidence(user)):
            return user
        return user if self._sessions.is_same_user(user_id, mark) else None
