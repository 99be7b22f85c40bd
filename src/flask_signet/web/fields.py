"""The fields of a JSON object, read from its type: a frozen dataclass for a body, a ``TypedDict`` for an answer.

The parser of bodies, the OpenAPI document and the types of the npm package are made from them. What a type does not
say stands beside it: ``username: Annotated[str, Note(max_length=255)]``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

#: Where a field has no default.
REQUIRED: Final = dataclasses.MISSING


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Note:
    """What the type of a field does not say.

    :param about: what the field holds, for the documentation.
    :param max_length: of a string in a body, in characters.
    :param null: what ``null`` in a body becomes, where the type allows it.
    :param or_name: another name of the field, which counts where the route says so.
    :param example: a value for the documentation; never a secret.
    :param format: the format of a string, as JSON Schema names it.
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

    :param types: what the value may be, without ``None``.
    :param choices: the values of a ``Literal``; empty where the field is none.
    :param nullable: whether the value may be ``None``.
    :param default: the value where the field is absent, or :data:`REQUIRED`.
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
    """Return the fields of a dataclass or ``TypedDict``, in their order.

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
