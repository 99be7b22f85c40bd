"""Change a password: store the hash and end all other sessions of the user, in one transaction."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from sqlalchemy import Connection

from flask_signet.exceptions import MfaRequired
from flask_signet.sessions.login_answer import open_session
from flask_signet.sessions.login_step import Transport
from flask_signet.sessions.route_services import Services, current_session_id
from flask_signet.sessions.session_tokens import Granted


def change_password_of(
    services: Services, user: Any, current: str, new: str, *, transport: Transport, address: str | None
) -> Granted:
    """Replace the password of *user* and return new tokens for the session of this request.

    :param current: the password that the user typed as the current one.
    :raises InvalidCredentials: *current* is wrong, or was replaced by another request.
    :raises WeakPassword: *new* is not an acceptable password.
    :raises MfaRequired: the token belongs to no session, and a new session needs one more proof; the password is
        changed nevertheless.
    """
    # Hashing is slow: hash once, after the current password was verified and before a transaction begins.
    new_hash = cache(partial(services.users.hashed, new))

    def change(judged: str) -> Granted | None:
        return _replace(services, user, judged, new_hash(), transport)

    return services.users.change_by_password(user, current, change, address=address)


def _replace(services: Services, user: Any, judged: str, new: str, transport: Transport) -> Granted | None:
    """Replace the hash *judged* and end all sessions except this one; ``None`` if the stored hash has changed."""
    user_id, sid = services.users.id_of(user), current_session_id()

    def go_on(connection: Connection) -> Granted | MfaRequired:
        if sid is not None:
            services.sessions.end_all(user_id, keep=sid, reason="password", connection=connection)
            return services.sessions.force_rotation(sid, fresh=True, connection=connection)
        services.sessions.end_all(user_id, reason="password", connection=connection)
        try:
            return open_session(services, user_id, None, transport=transport, connection=connection)
        except MfaRequired as required:
            return required  # raised after the commit, so that the new password is kept

    answer = services.users.change_hash(user, new, go_on, judged=judged)
    if isinstance(answer, MfaRequired):
        raise answer
    return answer
