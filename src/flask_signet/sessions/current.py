"""``current_session``: the session of the request's token, loaded when first used, once per request."""

from __future__ import annotations

from typing import cast

from flask import current_app, request
from werkzeug.local import LocalProxy

from flask_signet.sessions.looking import SessionInfo
from flask_signet.sessions.service import Sessions
from flask_signet.web.guards import get_jwt

_ON_REQUEST = "_signet_session"


def get_current_session() -> SessionInfo | None:
    """Return the active session of the guarded request; ``None`` if its token has no session or the session ended.

    :raises RuntimeError: no guard ran in this request.
    :raises Unavailable: the store does not answer.
    """
    sid = get_jwt().get("sid")
    if not isinstance(sid, str):
        return None
    loaded = getattr(request, _ON_REQUEST, None)
    if loaded is None or loaded[0] != sid:
        sessions = cast(Sessions, current_app.extensions["signet"].sessions)
        loaded = (sid, sessions.get(sid))
        # On the request and not on `g`: several requests may share one application context and its `g`.
        setattr(request, _ON_REQUEST, loaded)
    return cast("SessionInfo | None", loaded[1])


# Not `SessionInfo | None`: the proxy itself is never None, so check it with `if current_session:`, not `is not None`.
current_session: SessionInfo = LocalProxy(get_current_session)  # type: ignore[assignment]  # acts as one
