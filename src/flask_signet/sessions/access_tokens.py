"""Make the access token of a session with the application's issuer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from flask import Flask, current_app, has_app_context
from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.sessions.marks import CLAIM as MARK_CLAIM
from flask_signet.web.issuing import IssuedToken, issue_access

Claims = Callable[[UserId, "Connection | None"], Mapping[str, Any]]


class AccessTokens:
    """Makes access tokens in the context of one application, and enters that context if it is not active.

    :param added: each returns claims for the tokens of a user. They are read after the epoch, so a change that raises
        the epoch revokes every token with older claims.
    """

    def __init__(self, app: Flask, added: Sequence[Claims] = ()) -> None:
        self._app = app
        self._added = added

    def __call__(
        self,
        user_id: UserId,
        *,
        fresh: bool,
        sid: str,
        epoch: int,
        mark: str | None,
        connection: Connection | None,
    ) -> IssuedToken:
        """Return a token with the claims ``sid`` and ``epoch``, and the user's mark if *mark* is not ``None``."""
        identity = str(user_id) if isinstance(user_id, UUID) else user_id
        claims: dict[str, Any] = {}
        for added in self._added:
            claims.update(added(user_id, connection))
        claims |= {"sid": sid, "epoch": epoch}
        if mark is not None:
            claims[MARK_CLAIM] = mark
        if has_app_context() and cast(Any, current_app)._get_current_object() is self._app:
            return issue_access(identity, fresh=fresh, claims=claims)
        with self._app.app_context():
            return issue_access(identity, fresh=fresh, claims=claims)
