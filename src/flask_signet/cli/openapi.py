"""``flask signet openapi``: the routes of an application as an OpenAPI document."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, cast

import click
from flask import Flask

from flask_signet.cli.output import app_if_any, say
from flask_signet.commands import json_option, plain_errors
from flask_signet.exceptions import SettingsError
from flask_signet.web.openapi import document
from flask_signet.web.routes import served_by
from flask_signet.web.settings import TokenSettings
from flask_signet.web.token_layer import EXTENSION, TokenLayer


@click.command("openapi")
@json_option
@click.pass_context
@plain_errors
def openapi_command(context: click.Context, as_json: bool) -> None:
    """Print the routes of this application as an OpenAPI 3.1 document. The output is always JSON.

    The document has the routes of Flask-Signet that this application serves, not your own routes. No database is
    opened.
    """
    app = app_if_any(context)
    if app is None:
        raise SettingsError("No application was found: name it with --app, as in flask --app shop signet openapi")
    say(True, openapi_of(app), "")


def openapi_of(app: Flask) -> dict[str, Any]:
    """Return the document of *app*.

    :raises SettingsError: the application has no ``JWTManager`` and no ``Signet``.
    """
    layer = cast("TokenLayer | None", app.extensions.get(EXTENSION))
    if layer is None:
        raise SettingsError("The application has no routes of Flask-Signet. Write: signet = Signet(app)")
    return document(
        served_by(app),
        title=f"{app.name}: accounts and sessions",
        version=version("flask-signet"),
        guards=_guards(layer.settings),
        credentials=_credentials(app, layer.settings),
    )


def _guards(settings: TokenSettings) -> dict[str, dict[str, Any]]:
    """Return a security scheme for each place where a guard looks for the access token.

    A body cannot be described as one.
    """
    found: dict[str, dict[str, Any]] = {}
    if "headers" in settings.locations:
        found["bearer"] = _bearer(settings)
    if "cookies" in settings.locations:
        found["access_cookie"] = {"type": "apiKey", "in": "cookie", "name": settings.access_cookies.name}
    if "query_string" in settings.locations:
        found["query"] = {"type": "apiKey", "in": "query", "name": settings.query_name}
    return found


def _bearer(settings: TokenSettings) -> dict[str, Any]:
    if settings.header_name.lower() == "authorization" and settings.header_type.lower() == "bearer":
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {"type": "apiKey", "in": "header", "name": settings.header_name}


def _credentials(app: Flask, token_settings: TokenSettings) -> dict[str, dict[str, Any]]:
    """Return the security schemes that rows name: those of ``DELETE /token`` and ``POST /token/refresh``."""
    if not any(each.route.credentials for each in served_by(app)):
        return {}
    from flask_signet.sessions import settings  # a JWTManager alone needs no SQL

    name = settings.read(app.config).cookie_name
    return {
        "bearer": _bearer(token_settings),
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": f"__Host-{name}_refresh",
            "description": f"The refresh token of cookie mode. Over HTTP its name is `{name}_refresh`. The request "
            "needs the header `X-Signet: 1` and must come from a page of the same origin or of a trusted one.",
        },
    }
