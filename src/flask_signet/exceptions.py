"""One tree of errors, each with a stable code, a status and fields.

``code`` is for programs and frozen once released; the message is for people and holds neither a
secret nor a token. The classes below :class:`JWTExtendedException` carry the names that users of
Flask-JWT-Extended catch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class SignetError(Exception):
    """Root of every error that this package raises."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    #: The status that Flask-JWT-Extended answers, if it is different.
    fje_status: ClassVar[int | None] = None


# --- Operator errors --------------------------------------------------------------------------------


class SettingsError(SignetError, RuntimeError):
    """A setting is missing or wrong; the message says which value is right."""

    code = "settings"


class InvalidKeyError(SettingsError):
    """A key cannot be used: wrong type, curve, use, size or encoding."""

    code = "invalid_key"


class WeakKeyError(InvalidKeyError):
    """A signing key is short or publicly known, and the application serves real traffic."""

    code = "unavailable"
    status = 503


class IdentityTypeError(SettingsError, TypeError):
    """The identity of a token is neither an int nor a string, and no loader converts it."""


class Unavailable(SignetError):
    """The store does not answer, or too many requests need it at once.

    :param retry_after: seconds after which a client should try again.
    """

    code = "unavailable"
    status = 503

    def __init__(self, message: str = "Service temporarily unavailable", *, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SchemaError(SettingsError, Unavailable):
    """The tables of the database belong to another version; the message names the command."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int = 30) -> None:
        Unavailable.__init__(self, message, retry_after=retry_after)


class NotReadyError(SettingsError, Unavailable):
    """A setting is wrong in a way that only the first use can find; the message says what."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int = 30) -> None:
        Unavailable.__init__(self, message, retry_after=retry_after)


class StorageError(SettingsError, Unavailable):
    """A file or folder of Flask-Signet cannot be created, read or written; the message says what to do."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int = 30) -> None:
        Unavailable.__init__(self, message, retry_after=retry_after)


# --- Credentials: everything a guard can refuse ----------------------------------------------------


class JWTExtendedException(SignetError):
    """Base of every refusal of a token or of the request that carries it."""

    code = "invalid_token"
    status = 401


TokenError = JWTExtendedException


class JWTDecodeError(JWTExtendedException):
    """The token is invalid: malformed, badly signed, expired, or with a wrong claim."""

    fje_status = 422

    def __init__(
        self,
        message: str = "Invalid token",
        *,
        jwt_header: Mapping[str, Any] | None = None,
        jwt_data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.jwt_header: dict[str, Any] = dict(jwt_header or {})
        self.jwt_data: dict[str, Any] = dict(jwt_data or {})


class MalformedToken(JWTDecodeError):
    """The string is not a compact JWS with a strict JSON object inside (RFC 7515 section 5.2)."""


class InvalidSignature(JWTDecodeError):
    """The signature was not made by a key of this application."""


class InvalidAlgorithm(JWTDecodeError):
    """The algorithm in the header is not the algorithm of the key (RFC 8725 section 3.1)."""


class UnknownKey(JWTDecodeError):
    """The header names no known key, or several."""


class InvalidClaim(JWTDecodeError):
    """A registered claim has the wrong type or value (RFC 7519 section 4.1)."""


class MissingClaim(InvalidClaim):
    """A claim that this application requires is absent."""


class InvalidAudience(InvalidClaim):
    """``aud`` is absent or names another audience."""


class InvalidIssuer(InvalidClaim):
    """``iss`` is absent or names another issuer."""


class ImmatureToken(InvalidClaim):
    """``nbf`` or ``iat`` lies in the future, leeway included."""


class TokenExpired(JWTDecodeError):
    """``exp`` lies in the past, leeway included. ``jwt_header`` and ``jwt_data`` are verified."""

    code = "token_expired"
    fje_status = None


class InvalidHeaderError(JWTExtendedException):
    """The header that should carry the token is not of the form ``<type> <token>``."""

    fje_status = 422


class InvalidQueryParamError(JWTExtendedException):
    """The query parameter that should carry the token lacks its prefix."""

    fje_status = 422


class NoAuthorizationError(JWTExtendedException):
    """The request carries no credential."""

    code = "missing_token"


class CSRFError(JWTExtendedException):
    """A cookie came without its CSRF value, or from an origin that is not trusted."""

    fje_status = 401
    code = "csrf_failed"
    status = 403


class WrongTokenError(JWTExtendedException):
    """The token is of another kind than the route requires."""

    fje_status = 422


class _VerifiedTokenRefused(JWTExtendedException):
    """A valid token that this route refuses."""

    message: ClassVar[str] = "Invalid token"

    def __init__(
        self,
        message: str | Mapping[str, Any] | None = None,
        jwt_header: Mapping[str, Any] | None = None,
        jwt_data: Mapping[str, Any] | None = None,
    ) -> None:
        if message is not None and not isinstance(message, str):
            # Flask-JWT-Extended's RevokedTokenError takes (jwt_header, jwt_data) without a message.
            message, jwt_header, jwt_data = None, message, jwt_header
        super().__init__(message or self.message)
        self.jwt_header: dict[str, Any] = dict(jwt_header or {})
        self.jwt_data: dict[str, Any] = dict(jwt_data or {})


class RevokedTokenError(_VerifiedTokenRefused):
    """The token, its session or its user was revoked."""

    code = "token_revoked"
    message = "Token has been revoked"


class FreshTokenRequired(_VerifiedTokenRefused):
    """The route requires a fresh token, from a login with a password (RFC 9470)."""

    code = "fresh_token_required"
    message = "Fresh token required"


class UserLookupError(_VerifiedTokenRefused):
    """The user of this token does not exist or may not log in."""

    message = "Error loading the user"


class UserClaimsVerificationError(_VerifiedTokenRefused):
    """The token verification loader refused the claims."""

    fje_status = 400
    message = "User claims verification failed"


# --- Requests to our own routes --------------------------------------------------------------------


class RequestError(SignetError):
    """Base of every refusal by a route of ``Signet``.

    :param fields: name of a body field → what is wrong with it.
    """

    code = "invalid_request"
    status = 400
    message: ClassVar[str] = "Bad request"

    def __init__(self, message: str | None = None, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message or self.message)
        self.fields: dict[str, str] = dict(fields or {})


class InvalidRequest(RequestError):
    """Not JSON, not an object, a field missing or of the wrong type, two credentials at once."""


class WeakPassword(RequestError):
    """The password is too short or too long."""

    code = "weak_password"


class InvalidCredentials(RequestError):
    """Unknown name, wrong password, or an account that may not log in: always the same message."""

    code = "invalid_credentials"
    status = 401
    message = "Bad username or password"


class MfaRequired(RequestError):
    """The login needs a second factor: no session exists yet.

    :param mfa_token: names the pending login, a secret of the client: opaque, short-lived, good for one login.
    :param methods: what the user may answer with, at ``POST /token/mfa``.
    :param expires_in: seconds that the token lives.
    """

    code = "mfa_required"
    status = 401
    message = "A second factor is required"

    def __init__(self, *, mfa_token: str, methods: tuple[str, ...], expires_in: int) -> None:
        super().__init__()
        self.mfa_token = mfa_token
        self.methods = methods
        self.expires_in = expires_in


class NotFound(RequestError):
    """The resource does not exist, or belongs to another user."""

    code = "not_found"
    status = 404
    message = "Not found"


class MethodNotAllowed(RequestError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405
    message = "Method not allowed"


class Conflict(RequestError):
    """The user name is taken."""

    code = "conflict"
    status = 409
    message = "Conflict"


class TooLarge(RequestError):
    """The request body is too large."""

    code = "too_large"
    status = 413
    message = "Request body is too large"


class UnsupportedMediaType(RequestError):
    """The content type of the body is not one that the route reads."""

    code = "unsupported_media_type"
    status = 415
    message = "Send the body as JSON, with 'Content-Type: application/json'"


class RateLimited(RequestError):
    """Too many attempts.

    :param retry_after: seconds after which the next attempt counts.
    """

    code = "rate_limited"
    status = 429
    message = "Too many tries; wait a moment"

    def __init__(self, message: str | None = None, *, retry_after: int = 30) -> None:
        super().__init__(message)
        self.retry_after = retry_after
