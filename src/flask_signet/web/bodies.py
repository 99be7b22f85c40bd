"""Read the body of a request strictly, or say what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers.request import Request as WerkzeugRequest

from flask_signet.exceptions import InvalidRequest, TooLarge, UnsupportedMediaType
from flask_signet.tokens import strict_json

LIMIT = 65_536  # bytes: no honest body of our routes comes near it


def _read(request: WerkzeugRequest, limit: int) -> bytes:
    if (request.content_length or 0) > limit:
        raise TooLarge
    # Werkzeug cuts a body of unknown length (chunked) at the limit without a word: one byte more shows that it did.
    request.max_content_length = limit + 1
    try:
        data = request.get_data(cache=True)
    except RequestEntityTooLarge:
        raise TooLarge from None
    if len(data) > limit:
        raise TooLarge
    return data


def is_empty(request: Request, *, limit: int = LIMIT) -> bool:
    """Tell whether there is no body, or one of no bytes, which may come in chunks.

    :raises TooLarge: its length is unknown and more than *limit*.
    """
    if request.content_length is not None:
        return request.content_length == 0
    return not request.headers.get("Transfer-Encoding") or not _read(request, limit)


def json_object(request: Request, *, limit: int = LIMIT) -> dict[str, object]:
    """Return the JSON object of the body.

    :param limit: largest body in bytes.
    :raises UnsupportedMediaType: the content type is not JSON.
    :raises TooLarge: the body is longer than *limit*.
    :raises InvalidRequest: not JSON, duplicate names, or no object.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge
    if not request.is_json:
        if not request.content_length and not request.content_type:
            raise InvalidRequest("The body is empty; send a JSON object")
        raise UnsupportedMediaType(_wrong_type(request.mimetype))
    data = _read(request, limit)
    try:
        body = strict_json.loads(data)
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {_reason(error)}") from None
    if not isinstance(body, dict):
        raise InvalidRequest('The body must be a JSON object, like {"username": "…"}')
    return cast(dict[str, object], body)


def json_or_form(request: Request, *, limit: int = LIMIT) -> dict[str, object]:
    """Return the body of a JSON request or of an HTML form.

    A form field that comes twice is refused: two readers would choose differently.

    :raises UnsupportedMediaType: neither JSON nor a form.
    :raises TooLarge: the body is longer than *limit*.
    :raises InvalidRequest: not JSON, no object, or a field twice.
    """
    if request.mimetype not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return json_object(request, limit=limit)
    if (request.content_length or 0) > limit:
        raise TooLarge
    if request.content_length is None and request.mimetype == "application/x-www-form-urlencoded":
        _read(request, limit)  # kept: the form is read from it
    request.max_content_length = limit
    try:
        fields = request.form.to_dict(flat=False)
    except RequestEntityTooLarge:
        raise TooLarge from None
    twice = {name: "given more than once" for name, values in fields.items() if len(values) > 1}
    if twice:
        raise InvalidRequest("A field came more than once", fields=twice)
    return {name: values[0] for name, values in fields.items()}


def text_field(body: Mapping[str, object], name: str, *, max_length: int = 1_024, required: bool = True) -> str | None:
    """Return the text field *name* of *body*, or ``None`` where it is absent and not required.

    :param max_length: in characters.
    :raises InvalidRequest: absent, empty, no text, or too long; ``fields`` names it.
    """
    value = body.get(name)
    if value is None:
        if required:
            raise InvalidRequest(f"{name} is missing", fields={name: "is missing"})
        return None
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a text", fields={name: "must be a text"})
    if required and not value:
        raise InvalidRequest(f"{name} is empty", fields={name: "is empty"})
    if len(value) > max_length:
        reason = f"is longer than {max_length} characters"
        raise InvalidRequest(f"{name} {reason}", fields={name: reason})
    return value


def _wrong_type(mimetype: str) -> str:
    got = f", not {mimetype[:80]!r}" if mimetype else ""
    return f"Send the body as JSON, with 'Content-Type: application/json'{got}"


def _reason(error: ValueError) -> str:
    # The decoder's own words, without any piece of the body.
    text = str(error)
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else text[:120]
