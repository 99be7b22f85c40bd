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
from flask_signet.web import bounds
from flask_signet.web.settings import CookieNames, TokenSettings

_COMMA = re.compile(r",\s*").split
# Beside the token a header may hold other credentials; what is longer than both is not taken apart.
_OTHER_CREDENTIALS = 4_096  # bytes
_COMMAS = 256


def from_headers(request: Request, settings: TokenSettings) -> str:
    """Return the token of the header, ``Authorization: Bearer <token>`` by default.

    The scheme is compared without regard to case (RFC 9110 section 11.1).
    """
    name, kind = settings.header_name, settings.header_type
    header = request.headers.get(name, "")
    if len(header) > settings.policy.max_token_bytes + _OTHER_CREDENTIALS or header.count(",") > _COMMAS:
        raise MalformedToken(f"Invalid token: longer than {settings.policy.max_token_bytes} bytes")
    header = header.strip().strip(",")
    if not header:
        raise NoAuthorizationError(f"Missing {name} Header")
    expected = f"Expected '{name}: {kind} <JWT>'" if kind else f"Expected '{name}: <JWT>'"
    if not kind:
        parts = ["", *header.split()]
    else:
        scheme = kind.lower()
        fields = [field for field in _COMMA(header) if _scheme(field) == scheme]
        if not fields:
            raise NoAuthorizationError(f"Missing '{kind}' type in '{name}' header. {expected}")
        if len(fields) > 1:
            raise InvalidHeaderError(f"Bad {name} header: it holds {len(fields)} tokens. {expected}")
        parts = fields[0].split()
    if len(parts) != 2:
        raise InvalidHeaderError(f"Bad {name} header. {expected}")
    return parts[1]


def from_cookies(request: Request, settings: TokenSettings, names: CookieNames) -> str:
    """Return the token of its cookie."""
    values = bounds.cookies(request, names.name, settings.policy.max_token_bytes)
    if values is None:
        raise NoAuthorizationError(f'Missing cookie "{names.name}": the cookies are longer than can be read')
    tokens = set(filter(None, values))
    if not tokens:
        raise NoAuthorizationError(f'Missing cookie "{names.name}"')
    if len(tokens) > 1:
        # One of them was put there by another path, or by another host of the domain (RFC 6265 section 4.2.2).
        raise MalformedToken(f'Two different cookies "{names.name}" came; which of them counts cannot be known')
    return tokens.pop()


def from_query(request: Request, settings: TokenSettings) -> str:
    """Return the token of its query parameter."""
    if not bounds.query_fits(request, settings.policy.max_token_bytes):
        raise NoAuthorizationError(f"Missing '{settings.query_name}' query paramater: the query string is too long")
    try:
        values = request.args.getlist(settings.query_name)
    except UnicodeError:
        raise InvalidQueryParamError("The query string is not UTF-8") from None
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


def from_json(request: Request, settings: TokenSettings, *, refresh: bool) -> str:
    """Return the token of the JSON body, which the application can still read."""
    if not bounds.is_json(request):
        raise NoAuthorizationError("Invalid content-type. Must be application/json.")
    from flask_signet.web.bodies import peek  # not at import: few applications look here

    key = settings.json_keys[refresh]
    missing = NoAuthorizationError(f'Missing "{key}" key in json data.')
    try:
        data = peek(request, settings.max_json_bytes)
        if data is None:
            raise NoAuthorizationError(
                f'Missing "{key}" key in json data. Bodies of more than JWT_MAX_JSON_BYTES = '
                f"{settings.max_json_bytes} bytes are not searched for a token"
            )
        body = strict_json.loads(data)
    except (ValueError, HTTPException):
        raise missing from None
    token = cast(dict[str, Any], body).get(key) if isinstance(body, dict) else None
    if not token:
        raise missing
    if not isinstance(token, str):
        raise MalformedToken("Invalid token type. Token must be a string")
    return token


def csrf_value(request: Request, settings: TokenSettings, names: CookieNames) -> str | None:
    """Return the proof that must come with a cookie: ``None`` where none is needed, ``""`` where the form may hold it.

    :raises CSRFError: needed and absent.
    """
    if not settings.csrf_protect or request.method not in settings.csrf_methods:
        return None
    value = request.headers.get(names.csrf_header)
    if not value and not settings.csrf_check_form:
        raise CSRFError("Missing CSRF token")
    return value or ""


def csrf_of_form(request: Request, names: CookieNames) -> str:
    """Return the proof of the form. Only for who has shown a good token: a form may be as large as a file.

    :raises CSRFError: absent, or two different ones.
    """
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


def _scheme(field: str) -> str:
    return "".join(field.split(None, 1)[:1]).lower()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
