"""JSON in, with nothing let through that two readers could understand differently.

The standard decoder takes duplicate names, ``NaN``, ``1e999`` and lone surrogates; each has been
the seam of an attack on some JWT library. It is also the only decoder that can be told not to.

Source: RFC 8259, RFC 7493 (I-JSON) section 2, RFC 7515 section 4.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from math import isfinite
from typing import Any, Final

# Deeper values are refused, so that whoever walks them by recursion (a copy, an encoder) never falls
# off the interpreter's stack. A text with no more brackets than that is not deeper, and is not looked at.
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


# A string that never ends takes the rest of the text, a lone last backslash included. If it could fail to match, the
# search would begin again at each quote in it, and take time that grows with the square of the length.
_STRINGS = re.compile(r'"[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*(?:"|\Z)', re.DOTALL).sub
# Brackets as steps, 1 in and 1 out as a signed byte; every other byte goes.
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[{]}"))
_BEGINNING: Final = 2_048  # characters; a text that is too deep mostly is so at once


def _check_depth(text: str) -> None:
    # All of it in C: one step of Python for each bracket took 5 ms for 16 KiB.
    for part in (text[:_BEGINNING], text):
        steps = _STRINGS("", part).encode().translate(_STEPS, _NO_BRACKETS)
        if max(accumulate(memoryview(steps).cast("b")), default=0) > _DEPTH:
            raise ValueError("nested too deeply")


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant).decode
_quick = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant).raw_decode


def loads(data: bytes) -> Any:
    """Return the value that *data* holds: UTF-8 without byte order mark, strict.

    :raises ValueError: anything else, nesting deeper than 250 included (RFC 8259 section 9 allows a limit).
    """
    text = data.decode()
    if text.count("[") + text.count("{") > _DEPTH:
        _check_depth(text)
    try:
        value = _decode(text)
    except RecursionError:
        # Called from so deep a stack that even this is too much.
        raise ValueError("nested too deeply") from None
    if "\\u" in text:
        # Half a surrogate pair, written as an escape, is no character: encoding finds it.
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half a surrogate pair") from None
    return value


def loads_object(data: bytes) -> tuple[Any, bool]:
    """Return what :func:`loads` does, sooner for the usual payload: a flat object without escapes.

    A colon stands behind each name. If there are as many as the object has members, no name came twice.

    :return: the value, and whether it may hold objects or lists (a bracket within a text counts as one, too).

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
    """Count the names of a text without a backslash, in which values may hold colons; ``None`` where blanks forbid it.

    Every quote opens or ends a string there, and without a blank behind a quote ``":`` stands behind each name and
    nowhere else.
    """
    blank = '" ' in text or "\n" in text or "\t" in text or "\r" in text
    return None if blank else text.count('":')


def dumps(value: Any, default: Any = None) -> bytes:
    """Return *value* as compact JSON, UTF-8.

    :raises TypeError: *value* holds something that JSON cannot express.
    :raises ValueError: *value* holds NaN or an infinity.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=default).encode()
