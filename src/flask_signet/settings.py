"""Read and check single values of ``app.config``.

Each part of the package keeps its settings in its own frozen dataclass. These functions are shared, so that a duration,
a switch or a number is read the same way everywhere and errors have the same form.
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
    """Return a boolean setting.

    :raises SettingsError: the value is not a bool. Values from environment variables are often strings; the message
        then has the line to write.
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
    """Return a duration in whole seconds, given as a ``timedelta`` or a number of seconds, zero or more.

    Fractions are rounded up, since 0 means "never": half a second becomes 1.

    :raises SettingsError: the value has another type, is negative, or exceeds ``timedelta.max``, which no database
        column can hold.
    """
    value = config.get(key, default)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LONGEST:
        raise SettingsError(f"{key} must be a timedelta or a number of seconds, zero or more, not {value!r}")
    return ceil(value)


def integer(config: Mapping[str, Any], key: str, default: int | None, *, least: int = 0) -> int | None:
    """Return an integer of at least *least*, or the default (which may be ``None``).

    :raises SettingsError: the value is not such an integer.
    """
    value = config.get(key, default)
    if value is None and default is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(f"{key} must be a whole number of at least {least}, not {value!r}")
    return value


def text(config: Mapping[str, Any], key: str, default: str | None = None) -> str | None:
    """Return a string, or the default if the setting is absent.

    :raises SettingsError: the value is not a string. The message leaves the value out, since it may be a secret.
    """
    value = config.get(key, default)
    if value is None or isinstance(value, str):
        return value
    raise SettingsError(f"{key} must be a string, not {type(value).__name__}")


def choice(config: Mapping[str, Any], key: str, default: str, allowed: Iterable[str]) -> str:
    """Return one of *allowed*.

    :raises SettingsError: the value is not one of them; the message suggests the closest one.
    """
    value = config.get(key, default)
    names = sorted(allowed)
    if value in names:
        return value
    raise SettingsError(
        f"{key} must be one of {', '.join(map(repr, names))}, not {value!r}{nearest(str(value), names)}"
    )


def texts(config: Mapping[str, Any], key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return a tuple of strings; a single string becomes a tuple of one.

    :raises SettingsError: the value is neither a string nor a collection of strings.
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
    raise SettingsError(f"{key} must be a string or a list of strings, not {value!r}")


def copied(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return *values* for a later comparison; lists and sets are copied, so that a change in place is noticed."""
    return tuple(copy(cast(Any, value)) if isinstance(value, (list, set)) else value for value in values)


def nearest(given: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``"; did you mean 'X'?"`` for the closest of *known*, or an empty string.

    :param cutoff: the least similarity that counts as close; 1 means equal.
    """
    import difflib  # only a misspelt setting pays for this import

    by_letters = {name.lower(): name for name in known}
    close = difflib.get_close_matches(given.lower(), by_letters, n=1, cutoff=cutoff)
    return f"; did you mean {by_letters[close[0]]!r}?" if close else ""
