"""Parse and write JSON strictly. Refuse all input that two parsers could understand differently.

The standard decoder accepts duplicate names, ``NaN``, ``1e999`` and lone surrogates. Each of these made an attack on
some JWT library possible. The standard decoder is also the only one with options to refuse them.

Source: RFC 8259, RFC 7493 (I-JSON) section 2, RFC 7515 section 4.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from math import isfinite
from typing import Any, Final

# Deeper values are refused, so that a recursive function (a copy, an encoder) never exceeds the recursion limit. A
# string with at most this many brackets cannot be deeper, so its depth is not counted.
_DEPTH: Final = 250


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name appears twice")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number is too large")
    return number


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


# An unterminated string matches to the end of the input, including a last single backslash. If it did not match, the
# search would start again at each quote in it, and take quadratic time.
_STRINGS = re.compile(r'"[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*(?:"|\Z)', re.DOTALL).sub
# Translate brackets to signed bytes, 1 for an opening and -1 for a closing one. Every other byte is removed.
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[{]}"))
_BEGINNING: Final = 2_048  # characters; input that is nested too deeply usually is so at its beginning


def _check_depth(text: str) -> None:
    # These calls run in C. A Python loop over the brackets took 5 ms for 16 KiB.
    for part in (text[:_BEGINNING], text):
        steps = _STRINGS("", part).encode().translate(_STEPS, _NO_BRACKETS)
        if max(accumulate(memoryview(steps).cast("b")), default=0) > _DEPTH:
            raise ValueError("nested too deeply")


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant).decode
_quick = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant).raw_decode


def loads(data: bytes) -> Any:
    """Return the value of *data*, which must be strict JSON in UTF-8 without a byte order mark.

    :raises ValueError: *data* is anything else, or is nested deeper than 250 (RFC 8259 section 9 allows a limit).
    """
    text = data.decode()
    if text.count("[") + text.count("{") > _DEPTH:
        _check_depth(text)
    try:
        value = _decode(text)
    except RecursionError:
        # The stack of the caller is already so deep that a depth within the limit is too much.
        raise ValueError("nested too deeply") from None
    if "\\u" in text:
        # Half a surrogate pair, written as an escape, is not a character. Encoding finds it.
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half a surrogate pair") from None
    return value


def loads_object(data: bytes) -> tuple[Any, bool]:
    """Return the same value as :func:`loads`, but faster for the usual payload: a flat object without escapes.

    Each name is followed by a colon. If the number of colons equals the number of members, no name is duplicated.

    :return: the value, and whether it may contain objects or lists (a bracket within a string counts, too).

    :raises ValueError: as :func:`loads`.
    """
    text = data.decode()
    brackets = text.count("[") + text.count("{")
    if text[:1] == "{" and "\\" not in text and brackets <= _DEPTH:
        try:
            value, end = _quick(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if end == len(text) and (len(value) == text.count(":") or len(value) == _count_names(text)):
            return value, brackets > 1
    return loads(data), brackets > 1


def _count_names(text: str) -> int | None:
    """Return the number of names in *text*, or ``None`` if blanks make it unknown. *text* has no backslash.

    So every quote opens or closes a string, and values may contain colons. Without a blank after a quote, ``":``
    follows each name and occurs nowhere else.
    """
    blank = '" ' in text or "\n" in text or "\t" in text or "\r" in text
    return None if blank else text.count('":')


def dumps(value: Any, default: Any = None) -> bytes:
    """Return *value* as compact JSON in UTF-8.

    :raises TypeError: *value* contains something that JSON cannot express.
    :raises ValueError: *value* contains NaN or an infinity.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=default).encode()
