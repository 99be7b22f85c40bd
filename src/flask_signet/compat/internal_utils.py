"""The names of ``flask_jwt_extended.internal_utils`` that other packages import."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from flask import Flask, current_app

from flask_signet.exceptions import RevokedTokenError, UserClaimsVerificationError, WrongTokenError
from flask_signet.web.issuing import json_default
from flask_signet.web.manager import JWTManager
from flask_signet.web.token_layer import layer_of

#: Every Flask that we run on has it.
HAS_JSON_PROVIDER: Final = True


class JSONEncoder(json.JSONEncoder):
    """Encodes what JSON does not know as the application's JSON provider does."""

    def default(self, o: Any) -> Any:
        """Return *o* as something that JSON knows.

        :raises TypeError: the provider does not know it either.
        """
        return json_default()(o)


def get_json_encoder(app: Flask) -> type[json.JSONEncoder]:
    """Return the encoder class for *app*; it asks the current application when it is used."""
    return JSONEncoder


def get_jwt_manager() -> JWTManager:
    """Return the manager of the current application.

    :raises RuntimeError: there is none.
    """
    return cast(JWTManager, layer_of(current_app).loaders)  # only managers are registered with applications


def has_user_lookup() -> bool:
    """Tell whether a ``user_lookup_loader`` is registered."""
    return get_jwt_manager().user_lookup_callback is not None


def user_lookup(*args: Any, **kwargs: Any) -> Any:
    """Return what the ``user_lookup_loader`` returns, or ``None`` where there is none."""
    manager = get_jwt_manager()
    if manager.user_lookup_callback is None:
        return None
    return manager.call(lambda: cast(Any, manager.user_lookup_callback)(*args, **kwargs))


def verify_token_type(decoded_token: dict[str, Any], refresh: bool) -> None:
    """Refuse a token of the other kind.

    :raises WrongTokenError: it is none of the kind asked for.
    """
    if decoded_token["type"] != ("refresh" if refresh else "access"):
        raise WrongTokenError(f"Only {'refresh' if refresh else 'non-refresh'} tokens are allowed")


def verify_token_not_blocklisted(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    """Ask the ``token_in_blocklist_loader``.

    :raises RevokedTokenError: it says that the token is revoked.
    """
    manager = get_jwt_manager()
    callback = manager.token_in_blocklist_callback
    if callback is not None and manager.call(callback, jwt_header, jwt_data):
        raise RevokedTokenError(jwt_header, jwt_data)


def custom_verification_for_token(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    """Ask the ``token_verification_loader``.

    :raises UserClaimsVerificationError: it refuses the claims.
    """
    manager = get_jwt_manager()
    callback = manager.token_verification_callback
    if callback is not None and not manager.call(callback, jwt_header, jwt_data):
        raise UserClaimsVerificationError(None, jwt_header, jwt_data)
