"""What the token and account routes share: the services that they use, and the user of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flask_signet.accounts import Accounts
from flask_signet.accounts.user_ids import UserId
from flask_signet.exceptions import RevokedTokenError
from flask_signet.sessions.login_flow import LoginFlow
from flask_signet.sessions.service import Sessions
from flask_signet.store import Store
from flask_signet.throttle import Throttle
from flask_signet.web.guards import get_jwt

# Longer than any password that an account accepts; a longer one is refused before it is hashed.
LONGEST_PASSWORD = 4_096


class Services(Protocol):
    """The services of ``app.extensions["signet"]`` that these routes use. Each is created on first access."""

    @property
    def users(self) -> Accounts:
        """The account service."""
        ...

    @property
    def sessions(self) -> Sessions:
        """The session service."""
        ...

    @property
    def login_flow(self) -> LoginFlow:
        """The login flow, which opens every session."""
        ...

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def throttle(self) -> Throttle:
        """The limit on how often a client may send costly requests."""
        ...

    def load(self, claims: Mapping[str, Any], identity: Any = None) -> Any | None:
        """Return the user of verified claims, or ``None``."""
        ...


def user_of(services: Services) -> Any:
    """Return the user of the guarded request's token.

    :raises RevokedTokenError: the token names no user, or the row now belongs to another user.
    """
    user = services.load(get_jwt())
    if user is None:
        raise RevokedTokenError
    return user


def user_id_of(services: Services) -> UserId:
    """Return the id of the guarded request's user, as stored in the row.

    :raises RevokedTokenError: as in :func:`user_of`.
    """
    return services.users.id_of(user_of(services))


def current_session_id() -> str | None:
    """Return the session id of the guarded request's token, or ``None`` if the token has none."""
    sid = get_jwt().get("sid")
    return sid if isinstance(sid, str) else None
