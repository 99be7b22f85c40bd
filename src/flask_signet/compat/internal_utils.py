"""Provide the names of ``flask_jwt_extended.internal_utils`` that other packages import."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from flask import Flask, current_app

from flask_signet.exceptions import RevokedTokenError, UserClaimsVerificationError, WrongTokenError
from flask_signet.web.issuing import json_default
from flask_signet.web.manager import JWTManager
from flask_signet.web.token_layer import layer_of

#: Every supported version of Flask has a JSON provider.
HAS_JSON_PROVIDER: Final = True


class JSONEncoder(json.JSONEncoder):
    """Encodes values of other types with the application's JSON provider."""

    def default(self, o: Any) -> Any:
        """Return *o* as a value that JSON can represent.

        :raises TypeError: the provider cannot convert *o*.
        """
        return json_default()(o)


def get_json_encoder(app: Flask) -> type[json.JSONEncoder]:
    """Return the encoder class for *app*. The class uses the provider of the current application."""
    return JSONEncoder


def get_jwt_manager() -> JWTManager:
    """Return the manager of the current application.

    :raises RuntimeError: the application has no manager.
    """
    return cast(JWTManager, layer_of(current_app).loaders)  # only managers are registered with applications


def has_user_lookup() -> bool:
    """Return whether a ``user_lookup_loader`` is registered."""
    return get_jwt_manager().user_lookup_callback is not None


def user_lookup(*args: Any, **kwargs: Any) -> Any:
    """Return the result of the ``user_lookup_loader``; ``None`` if no loader is registered."""
    manager = get_jwt_manager()
    if manager.user_lookup_callback is None:
        return None
    return manager.call(lambda: cast(Any, manager.user_lookup_callback)(*args, **kwargs))


def verify_token_type(decoded_token: dict[str, Any], refresh: bool) -> None:
    """Refuse a token of the wrong kind.

    :raises WrongTokenError: the token has a different kind than *refresh* requires.
    """
    if decoded_token["type"] != ("refresh" if refresh else "access"):
        raise WrongTokenError(f"Only {'refresh' if refresh else 'non-refresh'} tokens are allowed")


def verify_token_not_blocklisted(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    """Check the token with the ``token_in_blocklist_loader``.

    :raises RevokedTokenError: the loader returns that the token is revoked.
    """
    manager = get_jwt_manager()
    callback = manager.token_in_blocklist_callback
    if callback is not None and manager.call(callback, jwt_header, jwt_data):
        raise RevokedTokenError(jwt_header, jwt_data)


def custom_verification_for_token(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    """Check the claims with the ``token_verification_loader``.

    :raises UserClaimsVerificationError: the loader refuses the claims.
    """
    manager = get_jwt_manager()
    callback = manager.token_verification_callback
    if callback is not None and not manager.call(callback, jwt_header, jwt_data):
        raise UserClaimsVerificationError(None, jwt_header, jwt_data)
