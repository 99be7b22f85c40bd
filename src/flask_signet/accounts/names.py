"""User names: two that look or read alike are one.

Source: RFC 8265 section 3.3, profile UsernameCaseMapped (width mapping, lower case, NFC; no spaces, no controls,
no invisible characters, no compatibility forms, the Bidi rule of RFC 5893). The canonical form is stored, not made
anew, since the tables follow the Unicode version of the running Python.

:func:`nfc` is Unicode's normal form C in linear time, for passwords too. ``unicodedata`` puts combining characters into
their order by moving each one past all that belong behind it: 4,096 of them take 20 ms. A string whose characters are
in order already takes no moves, so they are sorted first.

Source: Unicode 15 section 3.11, D108 and D109 (canonical ordering).
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from typing import Any
from unicodedata import category, combining, normalize

from flask_signet.exceptions import InvalidRequest

MAX_LENGTH = 128  # characters; the column has room for what case mapping and NFC may add

# For each of these the library looks through the whole name (RFC 5892 appendices A.7 to A.9): with 128 of them that is
# 16,384 steps. No name has so many.
_LOOKED_AROUND = re.compile("[\u0660-\u0669\u06f0-\u06f9\u30fb\uff65]").findall
_MOST_LOOKED_AROUND = 32

# RFC 8264 section 7: a form that does not come to rest soon is refused.
_ROUNDS = 3

# Marks, and what has no width: controls, joiners, lone surrogates.
_UNSEEN = frozenset({"Mn", "Me", "Cc", "Cf", "Cs"})


def canonical(username: str) -> str:
    """Return the form by which a user name is unique.

    :raises InvalidRequest: it can be no user name; ``fields`` says why.
    """
    if not username:
        raise _refused("is empty")
    if len(username) > MAX_LENGTH:
        raise _refused(f"is longer than {MAX_LENGTH} characters")
    if len(_LOOKED_AROUND(username)) > _MOST_LOOKED_AROUND:
        raise _refused(f"has more than {_MOST_LOOKED_AROUND} Arabic digits or middle dots")
    current = username
    for _ in range(_ROUNDS):
        try:
            mapped: str = _profile().enforce(current)
        except UnicodeError:
            raise _refused("may hold letters, digits and visible signs of one direction, but no spaces") from None
        if mapped == current:
            return mapped
        current = mapped
    raise _refused("has no stable form")


def folded(username: str) -> str:
    """Return what all spellings of a name have in common, to count tries by.

    A column of the application may compare without regard to case, accents, width or blanks; so all of them are one
    name here, also those that :func:`canonical` refuses. Two users whose names differ in nothing else share a count.
    """
    # A longer name is nobody's, and its end is not looked at.
    text = normalize("NFKD", username[: 2 * MAX_LENGTH]).casefold()
    text = normalize("NFKD", text)
    seen = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or category(character) not in _UNSEEN
    )
    return " ".join("".join(seen).split())


def shown(username: str) -> str:
    """Return the form in which a good user name is kept for display."""
    return nfc(username)


def nfc(text: str) -> str:
    """Return *text* in normal form C (UAX #15)."""
    if text.isascii():
        return text
    # Each character by itself: what one of them stands for is in order, and has four characters at most.
    decomposed = "".join([normalize("NFD", character) for character in text])
    pieces: list[str] = []
    for is_mark, group in groupby(decomposed, key=_is_mark):
        # The sort keeps the order of equals, as Unicode wants it.
        if is_mark:
            pieces += sorted(group, key=combining)
        else:
            pieces += group
    return normalize("NFC", "".join(pieces))


@cache
def _profile() -> Any:
    # The library has no types; its tables are loaded when the first name is looked at.
    from precis_i18n import get_profile  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    return get_profile("UsernameCaseMapped")


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(f"username {reason}", fields={"username": reason})


def _is_mark(character: str) -> bool:
    return combining(character) != 0
