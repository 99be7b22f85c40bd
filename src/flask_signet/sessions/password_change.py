"""A new password: all sessions of the user end but the one that asks, in one transaction with the hash."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from sqlalchemy import Connection

from flask_signet.sessions.route_services import Services, current_session_id, open_session
from flask_signet.sessions.service import Granted


def change_password_of(services: Services, user: Any, current: str, new: str, *, address: str | None) -> Granted:
    """Replace the password of *user*, who typed *current*, and return the new tokens of the session that asks.

    :raises InvalidCredentials: *current* is wrong, or was replaced by another request.
    :raises WeakPassword: *new* cannot be a password.
    """
    # Slow, so once, after the current password was found right and before a transaction begins.
    new_hash = cache(partial(services.users.hashed, new))

    def change(judged: str) -> Granted | None:
        return _replace(services, user, judged, new_hash())

    return services.users.change_by_password(user, current, change, address=address)


def _replace(services: Services, user: Any, judged: str, new: str) -> Granted | None:
    """Replace the hash *judged* and end all sessions but this one; ``None`` if another hash is stored by now."""
    user_id, sid = services.users.id_of(user), current_session_id()

    def go_on(connection: Connection) -> Granted:
        if sid is None:
            services.sessions.end_all(user_id, reason="password", connection=connection)
            return open_session(services, user_id, None, connection=connection)
        services.sessions.end_all_but(user_id, sid, reason="password", connection=connection)
        return services.sessions.force_rotation(sid, fresh=True, connection=connection)

    return services.users.change_hash(user, new, go_on, judged=judged)
