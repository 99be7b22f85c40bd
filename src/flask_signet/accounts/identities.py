"""One spelling for each id of a user.

A token names its user by a string, and a database reads many strings as one id: ``"01"``, ``"+1"`` and ``" 1"`` as 1, a
UUID in hex, upper case, braces or as ``urn:uuid:``. Revocation compares strings. So a user is *found* by the one
canonical spelling only, and what is to be *revoked* is brought to it from any spelling.
"""

from __future__ import annotations

import unicodedata
from math import isfinite
from typing import Any
from uuid import UUID

UserId = int | str | UUID

_LONGEST = 255  # characters of an id, what the columns hold; also keeps `int` from being fed a megabyte


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
    return str(given) if isinstance(given, (str, UUID)) and len(str(given)) <= _LONGEST else None


def spellings(given: Any) -> list[UserId]:
    """Return every id that *given* may mean, for users whose type of id is not known: they may all be revoked."""
    meant = (given, canonical(int, given), canonical(UUID, given))
    return list({as_text(each): each for each in meant if each is not None}.values())


def _int(given: Any) -> int | None:
    if isinstance(given, int):
        return int(given)
    if isinstance(given, float):
        return int(given) if isfinite(given) and given.is_integer() else None
    if not isinstance(given, str) or len(given) > _LONGEST:
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
    if not isinstance(given, str) or len(given) > _LONGEST:
        return None
    # Hyphens anywhere, braces, `urn:uuid:` and upper case, as Python and PostgreSQL read it.
    digits = given.strip().lower().removeprefix("urn:").removeprefix("uuid:").strip("{}").replace("-", "")
    if len(digits) != 32 or not digits.isascii() or not digits.isalnum():
        return None
    try:
        return UUID(digits)
    except ValueError:
        return None
