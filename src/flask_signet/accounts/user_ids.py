"""Ids of users: int, str or UUID outside, text in the tables, given back in their own type."""

from __future__ import annotations

from uuid import UUID

from flask_signet.exceptions import InvalidRequest

UserId = int | str | UUID
LONGEST = 255  # characters of the text: what the columns hold


def split(user_id: object) -> tuple[str, str]:
    """Return the kind of *user_id* and its text.

    :raises TypeError: neither int nor str nor UUID (a bool is no int here).
    :raises InvalidRequest: the text is longer than the columns. Only PostgreSQL would mind; it is the same everywhere.
    """
    if isinstance(user_id, bool) or not isinstance(user_id, (int, str, UUID)):
        raise TypeError(f"the id of a user must be an int, a str or a UUID, not {type(user_id).__name__}")
    kind = "int" if isinstance(user_id, int) else "uuid" if isinstance(user_id, UUID) else "str"
    text = str(user_id)
    if len(text) > LONGEST:
        raise InvalidRequest(f"The id of a user has at most {LONGEST} characters, not {len(text)}")
    return kind, text


def join(kind: str, text: str) -> UserId:
    """Return the id that :func:`split` took apart."""
    return int(text) if kind == "int" else UUID(text) if kind == "uuid" else text
