"""``GET /.well-known/jwks.json``: the public keys, for services that verify our tokens themselves.

Source: RFC 7517 section 5, RFC 8615.
"""

from __future__ import annotations

from flask import Flask, Response, current_app

from flask_signet.web.answers import json_answer
from flask_signet.web.api import Api
from flask_signet.web.clashes import clashes_of
from flask_signet.web.token_layer import layer_of

# Less than a key stays "next": whoever keeps the set for so long knows every key before it signs.
MAX_AGE = 300  # seconds
_NAME = "signet_jwks"


def add_jwks_route(app: Flask) -> str:
    """Register the route, once, and return the name of its blueprint.

    :raises SettingsError: the application has a view of its own there.
    """
    api = Api(_NAME)
    if _NAME in app.blueprints:
        return _NAME
    api.add_url_rule("/.well-known/jwks.json", "jwks", jwks, methods=["GET"])
    app.register_blueprint(api)
    clashes_of(app).protect(api.name)
    return api.name


def jwks() -> Response:
    """Answer the public keys of the ring; never a private or symmetric one."""
    response = json_answer(layer_of(current_app).snapshot().ring.public_jwks())
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    response.content_type = "application/jwk-set+json"
    return response
