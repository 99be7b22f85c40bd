"""Ids of users: their type, their canonical spelling, and how the tables store them.

A token names its user by a string, and a database reads many strings as one id: ``"01"``, ``"+1"`` and ``" 1"`` as 1, a
UUID in hex, upper case, braces or as ``urn:uuid:``. Revocation compares strings. So a user is *found* by the
canonical spelling only, and an id to *revoke* is converted to it from any spelling.
"""

from __future__ import annotations

import unicodedata
from math import isfinite
from typing import Any
from uuid import UUID

from flask_signet.exceptions import InvalidRequest

UserId = int | str | UUID
LONGEST = 255  # characters of an id: the width of the columns; also bounds the input of `int`


def as_text(user_id: Any) -> str:
    """Return the canonical string of an id; the string of a bool is not one of any id."""
    return str(user_id)


def is_canonical(given: Any, user_id: UserId) -> bool:
    """Return whether *given*, in its own type or as a string, is the canonical spelling of *user_id*."""
    return not isinstance(given, (bool, float)) and as_text(given) == as_text(user_id)


def strict(kind: type[Any], given: Any) -> UserId | None:
    """Return *given* as an id of type *kind* if it is one, or its canonical string; else ``None``."""
    meant = canonical(kind, given)
    return meant if meant is not None and is_canonical(given, meant) else None


def canonical(kind: type[Any], given: Any) -> UserId | None:
    """Return the id of type *kind* that *given* means in any spelling, or ``None``.

    :param given: a value of a caller or a token: an int, a string, a UUID, or a JSON number.
    """
    if kind is int:
        return _int(given)
    if kind is UUID:
        return _uuid(given)
    return str(given) if isinstance(given, (str, UUID)) and len(str(given)) <= LONGEST else None


def spellings(given: Any) -> list[UserId]:
    """Return every id that *given* may mean, if the type of the ids is not known: all of them may be revoked."""
    meant = (given, canonical(int, given), canonical(UUID, given))
    return list({as_text(each): each for each in meant if each is not None}.values())


def split(user_id: object) -> tuple[str, str]:
    """Return the kind of *user_id* and its string.

    :raises TypeError: neither int nor str nor UUID (a bool is not an int here).
    :raises InvalidRequest: the string is longer than the columns. Only PostgreSQL checks that; the rule is the same for
        all databases.
    """
    if isinstance(user_id, bool) or not isinstance(user_id, (int, str, UUID)):
        raise TypeError(f"the id of a user must be an int, a str or a UUID, not {type(user_id).__name__}")
    kind = "int" if isinstance(user_id, int) else "uuid" if isinstance(user_id, UUID) else "str"
    text = str(user_id)
    if len(text) > LONGEST:
        raise InvalidRequest(f"The id of a user has at most {LONGEST} characters, not {len(text)}")
    return kind, text


def join(kind: str, text: str) -> UserId:
    """Return the id from the result of :func:`split`."""
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
