"""How much is read of what a stranger sends beside the body: cookies, content type, query string.

Werkzeug reads them in linear time, but at up to 0.5 µs a byte, and some servers take headers of 64 KiB and more. What
goes beyond these limits counts as not there.
"""

from __future__ import annotations

from typing import Final

from flask import Request

CONTENT_TYPE: Final = 1_024  # bytes
COOKIE_BYTES: Final = 16_384  # or two tokens of the longest kind, where that is more
QUERY_BYTES: Final = 8_192  # beside a token
FIELDS: Final = 1_000  # of a query string
ESCAPES: Final = 2_000  # of a query string: one that is not UTF-8 takes 2 µs
FORM_FIELDS: Final = 100  # of a form of our own routes
FORM_ESCAPES: Final = 4_096  # of the same: a password of 1,024 characters has at most 3,072 in most scripts


def mimetype(request: Request) -> str:
    """Return the media type of the body without its parameters, ``""`` where there is none or a header too long."""
    return request.mimetype if len(request.environ.get("CONTENT_TYPE", "")) <= CONTENT_TYPE else ""


def is_json(request: Request) -> bool:
    """Return whether the body says that it is JSON."""
    return len(request.environ.get("CONTENT_TYPE", "")) <= CONTENT_TYPE and request.is_json


def cookies(request: Request, name: str, max_token_bytes: int = 0) -> list[str] | None:
    """Return the values of all cookies of this name; ``None`` where the header is too long to be read.

    Not by Werkzeug: for ``a=``, blanks and a quote its expression begins again at each blank, and 16 KiB of them take
    seconds. Parted as RFC 6265 section 5.4 joins them; quotes around a value go, as there.
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
    """Return whether the query string may be read.

    :param token_bytes: room for a token within it.
    """
    query: str = request.environ.get("QUERY_STRING", "")
    return len(query) <= QUERY_BYTES + token_bytes and query.count("&") < FIELDS and query.count("%") <= ESCAPES
