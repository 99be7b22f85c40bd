"""Measure what the server does for each request, and send it to the page in the header ``X-Demo-Log``.

SQLite itself reports each statement that it runs: those of the tasks and those of Signet's store.
The header has only the verb and the table of a statement, never a value. It is for this demo; do not
send it to the users of a real application.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sqlite3.dbapi2
import time
from collections import Counter
from contextvars import ContextVar
from typing import Any

from flask import Flask, Response

from flask_signet import get_jwt

HEADER = "X-Demo-Log"
_TABLE = re.compile(r'\b(?:from|into|update|table(?: if not exists)?)\s+"?(\w+)', re.IGNORECASE)
_BRACKETS = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}

_statements: ContextVar[list[str] | None] = ContextVar("statements", default=None)
_started: ContextVar[float] = ContextVar("started", default=0.0)


def summary(sql: str) -> str | None:
    """Return the verb and table of *sql*, or ``None`` for a statement that only begins or ends a transaction."""
    words = sql.split(None, 2)
    verb = words[0].upper().rstrip(";") if words else ""
    if not verb.isalpha() or verb in _BRACKETS:
        return None
    if verb == "PRAGMA":
        return f"PRAGMA {words[1].rstrip(';')}" if len(words) > 1 else verb
    table = _TABLE.search(sql)
    return f"{verb} {table.group(1)}" if table else verb


def trace(connection: sqlite3.Connection) -> None:
    """Record the statements of *connection* for the request that runs them."""

    def note(sql: str) -> None:
        statements, text = _statements.get(), summary(sql)
        if statements is not None and text is not None:
            statements.append(text)

    connection.set_trace_callback(note)


def _trace_every_connection() -> None:
    """Trace every new SQLite connection of this process.

    Do not replace functions of the standard library in your own application. The demo does it because all
    connections are opened there: those of the tasks, of SQLAlchemy, and of the reader of revoked sessions.
    """
    connect = sqlite3.dbapi2.connect
    if connect.__name__ == "traced":
        return

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        trace(connection)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = traced


class Meter:
    """Adds the header to every response of *app*, except to the files of the page."""

    def __init__(self, app: Flask) -> None:
        _trace_every_connection()
        app.before_request(self._begin)
        app.after_request(self._report)

    def _begin(self) -> None:
        _statements.set([])
        _started.set(time.perf_counter())

    def _report(self, response: Response) -> Response:
        if response.direct_passthrough:
            return response
        report = {
            "ms": round((time.perf_counter() - _started.get()) * 1000, 2),
            "token": _token_was_accepted(),
            "sql": Counter(_statements.get() or ()),
        }
        response.headers[HEADER] = json.dumps(report, separators=(",", ":"))
        return response


def _token_was_accepted() -> bool:
    """Return whether a guard accepted the token of this request."""
    try:
        return bool(get_jwt())
    except RuntimeError:  # no guard ran
        return False
