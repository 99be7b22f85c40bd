"""Which user a token stands for, and whether the row of that user is still the same user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask_signet.accounts import AppAccounts
from flask_signet.accounts.user_ids import is_canonical
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.marks import CLAIM as MARK_CLAIM
from flask_signet.sessions.service import Sessions
from flask_signet.tokens.revocations import USER_CLAIM


class TokenUsers:
    """The users that tokens name.

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
        """Return the claims that let a token be revoked although it belongs to no session.

        :param identity: who the token is for, as the application gave it.
        :param subject: what its ``user_identity_loader`` made of that.
        """
        user_id = self._user_meant(identity, subject)
        written = str(subject)
        if user_id is not None and written != str(user_id) and not self._names(identity, user_id):
            # A loose spelling is good for revocation only. Where a loader made another string of it, nobody could
            # tell it from an id any more.
            other = self._users.canonical(subject)
            user_id = user_id if other is not None and str(other) == str(user_id) else None
        key = written if user_id is None else str(user_id)
        claims: dict[str, Any] = {"epoch": self._feed.epoch(key)}
        if key != written:
            claims[USER_CLAIM] = key
        # The ids of built-in accounts are never given again.
        user = self._users.get(user_id) if user_id is not None and self._users.asked_on_refresh else None
        if user is not None:
            claims[MARK_CLAIM] = self._sessions.marks.make(key, self._users.evidence(user))
        return claims

    def _user_meant(self, identity: Any, subject: Any) -> int | str | UUID | None:
        """Return the id of the user for whom a token is made, however it is spelled, or ``None``."""
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
        """Return the id of the user that verified claims stand for; ``sub`` itself if it is only a loose spelling.

        ``"0x1"`` may be a user name. So it is revoked together with the user 1, and is never taken for that user.
        """
        if identity is None:
            identity = claims.get(self._identity_claim())
        meant = claims.get(USER_CLAIM)
        if not meant:
            return identity
        found = self._users.canonical(identity)
        return identity if found is not None and str(found) == meant else meant

    def load(self, claims: Mapping[str, Any], identity: Any = None) -> Any | None:
        """Return the user of verified claims; ``None`` if they are gone or disabled, or the row is another user's.

        :param identity: what the token names the user by; found in the claims if absent.
        """
        return self.row(claims, self.user_id(claims, identity))

    def row(self, claims: Mapping[str, Any], user_id: Any) -> Any | None:
        """Return the user with an id (by default that of the claims) if *claims* were made for the same user."""
        users = self._users
        named = user_id or claims.get(self._identity_claim())
        if isinstance(named, bool) or not isinstance(named, (int, str, UUID)):
            return None  # with another claim the identity may be anything, and names nobody
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
