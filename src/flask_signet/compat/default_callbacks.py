"""Provide the default callbacks of ``flask_jwt_extended.default_callbacks``."""

from typing import Any

from flask_signet.compat.config import config
from flask_signet.web.callbacks import expired_token as default_expired_token_callback
from flask_signet.web.callbacks import invalid_token as default_invalid_token_callback
from flask_signet.web.callbacks import needs_fresh_token as default_needs_fresh_token_callback
from flask_signet.web.callbacks import revoked_token as default_revoked_token_callback
from flask_signet.web.callbacks import token_verification_failed as default_token_verification_failed_callback
from flask_signet.web.callbacks import unauthorized as default_unauthorized_callback
from flask_signet.web.callbacks import user_lookup_error as default_user_lookup_error_callback
from flask_signet.web.loaders import additional_claims as default_additional_claims_callback
from flask_signet.web.loaders import additional_headers as default_jwt_headers_callback
from flask_signet.web.loaders import token_in_blocklist as default_blocklist_callback
from flask_signet.web.loaders import token_verification as default_token_verification_callback
from flask_signet.web.loaders import user_identity as default_user_identity_callback

__all__ = [
    "default_additional_claims_callback",
    "default_blocklist_callback",
    "default_decode_key_callback",
    "default_encode_key_callback",
    "default_expired_token_callback",
    "default_invalid_token_callback",
    "default_jwt_headers_callback",
    "default_needs_fresh_token_callback",
    "default_revoked_token_callback",
    "default_token_verification_callback",
    "default_token_verification_failed_callback",
    "default_unauthorized_callback",
    "default_user_identity_callback",
    "default_user_lookup_error_callback",
]


def default_encode_key_callback(identity: Any) -> Any:
    """Return the configured signing key.

    :raises RuntimeError: no signing key is configured.
    """
    return config.encode_key


def default_decode_key_callback(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> Any:
    """Return the configured verifying key.

    :raises RuntimeError: no verifying key is configured.
    """
    return config.decode_key
