"""Find the credential of a request, or say that there is none. Absent and bad never share a path.

Each function gives the text of the token, raises :class:`NoAuthorizationError` where nothing came,
and another error where something came that cannot be it. Texts are those of Flask-JWT-Extended.
"""

from __future__ import annotations

import re
from hmac import compare_digest
from typing import Any, cast

from flask import Request
from werkzeug.exceptions import HTTPException

from flask_signet.exceptions import (
    CSRFError,
    InvalidClaim,
    InvalidHeaderError,
    InvalidQueryParamError,
    MalformedToken,
    NoAuthorizationError,
)
from flask_signet.tokens import strict_json
from flask_signet.tokens.verifier import Verified
from flask_signet.web.settings import CookieNames, TokenSettings

_COMMA = re.compile(r",\s*").split


def from_headers(request: Request, settings: TokenSettings) -> str:
    """Return the token of the header, ``Authorization: Bearer <token>`` by default.

    The scheme is compared without regard to case (RFC 9110 section 11.1).
    """
    name, kind = settings.header_name, settings.header_type
    header = request.headers.get(name, "").strip().strip(",")
    if not header:
        raise NoAuthorizationError(f"Missing {name} Header")
    expected = f"Expected '{name}: {kind} <JWT>'" if kind else f"Expected '{name}: <JWT>'"
    if not kind:
        parts = ["", *header.split()]
    else:
        fields = [field for field in _COMMA(header) if field.split()[:1] and field.split()[0].lower() == kind.lower()]
        if not fields:
            raise NoAuthorizationError(f"Missing '{kind}' type in '{name}' header. {expected}")
        if len(fields) > 1:
            raise InvalidHeaderError(f"Bad {name} header: it holds {len(fields)} tokens. {expected}")
        parts = fields[0].split()
    if len(parts) != 2:
        raise InvalidHeaderError(f"Bad {name} header. {expected}")
    return parts[1]


def from_cookies(request: Request, names: CookieNames) -> str:
    """Return the token of its cookie."""
    tokens = set(filter(None, request.cookies.getlist(names.name)))
    if not tokens:
        raise NoAuthorizationError(f'Missing cookie "{names.name}"')
    if len(tokens) > 1:
        # One of them was put there by another path, or by another host of the domain (RFC 6265 section 4.2.2).
        raise MalformedToken(f'Two different cookies "{names.name}" came; which of them counts cannot be known')
    return tokens.pop()


def from_query(request: Request, settings: TokenSettings) -> str:
    """Return the token of its query parameter."""
    values = request.args.getlist(settings.query_name)
    value = values[0] if values else None
    if len(set(values)) > 1:
        raise InvalidQueryParamError(f"The query parameter '{settings.query_name}' came more than once")
    if not value:
        # The slip of the pen is Flask-JWT-Extended's, and programs compare the text.
        raise NoAuthorizationError(f"Missing '{settings.query_name}' query paramater")
    if not value.startswith(settings.query_prefix):
        raise InvalidQueryParamError(
            f"Invalid value for query parameter '{settings.query_name}'. "
            f"Expected the value to start with '{settings.query_prefix}'"
        )
    return value[len(settings.query_prefix) :]


def from_json(request: Request, key: str) -> str:
    """Return the token of the JSON body."""
    if not request.is_json:
        raise NoAuthorizationError("Invalid content-type. Must be application/json.")
    missing = NoAuthorizationError(f'Missing "{key}" key in json data.')
    try:
        body = strict_json.loads(request.get_data())
    except (ValueError, HTTPException):
        raise missing from None
    token = cast(dict[str, Any], body).get(key) if isinstance(body, dict) else None
    if not token:
        raise missing
    if not isinstance(token, str):
        raise MalformedToken("Invalid token type. Token must be a string")
    return token


def csrf_value(request: Request, settings: TokenSettings, names: CookieNames) -> str | None:
    """Return the proof that must come with a cookie, or ``None`` where none is needed.

    :raises CSRFError: needed and absent.
    """
    if not settings.csrf_protect or request.method not in settings.csrf_methods:
        return None
    value = request.headers.get(names.csrf_header)
    if not value and settings.csrf_check_form:
        fields = set(request.form.getlist(names.csrf_field))
        if len(fields) > 1:
            raise CSRFError("Two different CSRF tokens came")
        value = fields.pop() if fields else None
    if not value:
        raise CSRFError("Missing CSRF token")
    return value


def check_csrf(verified: Verified, value: str) -> None:
    """Compare the proof with the one inside the token.

    :raises InvalidClaim: the token holds none.
    :raises CSRFError: another one.
    """
    inside = verified.claims.get("csrf")
    if inside is None:
        raise InvalidClaim("Missing claim: csrf")
    # As bytes: compare_digest refuses texts beyond ASCII, and a header may hold any.
    if not isinstance(inside, str) or not compare_digest(_bytes(inside), _bytes(value)):
        raise CSRFError("CSRF double submit tokens do not match")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
