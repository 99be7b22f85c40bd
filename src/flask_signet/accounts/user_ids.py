"""Ids of users: their type, the one spelling of each, and how the tables hold them.

A token names its user by a string, and a database reads many strings as one id: ``"01"``, ``"+1"`` and ``" 1"`` as 1, a
UUID in hex, upper case, braces or as ``urn:uuid:``. Revocation compares strings. So a user is *found* by the one
canonical spelling only, and what is to be *revoked* is brought to it from any spelling.
"""

from __future__ import annotations

import unicodedata
from math import isfinite
from typing import Any
from uuid import UUID

from flask_signet.exceptions import InvalidRequest

UserId = int | str | UUID
LONGEST = 255  # characters of an id: the width of the columns; also keeps `int` from being given a megabyte


def as_text(user_id: Any) -> str:
    """Return the canonical string of an id; a bool has none that an id could have."""
    return str(user_id)


def is_canonical(given: Any, user_id: UserId) -> bool:
    """Return whether *given*, in its own type or as a string, is the one spelling of *user_id*."""
    return not isinstance(given, (bool, float)) and as_text(given) == as_text(user_id)


def strict(kind: type[Any], given: Any) -> UserId | None:
    """Return *given* as an id of type *kind* if it is one, or its canonical string; else ``None``."""
    meant = canonical(kind, given)
    return meant if meant is not None and is_canonical(given, meant) else None


def canonical(kind: type[Any], given: Any) -> UserId | None:
    """Return the id of type *kind* that any spelling means, or ``None``.

    :param given: what a caller or a token has: an int, a string, a UUID, or a number that JSON made of one.
    """
    if kind is int:
        return _int(given)
    if kind is UUID:
        return _uuid(given)
    return str(given) if isinstance(given, (str, UUID)) and len(str(given)) <= LONGEST else None


def spellings(given: Any) -> list[UserId]:
    """Return every id that *given* may mean, for users whose type of id is not known: they may all be revoked."""
    meant = (given, canonical(int, given), canonical(UUID, given))
    return list({as_text(each): each for each in meant if each is not None}.values())


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


def _int(given: Any) -> int | None:
    if isinstance(given, int):
        return int(given)
    if isinstance(given, float):
        return int(given) if isfinite(given) and given.is_integer() else None
    if not isinstance(given, str) or len(given) > LONGEST:
        return None
    # As Python, SQLite and PostgreSQL read it: spaces, signs, underscores, digits of any script, 0x1, 1.0, 1e0.
    text = unicodedata.normalize("NFKC", given)
    for base in (10, 0):
        try:
            return int(text, base)
        except ValueError:
            continue
    try:
        return _int(float(text))
    except ValueError:
        return None


def _uuid(given: Any) -> UUID | None:
    if isinstance(given, UUID):
        return given
    if not isinstance(given, str) or len(given) > LONGEST:
        return None
    # Hyphens anywhere, braces, `urn:uuid:` and upper case, as Python and PostgreSQL read it.
    digits = given.strip().lower().removeprefix("urn:").removeprefix("uuid:").strip("{}").replace("-", "")
    if len(digits) != 32 or not digits.isascii() or not digits.isalnum():
        return None
    try:
        return UUID(digits)
    except ValueError:
        return None
