"""What ``flask signet doctor`` looks at of a model that the application brings: its mapper, and no row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.exc import NoInspectionAvailable

from flask_signet.accounts import models
from flask_signet.findings import Finding, Level, ok

_PAGE = "quick-start.md#users-that-you-have-already"


def findings(
    model: type[Any],
    *,
    username: str,
    password: str,
    active: str | None = None,
    stamp: str | None = None,
    dialect: str | None = None,
) -> Iterator[Finding]:
    """Find what will not work with *model*, or not for long.

    :param username: attribute that holds the name to log in by.
    :param password: attribute that holds the hash.
    :param active: attribute that says whether the user may log in, if there is one.
    :param stamp: attribute with a value of its own for each user, if there is one.
    :param dialect: name of the database's dialect, where it is known.
    """
    name = model.__name__
    try:
        mapper = cast(Any, inspect(model))
    except NoInspectionAvailable:
        yield _error("model_not_mapped", f"{name} is no model of SQLAlchemy.", "class User(db.Model): ...")
        return
    found: list[Finding] = []
    found += _key(mapper, name)
    for attribute in filter(None, (username, password, active, stamp)):
        if attribute not in mapper.all_orm_descriptors:
            found.append(
                _error(
                    "model_without_attribute",
                    f"{name} has no attribute {attribute!r}, which SQLAlchemyUsers was given.",
                    f'SQLAlchemyUsers(db.session, {name}, username="…", password="…")',
                )
            )
    if username in mapper.columns:
        found += _username(mapper.columns[username], name, username, mapper.local_table)
    for each in models.advice(model, password=password, stamp=stamp, dialect=dialect):
        level: Level = "error" if each.must else "warning"
        found.append(
            Finding(code=f"model_{each.code}", level=level, summary=each.message, line_to_write=each.line, page=_PAGE)
        )
    yield from found or [ok("model", f"The model {name} suits.")]


def _key(mapper: Any, name: str) -> Iterator[Finding]:
    key = mapper.primary_key
    if len(key) != 1:
        yield _error(
            "model_key_of_several_columns",
            f"The primary key of {name} has {len(key)} columns; a user needs one id.",
            "id = db.Column(db.Integer, primary_key=True)",
        )
        return
    column = key[0]
    kind = _python_type(column)
    if kind not in (int, str, UUID):
        yield _error(
            "model_key_of_another_type",
            f"The primary key {name}.{column.key} must be an int, a string or a UUID.",
            "id = db.Column(db.Integer, primary_key=True)",
        )


def _username(column: Any, name: str, attribute: str, table: Any) -> Iterator[Finding]:
    alone = any(
        [each.name for each in constraint.columns] == [column.name]
        for constraint in (*getattr(table, "indexes", ()), *getattr(table, "constraints", ()))
        if getattr(constraint, "unique", False)
        or type(constraint).__name__ in ("UniqueConstraint", "PrimaryKeyConstraint")
    )
    if not (column.unique or column.primary_key or alone):
        yield Finding(
            code="model_username_not_unique",
            level="error",
            summary=f"{name}.{attribute} is not unique: two users of one name, and neither can log in.",
            line_to_write=f"{attribute} = db.Column(db.String(255), unique=True, nullable=False)",
            page=_PAGE,
        )


def _python_type(column: Any) -> type[Any] | None:
    try:
        return column.type.python_type
    except NotImplementedError:
        return None


def _error(code: str, summary: str, line: str) -> Finding:
    return Finding(code=code, level="error", summary=summary, line_to_write=line, page=_PAGE)
