"""Read the fields of a JSON object from its type: a frozen dataclass for a request, a ``TypedDict`` for a response.

The body parser, the OpenAPI document and the types of the npm package are generated from these fields. A ``Note`` adds
what a type cannot express: ``username: Annotated[str, Note(max_length=255)]``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

#: The default of a field that has no default.
REQUIRED: Final = dataclasses.MISSING


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Note:
    """Information about a field that its type cannot express.

    :param about: what the field holds, for the documentation.
    :param max_length: maximum length of a string in a request body, in characters.
    :param null: the value that replaces ``null`` in a request body, if the type allows ``null``.
    :param or_name: an alternative name of the field, accepted if the route enables it.
    :param example: a value for the documentation; never a secret.
    :param format: the format of a string, in the terms of JSON Schema.
    """

    about: str = ""
    max_length: int = 1_024
    null: str | None = None
    or_name: str | None = None
    example: Any = None
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """One field of an object.

    :param types: the allowed types of the value, without ``None``.
    :param choices: the values of a ``Literal``; empty for other types.
    :param nullable: whether the value may be ``None``.
    :param default: the value if the field is missing, or :data:`REQUIRED`.
    """

    name: str
    types: tuple[Any, ...]
    choices: tuple[str, ...]
    nullable: bool
    required: bool
    default: Any
    note: Note


@cache
def fields_of(kind: Any) -> tuple[Field, ...]:
    """Return the fields of a dataclass or ``TypedDict``, in the order of definition.

    :raises TypeError: *kind* is neither.
    """
    hints = get_type_hints(kind, include_extras=True)
    defaults: dict[str, Any]
    if dataclasses.is_dataclass(kind):
        defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    else:
        required: frozenset[str] | None = getattr(kind, "__required_keys__", None)
        if required is None:
            raise TypeError(f"{kind!r} must be a dataclass or a TypedDict")
        defaults = {name: REQUIRED if name in required else None for name in hints}
    return tuple(_field(name, hints[name], default) for name, default in defaults.items())


def alternatives(hint: Any) -> tuple[tuple[Any, ...], bool]:
    """Return the types of a union without ``None``, and whether ``None`` is one of them."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(part for part in parts if part is not NoneType), NoneType in parts


def _field(name: str, hint: Any, default: Any) -> Field:
    note = Note()
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        note = next((each for each in notes if isinstance(each, Note)), note)
    types, nullable = alternatives(hint)
    choices = get_args(types[0]) if get_origin(types[0]) is Literal else ()
    return Field(
        name=name,
        types=types,
        choices=cast("tuple[str, ...]", choices),
        nullable=nullable,
        required=default is REQUIRED,
        default=default,
        note=note,
    )
