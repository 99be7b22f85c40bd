"""Read one value out of ``app.config``, or say what the right one would be.

Each room keeps its settings in a frozen dataclass of its own; what they share is how a duration, a
switch or a number is read and how a mistake is worded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import timedelta
from math import ceil
from typing import Any, cast

from flask_signet.exceptions import SettingsError

_LONGEST = timedelta.max.total_seconds()


def boolean(config: Mapping[str, Any], key: str, default: bool) -> bool:
    """Return a switch.

    :raises SettingsError: the value is not a bool; a text is the usual slip of an environment.
    """
    value = config.get(key, default)
    if isinstance(value, bool):
        return value
    hint = ""
    if isinstance(value, str):
        right = "true" if value[:1] in "tTyY1" else "false"
        hint = f" From the environment write FLASK_{key}={right}, in lower case."
    raise SettingsError(f"{key} must be True or False, not {value!r}.{hint}")


def seconds(config: Mapping[str, Any], key: str, default: timedelta) -> int:
    """Return a duration in whole seconds; a ``timedelta`` or a number of seconds, zero or more.

    Parts of a second are rounded up: half a second is one, and not the zero that means "never".

    :raises SettingsError: neither, negative, or longer than any ``timedelta``: no column of a table holds it.
    """
    value = config.get(key, default)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LONGEST:
        raise SettingsError(f"{key} must be a timedelta or a number of seconds, zero or more, not {value!r}")
    return ceil(value)


def integer(config: Mapping[str, Any], key: str, default: int | None, *, least: int = 0) -> int | None:
    """Return a whole number of at least *least*, or the default (which may be ``None``).

    :raises SettingsError: the value is something else.
    """
    value = config.get(key, default)
    if value is None and default is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(f"{key} must be a whole number of at least {least}, not {value!r}")
    return value


def text(config: Mapping[str, Any], key: str, default: str | None = None) -> str | None:
    """Return a text, or the default where nothing is set.

    :raises SettingsError: the value is no text. It is not repeated, for it may be a secret.
    """
    value = config.get(key, default)
    if value is None or isinstance(value, str):
        return value
    raise SettingsError(f"{key} must be a text, not {type(value).__name__}")


def choice(config: Mapping[str, Any], key: str, default: str, allowed: Iterable[str]) -> str:
    """Return one of *allowed*.

    :raises SettingsError: the value is none of them; the nearest one is suggested.
    """
    value = config.get(key, default)
    names = sorted(allowed)
    if value in names:
        return value
    raise SettingsError(
        f"{key} must be one of {', '.join(map(repr, names))}, not {value!r}{nearest(str(value), names)}"
    )


def texts(config: Mapping[str, Any], key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return a tuple of texts; one text alone counts as a tuple of one.

    :raises SettingsError: something else.
    """
    value = config.get(key, default)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple, set, frozenset)):
        items = tuple(cast(Iterable[Any], value))
        if all(isinstance(item, str) for item in items):
            return items
    raise SettingsError(f"{key} must be a text or a list of texts, not {value!r}")


def copied(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return *values* to compare with later ones: lists and sets as copies, so that a change in place is noticed."""
    return tuple(copy(cast(Any, value)) if isinstance(value, (list, set)) else value for value in values)


def nearest(given: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``"; did you mean 'X'?"`` for the closest of *known*, or nothing.

    :param cutoff: how much alike the two must be at least; 1 is the same.
    """
    import difflib  # only somebody who made a slip pays for it

    by_letters = {name.lower(): name for name in known}
    close = difflib.get_close_matches(given.lower(), by_letters, n=1, cutoff=cutoff)
    return f"; did you mean {by_letters[close[0]]!r}?" if close else ""
