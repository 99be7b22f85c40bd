"""Findings and checks of ``flask signet doctor``.

Each subpackage has its own checks. A check is read-only: it creates, changes and locks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    :param code: names it for programs; does not change.
    :param level: ``error`` must be fixed, ``warning`` should be; a ``note`` only the operator can decide.
    :param summary: what was found, in one or two sentences; holds no secret.
    :param line_to_write: the line, setting or command that fixes it.
    :param page: the page of the documentation, with its section, below ``docs/``.
    """

    code: str
    level: Level
    summary: str
    line_to_write: str | None = None
    page: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the fields as an object for programs."""
        return asdict(self)


# Takes the Flask application, within its context.
Check = Callable[[Any], Iterable[Finding]]


def from_message(code: str, level: Level, message: str, page: str | None = None) -> Finding:
    """Return a finding from an error message; what follows ``Write:`` or ``Run:`` is the line to write."""
    for mark in (" Write: ", " Run: "):
        summary, found, line = message.partition(mark)
        if found:
            return Finding(
                code=code, level=level, summary=_sentence(summary), line_to_write=line.rstrip("."), page=page
            )
    return Finding(code=code, level=level, summary=_sentence(message), page=page)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", ":")) else f"{text}."


def ok(code: str, summary: str) -> Finding:
    """Return a finding of level ``ok``."""
    return Finding(code=code, level="ok", summary=summary)
