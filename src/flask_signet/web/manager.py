"""Register the token layer and the callbacks of an application with ``JWTManager``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from flask import Blueprint, Flask

from flask_signet.clock import SYSTEM, Clock
from flask_signet.commands import signet
from flask_signet.exceptions import (
    CSRFError,
    FreshTokenRequired,
    InvalidHeaderError,
    InvalidQueryParamError,
    JWTDecodeError,
    JWTExtendedException,
    NoAuthorizationError,
    RequestError,
    RevokedTokenError,
    SettingsError,
    TokenExpired,
    Unavailable,
    UserClaimsVerificationError,
    UserLookupError,
    WeakKeyError,
    WrongTokenError,
)
from flask_signet.settings import nearest, texts
from flask_signet.tokens.ports import KeySource
from flask_signet.web import callbacks, issuing, refusals
from flask_signet.web.defaults import set_defaults
from flask_signet.web.loaders import Loaders
from flask_signet.web.settings import slips
from flask_signet.web.startup import startup_of
from flask_signet.web.token_layer import EXTENSION, TokenLayer, itself, layer_of

_PEER: Final = "flask-jwt-extended"
_REFUSALS: Final = (
    CSRFError,
    FreshTokenRequired,
    InvalidHeaderError,
    InvalidQueryParamError,
    JWTDecodeError,
    NoAuthorizationError,
    RevokedTokenError,
    TokenExpired,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTokenError,
)
C = TypeVar("C", bound=Callable[..., Any])


class JWTManager(Loaders):
    """Provides the names of Flask-JWT-Extended, with stricter checks and faster guards.

    :param app: the application, or ``None`` to call :meth:`init_app` later.
    :param add_context_processor: whether to add ``current_user`` to templates.
    :param clock: source of time and random bytes; tests can replace it.

    Several applications can share one manager and its callbacks.
    """

    def __init__(self, app: Flask | None = None, add_context_processor: bool = False, *, clock: Clock = SYSTEM) -> None:
        super().__init__()
        self.clock = clock
        self._expired_token_callback = callbacks.expired_token
        self._invalid_token_callback = callbacks.invalid_token
        self._unauthorized_callback = callbacks.unauthorized
        self._needs_fresh_token_callback = callbacks.needs_fresh_token
        self._revoked_token_callback = callbacks.revoked_token
        self._token_verification_failed_callback = callbacks.token_verification_failed
        self._user_lookup_error_callback = callbacks.user_lookup_error
        if app is not None:
            self.init_app(app, add_context_processor)

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        """Register settings, error handlers and commands with *app*. This does no I/O and starts no thread.

        :raises SettingsError: a setting is invalid.
        """
        app = itself(app)
        self._register(app, add_context_processor, replace(self.clock), None)
        groups = texts(app.config, "SIGNET_ROUTES")
        for group in groups:
            if group != "jwks":
                hint = nearest(group, ("jwks",)) or "; the other routes need Signet instead of JWTManager"
                raise SettingsError(f"SIGNET_ROUTES of a JWTManager can only contain 'jwks', not {group!r}{hint}")
        if groups:
            from flask_signet.web.jwks import add_jwks_route

            add_jwks_route(app)

    def _register(self, app: Flask, add_context_processor: bool, clock: Clock, source: KeySource | None) -> TokenLayer:
        set_defaults(cast(dict[str, Any], app.config))
        layer = TokenLayer(app, self, clock, source)
        known = app.extensions.get(_PEER)
        if known is None or isinstance(known, JWTManager):
            app.extensions[_PEER] = self  # otherwise Flask-JWT-Extended is registered as well, and needs its entry
        app.extensions[EXTENSION] = layer
        _ = layer.settings  # raises an error at start if a setting is invalid
        for slip in slips(app.config):
            app.logger.warning(slip)
        self._set_error_handler_callbacks(app)
        app.cli.add_command(signet)
        if add_context_processor:
            from flask_signet.web.guards import current_user_context_processor

            app.context_processor(current_user_context_processor)
        startup_of(app)
        return layer

    @staticmethod
    def _set_default_configuration_options(app: Flask) -> None:
        set_defaults(cast(dict[str, Any], app.config))

    def _encode_jwt_from_config(
        self,
        identity: Any,
        token_type: str,
        claims: Mapping[str, Any] | None = None,
        fresh: issuing.Fresh = False,
        expires_delta: issuing.ExpiresDelta = None,
        headers: Mapping[str, Any] | None = None,
    ) -> str:
        if token_type == "access":  # noqa: S105
            return issuing.create_access_token(identity, fresh, expires_delta, claims, headers)
        return issuing.create_refresh_token(identity, expires_delta, claims, headers)

    def _decode_jwt_from_config(
        self, encoded_token: str, csrf_value: str | None = None, allow_expired: bool = False
    ) -> dict[str, Any]:
        return issuing.decode_token(encoded_token, csrf_value, allow_expired)

    def _set_error_handler_callbacks(self, app: Any) -> None:
        """Register our handlers with *app*, or with an API object that has its own handlers."""
        handle: Callable[..., Any] = refusals.handle if isinstance(app, (Flask, Blueprint)) else refusals.handle_in_api
        # Flask-JWT-Extended registers a handler for each class, so the application's handler for the base class, or one
        # that was registered earlier, is not called. With JWT_COMPAT we do the same.
        of_peer = _REFUSALS if isinstance(app, Flask) and layer_of(app).settings.compat else ()
        for kind in (JWTExtendedException, RequestError, Unavailable, WeakKeyError, *of_peer):
            app.errorhandler(kind)(handle)

    # --- loaders: each stores the decorated function and returns it unchanged --------------------------

    def additional_claims_loader(self, callback: C) -> C:
        """Add claims to new tokens: ``callback(identity) -> dict``."""
        self.user_claims_callback = callback
        return callback

    def additional_headers_loader(self, callback: C) -> C:
        """Add headers to new tokens: ``callback(identity) -> dict``."""
        self.jwt_additional_header_callback = callback
        return callback

    def user_identity_loader(self, callback: C) -> C:
        """Turn the given identity into a string or an int: ``callback(identity)``."""
        self.user_identity_callback = callback
        return callback

    def encode_key_loader(self, callback: C) -> C:
        """Choose the key that signs: ``callback(identity) -> key``."""
        self.encode_key_callback = callback
        return callback

    def decode_key_loader(self, callback: C) -> C:
        """Choose the key that verifies: ``callback(unverified_header, unverified_claims) -> key``.

        The client controls both arguments: the signature is not verified yet. A ``LookupError`` or ``None`` refuses the
        token.
        """
        self.decode_key_callback = callback
        return callback

    def token_in_blocklist_loader(self, callback: C) -> C:
        """Decide whether a token is revoked: ``callback(jwt_header, jwt_data) -> bool``."""
        self.token_in_blocklist_callback = callback
        return callback

    def token_verification_loader(self, callback: C) -> C:
        """Accept or refuse the claims: ``callback(jwt_header, jwt_data) -> bool``."""
        self.token_verification_callback = callback
        return callback

    def user_lookup_loader(self, callback: C) -> C:
        """Load the user: ``callback(jwt_header, jwt_data)``; ``None`` refuses the token."""
        self.user_lookup_callback = callback
        return callback

    def expired_token_loader(self, callback: C) -> C:
        """Answer an expired token: ``callback(jwt_header, jwt_data) -> response``."""
        self._expired_token_callback = callback
        return callback

    def invalid_token_loader(self, callback: C) -> C:
        """Answer an invalid token: ``callback(reason) -> response``."""
        self._invalid_token_callback = callback
        return callback

    def unauthorized_loader(self, callback: C) -> C:
        """Answer a request without a token: ``callback(reason) -> response``."""
        self._unauthorized_callback = callback
        return callback

    def needs_fresh_token_loader(self, callback: C) -> C:
        """Answer a token that is not fresh: ``callback(jwt_header, jwt_data) -> response``."""
        self._needs_fresh_token_callback = callback
        return callback

    def revoked_token_loader(self, callback: C) -> C:
        """Answer a revoked token: ``callback(jwt_header, jwt_data) -> response``."""
        self._revoked_token_callback = callback
        return callback

    def token_verification_failed_loader(self, callback: C) -> C:
        """Answer a token whose claims were refused: ``callback(jwt_header, jwt_data) -> response``."""
        self._token_verification_failed_callback = callback
        return callback

    def user_lookup_error_loader(self, callback: C) -> C:
        """Answer a token whose user cannot be loaded: ``callback(jwt_header, jwt_data) -> response``."""
        self._user_lookup_error_callback = callback
        return callback
