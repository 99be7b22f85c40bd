"""Build the responses of our routes and guards: JSON, never cached, all errors in one format."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypedDict, cast

from flask import Response, current_app

from flask_signet.exceptions import (
    FreshTokenRequired,
    JWTExtendedException,
    MfaRequired,
    NoAuthorizationError,
    RateLimited,
    RequestError,
    SettingsError,
    SignetError,
    Unavailable,
    WeakKeyError,
)
from flask_signet.web.fields import Note

log = logging.getLogger("flask_signet")


class _Error(TypedDict):
    error: Annotated[str, Note(about="The code for programs; it never changes.", example="invalid_request")]
    msg: Annotated[str, Note(about="The message for people.", example="username is missing")]


class ErrorAnswer(_Error, total=False):
    """The body of an error answer."""

    fields: Annotated[
        dict[str, str],
        Note(about="For each invalid field of the body, the reason.", example={"username": "is missing"}),
    ]
    mfa_token: Annotated[str, Note(about="With mfa_required: the token of the pending login.", example="sgm_…")]
    methods: Annotated[list[str], Note(about="With mfa_required: the methods that can complete the login.")]
    expires_in: Annotated[int, Note(about="With mfa_required: lifetime of mfa_token in seconds.", example=300)]


# Our responses are data: a browser must not render them as a page, run them or show them in a frame.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

# In debug mode, errors that the browser caused name the section of the documentation that helps.
_HELP: Final = {
    "csrf_failed": "it-does-not-work.md#403-csrf_failed",
    "unsupported_media_type": "it-does-not-work.md#415-unsupported-media-type",
}


def json_answer(payload: Mapping[str, Any] | list[Any], status: int = 200) -> Response:
    """Return *payload* as a JSON response that must not be cached (RFC 6749 section 5.1)."""
    # Flask's annotation names the base class; the object is of the application's response class.
    response = cast(Response, current_app.json.response(payload))
    response.status_code = status
    response.headers.update(_HEADERS)
    return response


def empty_answer(status: int = 204) -> Response:
    """Return a response without a body that must not be cached."""
    response = current_app.response_class(status=status)
    response.headers.update(_HEADERS)
    return response


def challenge(error: SignetError) -> str:
    """Return the value of ``WWW-Authenticate`` for a 401.

    Source: RFC 6750 section 3 (no error code if the request has no credentials), RFC 9470 section 3.
    """
    if isinstance(error, FreshTokenRequired):
        return 'Bearer error="insufficient_user_authentication"'
    if isinstance(error, JWTExtendedException) and not isinstance(error, NoAuthorizationError):
        return 'Bearer error="invalid_token"'
    return "Bearer"


def message(error: SignetError) -> str:
    """Return the public message of *error*; it never contains the internal reason of a 5xx."""
    if error.status < 500:
        help_with = _HELP.get(error.code) if current_app.debug else None
        return str(error) if help_with is None else f"{error} (help: docs/{help_with})"
    if current_app.debug and isinstance(error, SettingsError):
        return str(error)  # the developer must fix it, and it contains no secret
    return "Service temporarily unavailable" if error.status == 503 else "Internal server error"


def complete(response: Response, error: SignetError) -> Response:
    """Add the headers for *error* to *response*, and log server errors. The application may have written the body."""
    if error.status >= 500 and type(error) not in (Unavailable, WeakKeyError):
        # These two are logged where they are raised. For the others the client gets no reason, so the log has it.
        log.error("Answered %d (%s): %s", error.status, error.code, error)
    if response.status_code == 401:
        response.headers.setdefault("WWW-Authenticate", challenge(error))
    if isinstance(error, (Unavailable, RateLimited)):
        response.headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, WeakKeyError):
        response.headers["Retry-After"] = "60"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def error_answer(
    error: SignetError, *, message_key: str = "msg", status: int | None = None, code: bool = True
) -> Response:
    """Return an error in our format: ``{"error": code, "msg": message}``, with ``fields`` if there are any.

    :param code: ``False`` omits the code and the debug help, as in the bodies of Flask-JWT-Extended.
    """
    if not code:
        text = str(error) if error.status < 500 else message(error)
        bare: dict[str, Any] = {message_key: text, **_asked_for(error)}
        return complete(json_answer(bare, error.status if status is None else status), error)
    # This is an ErrorAnswer if the key is msg.
    payload: dict[str, Any] = {"error": error.code, message_key: message(error), **_asked_for(error)}
    if isinstance(error, RequestError) and error.fields:
        payload["fields"] = error.fields
    return complete(json_answer(payload, error.status if status is None else status), error)


def _asked_for(error: SignetError) -> dict[str, Any]:
    """Return the fields that a client needs to continue its login."""
    if not isinstance(error, MfaRequired):
        return {}
    return {"mfa_token": error.mfa_token, "methods": list(error.methods), "expires_in": error.expires_in}
