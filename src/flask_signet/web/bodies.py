"""Parse request bodies strictly, and report what is wrong with them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar, cast
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers.request import Request as WerkzeugRequest

from flask_signet.exceptions import InvalidRequest, TooLarge, UnsupportedMediaType
from flask_signet.tokens import strict_json
from flask_signet.web.fields import Field, fields_of

B = TypeVar("B")

# Bytes of the header; a longer one counts as absent, because Werkzeug needs up to 0.5 µs to parse each.
CONTENT_TYPE: Final = 1_024
# Bytes. Valid bodies of our routes are far smaller. The most expensive body of this size parses in a few milliseconds.
LIMIT = 16_384
PARTS_LIMIT = 8_192  # for multipart/form-data, whose parser takes twice as long
FORM_FIELDS = 100
FORM_ESCAPES = 4_096  # a password of 1,024 characters has at most 3,072 in most scripts

_KINDS: Final[Mapping[Any, str]] = MappingProxyType(
    {str: "must be a string", int: "must be an integer", bool: "must be true or false"}
)


def _read(request: WerkzeugRequest, limit: int) -> bytes:
    if (request.content_length or 0) > limit:
        raise TooLarge
    # Werkzeug silently truncates a body of unknown length (chunked) at the limit. One extra byte reveals that.
    request.max_content_length = limit + 1
    try:
        data = request.get_data(cache=True)
    except RequestEntityTooLarge:
        raise TooLarge from None
    if len(data) > limit:
        raise TooLarge
    return data


class _Joined(io.RawIOBase):
    """A body whose first bytes were already read."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head = io.BytesIO(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._head.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def peek(request: Request, limit: int) -> bytes | None:
    """Return the body of a request to a view of the application, or ``None`` if it is longer than *limit*.

    The application can still read the whole body afterwards.

    :raises RequestEntityTooLarge: longer than ``MAX_CONTENT_LENGTH``.
    """
    if request.content_length is None:
        # Chunked: the length is known only at the end, and the body may be very long.
        head = b""
        while len(head) <= limit and (piece := request.stream.read(limit + 1 - len(head))):
            head += piece
        if head:
            stream: Any = io.BytesIO(head) if len(head) <= limit else _Joined(head, request.stream)
            request.stream = stream  # pyright: ignore[reportAttributeAccessIssue]  # a cached property, which may be set
        if len(head) > limit:
            return None
    elif request.content_length > limit:
        return None
    data = request.get_data()
    return data if len(data) <= limit else None


def is_empty(request: Request, *, limit: int = LIMIT) -> bool:
    """Return whether the body is missing or has zero bytes, also if it is chunked.

    :raises TooLarge: its length is unknown and more than *limit*.
    """
    if request.content_length is not None:
        return request.content_length == 0
    return not request.headers.get("Transfer-Encoding") or not _read(request, limit)


def mimetype(request: Request) -> str:
    """Return the media type of the body without its parameters; ``""`` if it is absent or longer than the limit."""
    return request.mimetype if len(request.environ.get("CONTENT_TYPE", "")) <= CONTENT_TYPE else ""


def is_json(request: Request) -> bool:
    """Return whether the content type of the request is JSON."""
    return len(request.environ.get("CONTENT_TYPE", "")) <= CONTENT_TYPE and request.is_json


def json_object(request: Request, *, limit: int = LIMIT) -> dict[str, object]:
    """Return the JSON object of the body.

    :param limit: largest body in bytes.
    :raises UnsupportedMediaType: the content type is not JSON.
    :raises TooLarge: the body is longer than *limit*.
    :raises InvalidRequest: the body is not JSON, has duplicate names, or is not an object.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge
    if not is_json(request):
        if not request.content_length and not request.content_type:
            raise InvalidRequest("The body is empty; send a JSON object")
        raise UnsupportedMediaType(_wrong_type(mimetype(request)))
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

    A duplicate form field is refused: two parsers could pick different values.

    :raises UnsupportedMediaType: the content type is neither JSON nor a form.
    :raises TooLarge: the body is longer than *limit*.
    :raises InvalidRequest: the body is not JSON, is not an object, or has a duplicate field.
    """
    kind = mimetype(request)
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return json_object(request, limit=limit)
    data = _read(request, min(limit, PARTS_LIMIT) if kind == "multipart/form-data" else limit)
    if kind == "application/x-www-form-urlencoded":
        if data.count(b"&") >= FORM_FIELDS or data.count(b"%") > FORM_ESCAPES:
            raise TooLarge
        try:
            # Werkzeug calls a function for each byte that is not valid UTF-8: 9 ms for 16 KiB. So refuse it before.
            unquote_to_bytes(data).decode()
        except UnicodeDecodeError:
            raise InvalidRequest("The form is not UTF-8") from None
    request.max_form_parts = FORM_FIELDS
    try:
        fields = request.form.to_dict(flat=False)  # parses the body that was read above
    except RequestEntityTooLarge:
        raise TooLarge from None
    twice = {name: "given more than once" for name, values in fields.items() if len(values) > 1}
    if twice:
        raise InvalidRequest("The form has a field more than once", fields=twice)
    return {name: values[0] for name, values in fields.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Body(Generic[B]):
    """How a route reads its body.

    :param type: the frozen dataclass to fill. Its fields are strings, ints, bools or a ``Literal`` of strings.
        It must not have a generated ``repr``, which would show a password.
    :param form: whether HTML forms are accepted as well as JSON. All fields must then be strings.
    :param optional: whether a missing body counts as an object without fields.
    :param unknown: the message for the request and the reason for each unknown field, if unknown fields are refused;
        ``None`` ignores unknown fields.
    """

    type: type[B]
    form: bool = False
    optional: bool = False
    unknown: tuple[str, str] | None = None

    def read(self, request: Request, by_other_names: Callable[[], bool] | None = None) -> B:
        """Return the body of *request*.

        :param by_other_names: returns whether :attr:`Note.or_name` is accepted for a missing field; called after the
            body was read.
        :raises UnsupportedMediaType: the content type is not supported.
        :raises TooLarge: the body is longer than :data:`LIMIT`.
        :raises InvalidRequest: the body is not JSON, is not an object, or has an invalid field; ``fields`` names it.
        """
        if self.optional and is_empty(request):
            return self.type()
        found = json_or_form(request) if self.form else json_object(request)
        return self.parse(found, by_other_names=by_other_names is not None and by_other_names())

    def parse(self, found: Mapping[str, object], *, by_other_names: bool = False) -> B:
        """Return the dataclass filled from *found*.

        :raises InvalidRequest: a field is missing, unknown, of the wrong type or too long; ``fields`` names it.
        """
        fields = fields_of(self.type)
        if self.unknown is not None and found.keys() - (known := {field.name for field in fields}):
            message, reason = self.unknown
            raise InvalidRequest(message, fields={name: reason for name in found if name not in known})
        values: dict[str, object] = {}
        for field in fields:
            name = field.name
            if by_other_names and field.note.or_name is not None and name not in found:
                name = field.note.or_name
            values[field.name] = _value(field, name, found)
        return self.type(**values)


def _value(field: Field, name: str, found: Mapping[str, object]) -> object:
    """Return the value of *field*, which the client sent as *name*."""
    value = found.get(name)
    if value is None:
        if field.nullable and name in found:
            return field.note.null
        if field.required:
            raise _wrong(name, "is missing")
        if name not in found:
            return field.default
    if field.choices:
        if value not in field.choices:
            raise _wrong(name, f"must be {' or '.join(map(repr, field.choices))}")
        return value
    kind = field.types[0]
    if type(value) is not kind:
        raise _wrong(name, _KINDS[kind])
    if isinstance(value, str):
        if field.required and not value:
            raise _wrong(name, "is empty")
        if len(value) > field.note.max_length:
            raise _wrong(name, f"is longer than {field.note.max_length} characters")
    return value


def _wrong(name: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{name} {reason}", fields={name: reason})


def _wrong_type(mimetype: str) -> str:
    got = f", not {mimetype[:80]!r}" if mimetype else ""
    return f"Send the body as JSON, with 'Content-Type: application/json'{got}"


def _reason(error: ValueError) -> str:
    # The decoder's message contains no part of the body.
    text = str(error)
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else text[:120]
