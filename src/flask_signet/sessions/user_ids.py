"""Ids of users: int, str or UUID outside, text in the tables, given back in their own type."""

from __future__ import annotations

from uuid import UUID

UserId = int | str | UUID


def split(user_id: object) -> tuple[str, str]:
    """Return the kind of *user_id* and its text.

    :raises TypeError: neither int nor str nor UUID (a bool is no int here).
    """
    if isinstance(user_id, bool) or not isinstance(user_id, (int, str, UUID)):
        raise TypeError(f"the id of a user must be an int, a str or a UUID, not {type(user_id).__name__}")
    kind = "int" if isinstance(user_id, int) else "uuid" if isinstance(user_id, UUID) else "str"
    return kind, str(user_id)


def join(kind: str, text: str) -> UserId:
    """Return the id that :func:`split` took apart."""
    return int(text) if kind == "int" else UUID(text) if kind == "uuid" else text
