"""Limit how much of the cookies, the content type and the query string of a request is parsed.

Werkzeug parses them in linear time, but needs up to 0.5 µs per byte, and some servers accept headers of 64 KiB and
more. A value above its limit counts as absent.
"""

from __future__ import annotations

from typing import Final

from flask import Request

CONTENT_TYPE: Final = 1_024  # bytes
COOKIE_BYTES: Final = 16_384  # or twice the longest token, if that is more
QUERY_BYTES: Final = 8_192  # without the token
FIELDS: Final = 1_000  # in a query string
ESCAPES: Final = 2_000  # in a query string: an escape that is not UTF-8 takes 2 µs
FORM_FIELDS: Final = 100  # in a form that one of our routes reads
FORM_ESCAPES: Final = 4_096  # in such a form: a password of 1,024 characters has at most 3,072 in most scripts


def mimetype(request: Request) -> str:
    """Return the media type of the body without its parameters; ``""`` if it is absent or longer than the limit."""
    return request.mimetype if len(request.environ.get("CONTENT_TYPE", "")) <= CONTENT_TYPE else ""


def is_json(request: Request) -> bool:
    """Return whether the content type of the request is JSON."""
    return len(request.environ.get("CONTENT_TYPE", "")) <= CONTENT_TYPE and request.is_json


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
    return len(query) <= QUERY_BYTES + token_bytes and query.count("&") < FIELDS and query.count("%") <= ESCAPES
