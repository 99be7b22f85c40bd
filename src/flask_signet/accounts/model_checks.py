"""Check the application's user model for ``flask signet doctor``. The checks read the mapper, and no row.

A model that cannot be used is refused at start-up (:mod:`flask_signet.accounts.models`), so it is not checked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_signet.accounts import models
from flask_signet.findings import Finding, Level, ok

_PAGE = "quick-start.md#use-your-own-user-model"


def findings(
    model: type[Any], *, username: str, password: str, stamp: str | None = None, dialect: str | None = None
) -> Iterator[Finding]:
    """Yield problems of *model*.

    :param username: attribute that holds the login name.
    :param password: attribute that holds the hash.
    :param stamp: attribute with a unique value for each user, if there is one.
    :param dialect: name of the database's dialect, if it is known.
    """
    name, mapper = model.__name__, models.mapper_of(model)
    if mapper is None:
        return
    found: list[Finding] = []
    if username in mapper.columns:
        found += _username(mapper.columns[username], name, username, mapper.local_table)
    for each in models.advice(model, password=password, stamp=stamp, dialect=dialect):
        level: Level = "error" if each.must else "warning"
        found.append(
            Finding(code=f"model_{each.code}", level=level, summary=each.message, line_to_write=each.line, page=_PAGE)
        )
    yield from found or [ok("model", f"The model {name} can be used.")]


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
            summary=f"{name}.{attribute} is not unique. If two users have the same name, neither can log in.",
            line_to_write=f"{attribute} = db.Column(db.String(255), unique=True, nullable=False)",
            page=_PAGE,
        )
