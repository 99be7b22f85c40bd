"""Hold the callbacks that an application registers for keys, tokens and users, and call them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from flask import current_app

from flask_signet.exceptions import (
    CSRFError,
    FreshTokenRequired,
    JWTExtendedException,
    NoAuthorizationError,
    RevokedTokenError,
    SettingsError,
    SignetError,
    TokenExpired,
    UserClaimsVerificationError,
    UserLookupError,
)
from flask_signet.tokens.verifier import Verified

Claims = dict[str, Any]


class Loaders:
    """The callbacks of one manager. Several applications can share one manager and its callbacks.

    ``None`` means that no callback is registered and nothing is called.
    """

    # The callbacks that answer refused requests. The manager sets their defaults, because the defaults use the token
    # layer, which imports this module.
    _expired_token_callback: Callable[..., Any]
    _invalid_token_callback: Callable[..., Any]
    _unauthorized_callback: Callable[..., Any]
    _needs_fresh_token_callback: Callable[..., Any]
    _revoked_token_callback: Callable[..., Any]
    _token_verification_failed_callback: Callable[..., Any]
    _user_lookup_error_callback: Callable[..., Any]

    def __init__(self) -> None:
        self.decode_key_callback: Callable[..., Any] | None = None
        self.encode_key_callback: Callable[..., Any] | None = None
        self.user_claims_callback: Callable[..., Any] | None = None
        self.jwt_additional_header_callback: Callable[..., Any] | None = None
        self.user_identity_callback: Callable[..., Any] | None = None
        self.token_in_blocklist_callback: Callable[..., Any] | None = None
        self.token_verification_callback: Callable[..., Any] | None = None
        self.user_lookup_callback: Callable[..., Any] | None = None

    def call(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """Return what *callback* returns; the result of an ``async`` callback is awaited.

        A coroutine that is not awaited counts as true, and would accept every token.
        """
        result = callback(*arguments)
        if isawaitable(result):
            awaited = result

            async def wait() -> Any:
                return await awaited

            waiting = current_app.ensure_sync(wait)
            result = _beside_the_loop(waiting) if _loop_is_running() else waiting()
        return result

    def callback_for(self, error: SignetError) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
        """Return the callback that answers *error*, with its arguments; ``None`` if there is no callback for it."""
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
                return None

    def load_user(self, verified: Verified) -> Any:
        """Return the user of a verified token, when the view first asks for it.

        :raises SettingsError: the application has no ``user_lookup_loader``, and the manager has no user store.
        """
        raise SettingsError("You must provide a `@jwt.user_lookup_loader` callback to use this method")

    def check_user(self, verified: Verified) -> None:
        """Refuse a token whose user is deleted or disabled. A manager without a user store accepts every user."""


# --- Default callbacks --------------------------------------------------------------------------------


def additional_claims(identity: Any) -> Claims:
    """Return no additional claims."""
    return {}


def additional_headers(identity: Any) -> Claims:
    """Return no additional headers."""
    return {}


def user_identity(identity: Any) -> Any:
    """Return the identity unchanged."""
    return identity


def token_in_blocklist(jwt_header: Claims, jwt_data: Claims) -> bool:
    """Return ``False``: no token is revoked."""
    return False


def token_verification(jwt_header: Claims, jwt_data: Claims) -> bool:
    """Return ``True``: the claims of every valid token are accepted."""
    return True


# --- Async callbacks ----------------------------------------------------------------------------------


def _loop_is_running() -> bool:
    asyncio = sys.modules.get("asyncio")  # without the import no loop can run
    return asyncio is not None and asyncio._get_running_loop() is not None


def _beside_the_loop(waiting: Callable[[], Any]) -> Any:
    """Return what *waiting* returns, run in another thread: the event loop of an ``async`` view would block."""
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, waiting).result()
