"""User names: names that look the same or differ only in case are the same name.

Source: RFC 8265 section 3.3, profile UsernameCaseMapped (width mapping, lower case, NFC; no spaces, no controls,
no invisible characters, no compatibility forms, the Bidi rule of RFC 5893). The canonical form is stored, not
computed again, since the tables follow the Unicode version of the running Python.

:func:`nfc` computes Unicode's normal form C in linear time, for passwords too. ``unicodedata`` sorts combining
characters in quadratic time: 4,096 of them take 20 ms. A string that is already sorted needs no moves, so this module
sorts them first.

Source: Unicode 15 section 3.11, D108 and D109 (canonical ordering).
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from typing import Any
from unicodedata import category, combining, normalize

from flask_signet.exceptions import InvalidRequest

MAX_LENGTH = 128  # characters; the column is longer, since case mapping and NFC may add some

# For each of these characters the library scans the whole name (RFC 5892 appendices A.7 to A.9): 128 of them take
# 16,384 steps. No real name has so many.
_LOOKED_AROUND = re.compile("[\u0660-\u0669\u06f0-\u06f9\u30fb\uff65]").findall
_MOST_LOOKED_AROUND = 32

# RFC 8264 section 7: a name whose form is not stable after this many rounds is refused.
_ROUNDS = 3

# Marks, and characters without width: controls, joiners, lone surrogates.
_UNSEEN = frozenset({"Mn", "Me", "Cc", "Cf", "Cs"})


def canonical(username: str) -> str:
    """Return the canonical form of a user name, which is unique.

    :raises InvalidRequest: the name is invalid; ``fields`` says why.
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
    """Return the common form of all spellings of a name, by which attempts are counted.

    A column of the application may ignore case, accents, width or spaces when it compares. So all such spellings are
    one name here, including those that :func:`canonical` refuses. Users whose names differ only in this share a
    count.
    """
    # No user has a longer name, so its end is ignored.
    text = normalize("NFKD", username[: 2 * MAX_LENGTH]).casefold()
    text = normalize("NFKD", text)
    seen = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or category(character) not in _UNSEEN
    )
    return " ".join("".join(seen).split())


def shown(username: str) -> str:
    """Return the form in which a valid user name is stored for display."""
    return nfc(username)


def nfc(text: str) -> str:
    """Return *text* in normal form C (UAX #15)."""
    if text.isascii():
        return text
    # Each character separately: its decomposition is sorted, and has at most four characters.
    decomposed = "".join([normalize("NFD", character) for character in text])
    pieces: list[str] = []
    for is_mark, group in groupby(decomposed, key=_is_mark):
        # The sort is stable, as Unicode requires.
        if is_mark:
            pieces += sorted(group, key=combining)
        else:
            pieces += group
    return normalize("NFC", "".join(pieces))


@cache
def _profile() -> Any:
    # The library has no types; it loads its tables for the first name.
    from precis_i18n import get_profile  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    return get_profile("UsernameCaseMapped")


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(f"username {reason}", fields={"username": reason})


def _is_mark(character: str) -> bool:
    return combining(character) != 0
