"""Check the application's user model without a query to the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Integer, LargeBinary, Table, inspect

from flask_signet.exceptions import SettingsError

LEAST_COLUMN_LENGTH = 128  # characters: an Argon2id hash has 97, and more with larger parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The primary key of a mapped class.

    :param key: name of the attribute that is the primary key.
    :param kind: type of its values: int, str or UUID.
    """

    key: str
    kind: type[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One problem of a model, and how the application should change it.

    :param code: stable name: ``"reused_ids"``, ``"short_hash"``, ``"binary_hash"`` or ``"no_stamp"``.
    :param where: the model, its column, or its table.
    :param message: what is wrong.
    :param line: the line to write instead.
    :param must: whether something fails, or is not safe, until it is changed.
    """

    code: str
    where: str
    message: str
    line: str
    must: bool


def mapper_of(model: type[Any]) -> Any | None:
    """Return the mapper of a class, or ``None`` while it is not mapped yet."""
    return cast(Any, inspect(model, raiseerr=False))


def examined(model: type[Any], *, username: str, password: str, others: Mapping[str, str | None]) -> Model:
    """Check that a model can be used, and return its primary key.

    :param others: further arguments of ``SQLAlchemyUsers`` and the attributes that they name.
    :raises SettingsError: the model cannot be used; the message says what is wrong and the line to write.
    """
    name, mapper = model.__name__, cast(Any, inspect(model))
    if len(mapper.primary_key) != 1:
        raise SettingsError(f"SQLAlchemyUsers: {name} needs a primary key of one column")
    roles = {"username": username, "password": password, **others}
    for role, attribute in roles.items():
        if attribute is None:
            continue
        if attribute not in mapper.all_orm_descriptors:
            raise SettingsError(_no_attribute(model, mapper, attribute, role))
    for found in _short_hash(model, mapper, password):
        raise SettingsError(f"SQLAlchemyUsers: {found.message} Write instead: {found.line} Then migrate.")
    column = mapper.primary_key[0]
    kind = column.type.python_type
    if kind not in (int, str, UUID):
        raise SettingsError(f"SQLAlchemyUsers: the id of {name} must be an int, a str or a UUID")
    return Model(key=mapper.get_property_by_column(column).key, kind=kind)


def _no_attribute(model: type[Any], mapper: Any, attribute: str, role: str) -> str:
    there = [str(key) for key in mapper.columns.keys()]  # not a dict
    return (
        f"SQLAlchemyUsers: {model.__name__} has no attribute {attribute!r}; its columns are {', '.join(there)}. "
        f'Write: SQLAlchemyUsers(db.session, {model.__name__}, {role}="…")'
    )


def advice(model: type[Any], *, password: str, stamp: str | None, dialect: str | None) -> list[Advice]:
    """Return the problems of a model, errors first; empty if there are none or the model is not mapped.

    :param dialect: ``"sqlite"``, ``"postgresql"`` or another name; ``None`` if it is not known.
    """
    mapper = mapper_of(model)
    if mapper is None:
        return []
    found = [
        *_short_hash(model, mapper, password),
        *_binary_hash(model, mapper, password),
        *_reused_ids(model, mapper, dialect),
        *_no_stamp(model, mapper, password, stamp),
    ]
    return sorted(found, key=lambda each: not each.must)


def _short_hash(model: type[Any], mapper: Any, password: str) -> list[Advice]:
    column = mapper.columns.get(password)
    length = None if column is None else getattr(column.type, "length", None)
    if length is None or length >= LEAST_COLUMN_LENGTH:
        return []
    return [
        Advice(
            code="short_hash",
            where=f"{model.__name__}.{password}",
            message=(
                f"{model.__name__}.{password} holds {length} characters; a hash needs {LEAST_COLUMN_LENGTH}, "
                "255 is recommended."
            ),
            line=_line(column, password, "String(255)"),
            must=True,
        )
    ]


def _binary_hash(model: type[Any], mapper: Any, password: str) -> list[Advice]:
    column = mapper.columns.get(password)
    if column is None or not isinstance(column.type, LargeBinary):
        return []
    return [
        Advice(
            code="binary_hash",
            where=f"{model.__name__}.{password}",
            message=f"{model.__name__}.{password} is a column of bytes, but a hash is a string.",
            line=_line(column, password, "String(255)"),
            must=False,
        )
    ]


def _reused_ids(model: type[Any], mapper: Any, dialect: str | None) -> list[Advice]:
    column = mapper.primary_key[0]
    table = cast(Table, column.table)
    automatic = isinstance(column.type, Integer) and column.autoincrement in (True, "auto") and not column.foreign_keys
    if dialect != "sqlite" or not automatic or table.dialect_options["sqlite"]["autoincrement"]:
        return []
    return [
        Advice(
            code="reused_ids",
            where=table.name,
            message=(
                f"SQLite gives the id of a deleted row of {table.name!r} to the next row. If plain SQL deletes a user, "
                "Flask-Signet cannot detect it, and old tokens are valid for the next user with that id."
            ),
            line=f'__table_args__ = {{"sqlite_autoincrement": True}}  # in {model.__name__}; then recreate the table',
            must=False,
        )
    ]


def _no_stamp(model: type[Any], mapper: Any, password: str, stamp: str | None) -> list[Advice]:
    column = mapper.columns.get(password)
    if stamp is not None or column is None or not column.nullable:
        return []
    return [
        Advice(
            code="no_stamp",
            where=f"{model.__name__}.{password}",
            message=(
                f"{model.__name__}.{password} may be empty. Without a hash, a user cannot be distinguished from "
                "a later user with the same id."
            ),
            line='SQLAlchemyUsers(…, stamp="fs_uniquifier")  # a column with a random value for each user',
            must=False,
        )
    ]


def _line(column: Any, attribute: str, kind: str) -> str:
    named = "" if column.name == attribute else f'"{column.name}", '
    return f"{attribute} = db.Column({named}db.{kind}{'' if column.nullable else ', nullable=False'})."
