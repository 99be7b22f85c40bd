"""SQLite's result codes, on every Python that is supported.

``sqlite3`` names the codes and gives that of an error from Python 3.11 on. Before, an error has only its message,
which SQLite takes from a fixed list.

Source: https://www.sqlite.org/rescode.html; the messages are those of ``sqlite3_errstr``.
"""

from __future__ import annotations

import sqlite3
from typing import Final

ERROR: Final = 1
BUSY: Final = 5
READONLY: Final = 8
IOERR: Final = 10
FULL: Final = 13
CANTOPEN: Final = 14
NOTADB: Final = 26
CONSTRAINT_NOTNULL: Final = 1299

_MESSAGES: Final = {
    "database is locked": BUSY,
    "attempt to write a readonly database": READONLY,
    "disk I/O error": IOERR,
    "database or disk is full": FULL,
    "unable to open database file": CANTOPEN,
    "file is not a database": NOTADB,
}


def code_of(error: BaseException | None) -> int:
    """Return the extended result code of an error of ``sqlite3``; 0 for any other error."""
    if not isinstance(error, sqlite3.Error):
        return 0
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return _by_message(error) if code is None else code


def primary_code_of(error: BaseException | None) -> int:
    """Return the primary result code of an error of ``sqlite3``, the low byte; 0 for any other error."""
    return code_of(error) & 0xFF


def _by_message(error: sqlite3.Error) -> int:
    message = str(error)
    if message.startswith("NOT NULL constraint failed"):
        return CONSTRAINT_NOTNULL
    known = _MESSAGES.get(message)
    if known is not None:
        return known
    # What is left of this class: a statement that does not fit the tables.
    return ERROR if isinstance(error, sqlite3.OperationalError) else 0
