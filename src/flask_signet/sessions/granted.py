"""The result of a login or refresh, the public data of a session, and the making of its two tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.sessions.refresh_token import RefreshTokens


class AccessToken(Protocol):
    """An access token as the issuer returns it."""

    @property
    def text(self) -> str:
        """The token."""
        ...

    @property
    def expires_in(self) -> int | None:
        """Lifetime in seconds, or ``None`` if it never expires."""
        ...


class Issue(Protocol):
    """Makes the access token of a session."""

    def __call__(
        self,
        user_id: UserId,
        *,
        fresh: bool,
        sid: str,
        epoch: int,
        mark: str | None,
        connection: Connection | None,
    ) -> AccessToken:
        """Return a token with the claims ``sid`` and ``epoch``, and the user's mark if *mark* is not ``None``.

        :param connection: a transaction of the caller that is still open.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The result of a login or refresh. The two tokens are secrets: the ``repr`` of this object omits them."""

    user_id: UserId
    session_id: str
    access_token: str
    refresh_token: str
    expires_in: int | None

    def __repr__(self) -> str:
        """Return the user and the session, without the tokens."""
        return f"Granted(user_id={self.user_id!r}, session_id={self.session_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """An active session as its user sees it. Times are milliseconds since 1970 UTC."""

    id: str
    user_id: UserId
    device: str | None
    address: str | None
    created_at: int
    used_at: int
    ends_at: int


class Grants:
    """Makes the two tokens of a session.

    :param issue: makes access tokens.
    """

    def __init__(self, issue: Issue, tokens: RefreshTokens) -> None:
        self._issue = issue
        self._tokens = tokens

    def make(
        self,
        user_id: UserId,
        sid: UUID,
        *,
        generation: int,
        root_key: int,
        epoch: int,
        mark: str | None,
        fresh: bool,
        connection: Connection | None,
    ) -> Granted:
        """Return the tokens of one generation of a session.

        :param connection: a transaction of the caller that is still open.
        """
        session_id = str(sid)
        access = self._issue(user_id, fresh=fresh, sid=session_id, epoch=epoch, mark=mark, connection=connection)
        try:
            refresh = self._tokens.make(sid, generation, root_key)
        except LookupError:
            # The root key of this generation was removed; a token under the current key is equally valid.
            refresh = self._tokens.make(sid, generation, self._tokens.current_number)
        return Granted(
            user_id=user_id,
            session_id=session_id,
            access_token=access.text,
            refresh_token=refresh,
            expires_in=access.expires_in,
        )
