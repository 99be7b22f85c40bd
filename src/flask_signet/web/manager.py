"""``JWTManager``: registers the token layer with an application, and holds its callbacks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Final, TypeVar, cast

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.wrappers import Response as BaseResponse

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
    SignetError,
    TokenExpired,
    Unavailable,
    UserClaimsVerificationError,
    UserLookupError,
    WeakKeyError,
    WrongTokenError,
)
from flask_signet.settings import nearest, texts
from flask_signet.tokens.ports import KeySource
from flask_signet.tokens.verifier import Verified
from flask_signet.web import callbacks, issuing
from flask_signet.web.answers import complete, error_answer
from flask_signet.web.refusals import (
    Refusal,
    api_of_request,
    errors_are_wrapped,
    handlers_for,
    handlers_of_api,
    origin,
    refusal,
)
from flask_signet.web.settings import slips
from flask_signet.web.startup import startup_of
from flask_signet.web.token_layer import EXTENSION, TokenLayer, itself, layer_of, set_defaults

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


class JWTManager:
    """The token layer of Flask-JWT-Extended, stricter and faster, with the same names.

    :param app: the application, or ``None`` to call :meth:`init_app` later.
    :param add_context_processor: put ``current_user`` into templates.
    :param clock: source of time and random bytes; tests can replace it.

    One manager may serve several applications; its callbacks are shared by them.
    """

    def __init__(self, app: Flask | None = None, add_context_processor: bool = False, *, clock: Clock = SYSTEM) -> None:
        self.clock = clock
        self.decode_key_callback: Callable[..., Any] | None = None
        self.encode_key_callback: Callable[..., Any] | None = None
        self.user_claims_callback: Callable[..., Any] = callbacks.additional_claims
        self.jwt_additional_header_callback: Callable[..., Any] = callbacks.additional_headers
        self.user_identity_callback: Callable[..., Any] = callbacks.user_identity
        self.token_in_blocklist_callback: Callable[..., Any] | None = None
        self.token_verification_callback: Callable[..., Any] | None = None
        self.user_lookup_callback: Callable[..., Any] | None = None
        self._expired_token_callback: Callable[..., Any] = callbacks.expired_token
        self._invalid_token_callback: Callable[..., Any] = callbacks.invalid_token
        self._unauthorized_callback: Callable[..., Any] = callbacks.unauthorized
        self._needs_fresh_token_callback: Callable[..., Any] = callbacks.needs_fresh_token
        self._revoked_token_callback: Callable[..., Any] = callbacks.revoked_token
        self._token_verification_failed_callback: Callable[..., Any] = callbacks.token_verification_failed
        self._user_lookup_error_callback: Callable[..., Any] = callbacks.user_lookup_error
        if app is not None:
            self.init_app(app, add_context_processor)

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        """Register with *app*: settings, error handlers, commands. No I/O, no thread.

        :raises SettingsError: a setting is wrong.
        """
        app = itself(app)
        self._register(app, add_context_processor, replace(self.clock), None)
        groups = texts(app.config, "SIGNET_ROUTES")
        for group in groups:
            if group != "jwks":
                hint = nearest(group, ("jwks",)) or "; the other routes need Signet in its place"
                raise SettingsError(f"SIGNET_ROUTES of a JWTManager can hold 'jwks', not {group!r}{hint}")
        if groups:
            from flask_signet.web.jwks import add_jwks_route

            add_jwks_route(app)

    def _register(self, app: Flask, add_context_processor: bool, clock: Clock, source: KeySource | None) -> TokenLayer:
        set_defaults(app)
        layer = TokenLayer(app, self, clock, source)
        known = app.extensions.get(_PEER)
        if known is None or isinstance(known, JWTManager):
            app.extensions[_PEER] = self  # else Flask-JWT-Extended serves this application too, and looks here
        app.extensions[EXTENSION] = layer
        _ = layer.settings  # a wrong one is heard of at start
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
        set_defaults(app)

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
        """Register our handlers with *app*, or with an API object that keeps handlers of its own."""
        handle = self.handle if isinstance(app, (Flask, Blueprint)) else self.handle_in_api
        # Flask-JWT-Extended registers each class by itself, so that a handler for the base of all, or one that was
        # registered before, is not asked.
        of_peer = _REFUSALS if isinstance(app, Flask) and layer_of(app).settings.compat else ()
        for kind in (JWTExtendedException, RequestError, Unavailable, WeakKeyError, *of_peer):
            app.errorhandler(kind)(handle)

    def handle(self, error: SignetError) -> Response:
        """Return the answer to *error*: the application's callback where there is one, else the one shape."""
        return self._answer(error)

    def handle_in_api(self, error: SignetError) -> tuple[Any, int, Any]:
        """Return the answer to *error* as a Flask-RESTX API takes it: data, status, headers.

        :raises Refusal: the body is no JSON object, and the API would fail to write its message into it.
        """
        response = self._answer(error, error.status)
        data = response.get_json(silent=True)
        if not isinstance(data, dict):
            raise refusal(error, response)
        return cast(Any, data), response.status_code, response.headers

    def _answer(self, error: SignetError, status: int | None = None) -> Response:
        """Return the answer to *error*.

        :param status: what a callback means that returns a body and no status; ``None``: 200, as Flask has it.
        """
        error = origin(error)
        callback, arguments = self._callback_for(error)
        layer = layer_of(current_app)
        if getattr(callback, "__module__", None) == callbacks.__name__ or callback is error_answer:
            key = layer.settings.message_key
            return error_answer(error, message_key=key, status=layer.status_of(error), code=not layer.compat)
        result: Any = self.call(callback, *arguments)
        says_its_status = isinstance(result, (tuple, BaseResponse))
        response = current_app.make_response(result)
        if status is not None and not says_its_status:
            response.status_code = status
        return complete(response, error)

    def refuse(self, error: SignetError) -> Exception:
        """Return what a guard raises for *error*.

        Under plain Flask it is *error* itself, as with Flask-JWT-Extended: what stands between guard and Flask, such as
        a decorator that caches answers, sees an error and no answer. An API extension that catches every exception
        would make a 500 of it, so under one it is a refusal that carries its answer. Where the application has a
        handler of its own for the error, that one is asked.
        """
        if isinstance(error, Refusal):
            return error
        layer = layer_of(current_app)
        raised = layer.as_raised(error)
        if _has_a_handler(raised):
            return raised
        api = api_of_request()
        if api is not None and self._is_answered_by(api, raised):
            return raised
        if current_app.config["TRAP_HTTP_EXCEPTIONS"]:
            return raised
        if not errors_are_wrapped():
            reach_blueprints(layer.app, request.blueprints, self)
            return raised
        return refusal(raised, self._answer(error, None if api is None else error.status))

    def refuse_by_hand(self, error: SignetError) -> Exception:
        """Return what ``verify_jwt_in_request()`` raises for *error*: its class, for the caller to catch.

        A resource of Flask-RESTX or Flask-RESTful is the exception: these turn every error that they do not know into
        a 500, so the answer is carried there too.
        """
        if error.status != 500 and api_of_request() is not None:
            return self.refuse(error)
        layer = layer_of(current_app)
        reach_blueprints(layer.app, request.blueprints, self)
        return layer.as_raised(error)

    def _is_answered_by(self, api: Any, error: SignetError) -> bool:
        """Return whether *api* has an answer of its own for *error*."""
        if type(error).__name__ in getattr(api, "errors", ()):  # Flask-RESTful's, by their names
            return True
        compat = layer_of(current_app).compat
        # With Flask-JWT-Extended the API adds its message to what our handlers return.
        return any(compat or not _ours(handler) for handler in handlers_of_api(api, error))

    def call(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """Return what *callback* returns, ``async`` or not.

        Waiting matters: a coroutine that nobody waits for is true, and would let everybody in.
        """
        result = callback(*arguments)
        if isawaitable(result):
            awaited = result

            async def wait() -> Any:
                return await awaited

            waiting = current_app.ensure_sync(wait)
            result = _beside_the_loop(waiting) if _loop_is_running() else waiting()
        return result

    def load_user(self, verified: Verified) -> Any:
        """Return the user of a verified token, for whoever asks first.

        :raises RuntimeError: nothing says how; the application registers a loader.
        """
        raise SettingsError("You must provide a `@jwt.user_lookup_loader` callback to use this method")

    def check_user(self, verified: Verified) -> None:
        """Refuse a token whose user is gone or disabled; a manager without users knows of none."""

    def _callback_for(self, error: SignetError) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        match error:
            case CSRFError() | NoAuthorizationError():
                return self._unauthorized_callback, (str(error),)
            case TokenExpired(jwt_header=header, jwt_data=data):
                return self._expired_token_callback, (header, data)
            case FreshTokenRequired(jwt_header=header, jwt_data=data):
                return self._needs_fresh_token_callback, (header, data)
            case RevokedTokenError(jwt_header=header, jwt_data=data):
                return self._revoked_token_callback, (header, data)
            case UserClaimsVerificationError(jwt_header=header, jwt_data=data):
                return self._token_verification_failed_callback, (header, data)
            case UserLookupError(jwt_header=header, jwt_data=data):
                return self._user_lookup_error_callback, (header, data)
            case JWTExtendedException():
                return self._invalid_token_callback, (str(error),)
            case _:
                return error_answer, (error,)

    # --- loaders: each keeps the function that it decorates, and gives it back unchanged -------------

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

        Both arguments come from whoever sent the token. A ``LookupError`` or ``None`` refuses it.
        """
        self.decode_key_callback = callback
        return callback

    def token_in_blocklist_loader(self, callback: C) -> C:
        """Return whether a token is revoked: ``callback(jwt_header, jwt_data) -> bool``."""
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


def _has_a_handler(error: SignetError) -> bool:
    """Return whether Flask would give *error* to a handler of the application for its class."""
    for name in (*request.blueprints, None):
        found = handlers_for(error, current_app.error_handler_spec[name][None])
        if found:
            return not _ours(found[0])
    return False


def own_handler(error: SignetError, handlers: Mapping[type[Exception], Any]) -> Callable[..., Any] | None:
    """Return the handler of *handlers*, not ours, that is for *error* itself and not for every error there is."""
    return next((handler for handler in handlers_for(error, handlers) if not _ours(handler)), None)


def _ours(handler: Any) -> bool:
    return getattr(handler, "__func__", None) in (JWTManager.handle, JWTManager.handle_in_api)


def _loop_is_running() -> bool:
    asyncio = sys.modules.get("asyncio")  # who never imported it runs no loop
    return asyncio is not None and asyncio._get_running_loop() is not None


def _beside_the_loop(waiting: Callable[[], Any]) -> Any:
    """Return what *waiting* returns, from a thread: the loop of an ``async`` view cannot wait for itself."""
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, waiting).result()


def reach_blueprints(app: Flask, names: list[str], manager: JWTManager) -> None:
    """Let our errors reach our handlers although a blueprint of *names* catches every exception.

    Flask asks the blueprint's handlers first; a handler for the very class of ours, put beside a
    catch-all, is the more specific one. A blueprint's own handler for our classes stays.
    """
    for name in names:
        handlers = app.error_handler_spec[name][None]
        if (Exception in handlers or BaseException in handlers) and SignetError not in handlers:
            for kind in (JWTExtendedException, Unavailable, WeakKeyError):
                handlers.setdefault(kind, manager.handle)
