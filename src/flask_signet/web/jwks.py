"""``GET /.well-known/jwks.json``: the public keys, for services that verify our tokens themselves.

Source: RFC 7517 section 5, RFC 8615.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypedDict

from flask import Flask, Response, current_app

from flask_signet.web.answers import json_answer
from flask_signet.web.fields import Note
from flask_signet.web.routes import Call, Route, serve
from flask_signet.web.token_layer import layer_of

# Shorter than the time a key stays "next": so a service that caches the set knows every key before it is used to sign.
MAX_AGE = 300  # seconds
_NAME = "signet_jwks"


class JWKSetAnswer(TypedDict):
    """A JWK set (RFC 7517 section 5)."""

    keys: Annotated[list[dict[str, Any]], Note(about="The public keys; empty if tokens use HMAC.", example=[])]


def jwks(call: Call[None, None]) -> Response:
    """Return the public keys that verify access tokens, never a private or symmetric key."""
    response = json_answer(layer_of(current_app).snapshot().ring.public_jwks())
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    response.content_type = "application/jwk-set+json"
    return response


ROUTES: Final[tuple[Route[None, None], ...]] = (
    Route(
        method="GET",
        path="/.well-known/jwks.json",
        view=jwks,
        guard=None,
        answers={200: JWKSetAnswer},
        content_type="application/jwk-set+json",
    ),
)


def add_jwks_route(app: Flask) -> str:
    """Register the route if it is not registered yet, and return the name of its blueprint.

    :raises SettingsError: the application defines the same route.
    """
    if _NAME not in app.blueprints:
        serve(app, _NAME, {"jwks": ROUTES}, None)
    return _NAME
