"""Which of our routes an application serves, and where."""

from __future__ import annotations

from flask import Flask

from flask_signet.accounts import routes as account_routes
from flask_signet.exceptions import SettingsError
from flask_signet.sessions import conflicts as session_conflicts
from flask_signet.sessions import routes as session_routes
from flask_signet.sessions.conflicts import GROUPS
from flask_signet.sessions.mfa_route import add_mfa_route
from flask_signet.settings import nearest, text
from flask_signet.web.api import Api
from flask_signet.web.clashes import clashes_of
from flask_signet.web.jwks import add_jwks_route


def register_routes(app: Flask) -> None:
    """Serve the groups of routes that ``SIGNET_ROUTES`` names, below ``SIGNET_URL_PREFIX``.

    :raises SettingsError: one of the two settings is wrong.
    """
    prefix = text(app.config, "SIGNET_URL_PREFIX") or None
    if prefix is not None and not prefix.startswith("/"):
        raise SettingsError(f"SIGNET_URL_PREFIX must begin with a slash: {'/' + prefix!r}, not {prefix!r}")
    groups = session_conflicts.groups(app.config)
    for group in groups:
        if group not in GROUPS:
            known = ", ".join(map(repr, GROUPS))
            raise SettingsError(f"SIGNET_ROUTES can hold {known}, not {group!r}{nearest(group, GROUPS)}")
    api = Api("signet", url_prefix=prefix)
    if "token" in groups:
        session_routes.add_token_routes(api)
        if app.extensions["signet"].steps:
            add_mfa_route(api)
    if "account" in groups:
        account_routes.add_routes(api)
        session_routes.add_account_routes(api)
    if "health" in groups:
        session_routes.add_health_route(api)
    app.register_blueprint(api)
    clashes_of(app).protect(api.name)
    app.extensions["signet-apis"] = [api.name]
    if "jwks" in groups:
        # Where everybody looks for it, whatever the prefix (RFC 8615).
        app.extensions["signet-apis"].append(add_jwks_route(app))
