"""Find the token of a request in one location. An absent token and an invalid token are different errors.

Each function returns the token as a string, raises :class:`NoAuthorizationError` if the location holds no token, and
raises another error if its content cannot be a token. The messages are those of Flask-JWT-Extended.

Only a bounded part of a request is parsed. Werkzeug parses in linear time, but needs up to 0.5 µs per byte, and some
servers accept headers of 64 KiB and more. A value above its limit counts as absent.
"""

from __future__ import annotations

import re
from hmac import compare_digest
from typing import Any, Final, cast

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
# A header may hold other credentials besides the token. A header that is longer than both limits is not parsed.
_OTHER_CREDENTIALS = 4_096  # bytes
_COMMAS = 256
COOKIE_BYTES: Final = 16_384  # or twice the longest token, if that is more
QUERY_BYTES: Final = 8_192  # without the token
_FIELDS = 1_000  # in a query string
_ESCAPES = 2_000  # in a query string: an escape that is not UTF-8 takes 2 µs


def cookies(request: Request, name: str, max_token_bytes: int = 0) -> list[str] | None:
    """Return the values of all cookies named *name*; ``None`` if the header is longer than the limit.

    Werkzeug's parser is not used: on ``a=``, blanks and a quote its regular expression backtracks at each blank, and
    16 KiB of blanks take seconds. The header is split as RFC 6265 section 5.4 joins it. Quotes around a value are
    removed, as in Werkzeug.
    """
    header: str = request.environ.get("HTTP_COOKIE", "")
    if len(header) > max(COOKIE_BYTES, 2 * max_token_bytes):
        return None
    if name not in header:
        return []
    pairs = (part.partition("=") for part in header.split(";"))
    values = [value.strip(" \t") for key, _, value in pairs if key.strip(" \t") == name]
    return [value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value for value in values]


def query_fits(request: Request, token_bytes: int = 0) -> bool:
    """Return whether the query string is within the limits.

    :param token_bytes: additional bytes for a token in the query string.
    """
    query: str = request.environ.get("QUERY_STRING", "")
    return len(query) <= QUERY_BYTES + token_bytes and query.count("&") < _FIELDS and query.count("%") <= _ESCAPES


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
    """Return the token from its cookie."""
    values = cookies(request, names.name, settings.policy.max_token_bytes)
    if values is None:
        raise NoAuthorizationError(f'Missing cookie "{names.name}": the Cookie header is too long')
    tokens = set(filter(None, values))
    if not tokens:
        raise NoAuthorizationError(f'Missing cookie "{names.name}"')
    if len(tokens) > 1:
        # Another path or another host of the domain has set one of them (RFC 6265 section 4.2.2).
        raise MalformedToken(f'The request holds different cookies named "{names.name}"; it is unknown which is valid')
    return tokens.pop()


def from_query(request: Request, settings: TokenSettings) -> str:
    """Return the token from its query parameter."""
    if not query_fits(request, settings.policy.max_token_bytes):
        raise NoAuthorizationError(f"Missing '{settings.query_name}' query paramater: the query string is too long")
    try:
        values = request.args.getlist(settings.query_name)
    except UnicodeError:
        raise InvalidQueryParamError("The query string is not UTF-8") from None
    value = values[0] if values else None
    if len(set(values)) > 1:
        raise InvalidQueryParamError(f"The query parameter '{settings.query_name}' occurs more than once")
    if not value:
        # Flask-JWT-Extended misspells this word, and programs compare the message.
        raise NoAuthorizationError(f"Missing '{settings.query_name}' query paramater")
    if not value.startswith(settings.query_prefix):
        raise InvalidQueryParamError(
            f"Invalid value for query parameter '{settings.query_name}'. "
            f"Expected the value to start with '{settings.query_prefix}'"
        )
    return value[len(settings.query_prefix) :]


def from_json(request: Request, settings: TokenSettings, *, refresh: bool) -> str:
    """Return the token from the JSON body. The application can still read the body afterwards."""
    from flask_signet.web.bodies import is_json, peek  # not at import: few applications look here

    if not is_json(request):
        raise NoAuthorizationError("Invalid content-type. Must be application/json.")
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
    """Return the CSRF value of the header; ``None`` if none is needed, ``""`` if the form may hold it.

    :raises CSRFError: a CSRF value is needed and absent.
    """
    if not settings.csrf_protect or request.method not in settings.csrf_methods:
        return None
    value = request.headers.get(names.csrf_header)
    if not value and not settings.csrf_check_form:
        raise CSRFError("Missing CSRF token")
    return value or ""


def csrf_of_form(request: Request, names: CookieNames) -> str:
    """Return the CSRF value of the form. Call it after the token is verified, since the form may contain large files.

    :raises CSRFError: the form holds no CSRF value, or different ones.
    """
    fields = set(request.form.getlist(names.csrf_field))
    if len(fields) > 1:
        raise CSRFError("The form holds different CSRF tokens")
    value = fields.pop() if fields else None
    if not value:
        raise CSRFError("Missing CSRF token")
    return value


def check_csrf(verified: Verified, value: str) -> None:
    """Compare *value* with the CSRF value in the token.

    :raises InvalidClaim: the token contains no CSRF value.
    :raises CSRFError: the values differ.
    """
    inside = verified.claims.get("csrf")
    if inside is None:
        raise InvalidClaim("Missing claim: csrf")
    # Compare bytes: compare_digest refuses strings with characters outside of ASCII, and a header may hold them.
    if not isinstance(inside, str) or not compare_digest(_bytes(inside), _bytes(value)):
        raise CSRFError("CSRF double submit tokens do not match")


def _scheme(field: str) -> str:
    return "".join(field.split(None, 1)[:1]).lower()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
