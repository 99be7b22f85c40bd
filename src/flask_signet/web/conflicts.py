"""What a conflict between settings is.

A conflict is certain or likely. A certain conflict is an error at start. A likely conflict may be intended, or may be
resolved by a setting that is set after ``init_app``: it is logged once, at the first request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

from flask_signet.exceptions import SettingsError

Config = Mapping[str, Any]

#: The name of a header or a cookie (RFC 9110 section 5.6.2).
NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two or more settings that conflict with each other.

    :param settings: the names of the settings; the first is the one to change.
    :param message: the reason and the line to write instead.
    :param certain: whether the application cannot work with these settings.
    """

    settings: tuple[str, ...]
    message: str
    certain: bool = False


def refuse(conflicts: Iterable[Conflict]) -> None:
    """Raise an error for the first certain conflict.

    :raises SettingsError: a conflict is certain; the message says what to write instead.
    """
    for conflict in conflicts:
        if conflict.certain:
            raise SettingsError(conflict.message)


def refused(*settings: str, because: str) -> Conflict:
    """Return a certain conflict."""
    return Conflict(settings=settings, message=because, certain=True)


def doubtful(*settings: str, because: str) -> Conflict:
    """Return a likely conflict."""
    return Conflict(settings=settings, message=because)


def as_list(value: Any) -> list[str]:
    """Return one name or several names as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in cast(Iterable[Any], value)]


def life(value: Any) -> timedelta | None:
    """Return a lifetime; ``None`` if it is unlimited, and zero for a ``relativedelta``, which has no fixed length."""
    if value is False:
        return None
    if isinstance(value, timedelta):
        return value
    return timedelta(seconds=value) if isinstance(value, (int, float)) else timedelta(0)
