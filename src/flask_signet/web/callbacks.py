"""Answer refused requests by default; the application can replace each callback with its own."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, jsonify

from flask_signet.exceptions import (
    FreshTokenRequired,
    JWTDecodeError,
    NoAuthorizationError,
    RevokedTokenError,
    SignetError,
    TokenExpired,
    UserClaimsVerificationError,
    UserLookupError,
)
from flask_signet.web.token_layer import layer_of

Claims = dict[str, Any]
Answer = tuple[Response, int]


def _answer(error: SignetError) -> Answer:
    layer = layer_of(current_app)
    text = str(error)
    body = {layer.settings.message_key: text}
    return jsonify(body if layer.compat else {"error": error.code, **body}), layer.status_of(error)


def expired_token(jwt_header: Claims, jwt_data: Claims) -> Answer:
    """Answer an expired token."""
    return _answer(TokenExpired("Token has expired"))


def invalid_token(error_string: str) -> Answer:
    """Answer an invalid token."""
    return _answer(JWTDecodeError(error_string))


def unauthorized(error_string: str) -> Answer:
    """Answer a request without a token."""
    return _answer(NoAuthorizationError(error_string))


def needs_fresh_token(jwt_header: Claims, jwt_data: Claims) -> Answer:
    """Answer a token that is not fresh, where the view needs a fresh one."""
    return _answer(FreshTokenRequired())


def revoked_token(jwt_header: Claims, jwt_data: Claims) -> Answer:
    """Answer a token that was revoked."""
    return _answer(RevokedTokenError())


def user_lookup_error(jwt_header: Claims, jwt_data: Claims) -> Answer:
    """Answer a token whose user does not exist."""
    identity = jwt_data.get(layer_of(current_app).settings.policy.identity_claim)
    return _answer(UserLookupError(f"Error loading the user {identity}"))


def token_verification_failed(jwt_header: Claims, jwt_data: Claims) -> Answer:
    """Answer a token whose claims the application refused."""
    return _answer(UserClaimsVerificationError())
