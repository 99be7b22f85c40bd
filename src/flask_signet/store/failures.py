"""Classify driver errors: the database is unavailable, a conflict that can be retried, or a bug in this package."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import exc

from flask_signet.exceptions import Unavailable
from flask_signet.store import sqlite_codes

log = logging.getLogger(__name__)

# SQLSTATE of serialization_failure and deadlock_detected (PostgreSQL, appendix A).
_PASSING_SQLSTATES = frozenset({"40001", "40P01"})

# By SQLite's primary result code.
_SQLITE_ADVICE = {
    sqlite_codes.READONLY: "Give this user write permission for the database file and its folder.",
    sqlite_codes.CANTOPEN: "Give this user write permission for the database file and its folder.",
    sqlite_codes.IOERR: "Check the disk of the database file.",
    sqlite_codes.FULL: "The disk is full: free some space.",
}


class TransactionLost(Exception):
    """A transaction on a driver connection lost a conflict; nothing was changed, and it may be run again."""


def passes(error: Exception) -> bool:
    """Return whether the same transaction may succeed if it is run again."""
    if not isinstance(error, exc.DBAPIError):
        return False
    original = error.orig
    if isinstance(original, sqlite3.OperationalError):
        # The low byte is the primary code. If waiting could help, SQLite has waited for its busy timeout.
        return sqlite_codes.primary_code_of(original) == sqlite_codes.BUSY
    # A connection that broke before the commit has changed nothing.
    return error.connection_invalidated or getattr(original, "sqlstate", None) in _PASSING_SQLSTATES


def about_tables(error: exc.DBAPIError) -> bool:
    """Return whether a statement failed as it does when the tables belong to another version."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return sqlite_codes.code_of(original) in (sqlite_codes.ERROR, sqlite_codes.CONSTRAINT_NOTNULL)
    # Class 42: a table or column is missing or has another type; 23502: a column requires a value.
    state = str(getattr(original, "sqlstate", None) or "")
    return state.startswith("42") or state == "23502"


@contextmanager
def as_unavailable() -> Generator[None, None, None]:
    """Turn errors of an unavailable database into :class:`Unavailable`; constraint violations pass unchanged."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        answer = unavailable_from(error)
        if answer is None:
            raise
        raise answer from error


def unavailable_from(error: exc.SQLAlchemyError) -> Unavailable | None:
    """Return the error to raise if *error* says that the database does not answer; ``None`` for any other error."""
    if isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, exc.DisconnectionError)):
        return _unavailable(error)
    # SQLite reports "malformed" and "not a database" by the base class; a broken connection comes as any class.
    if isinstance(error, exc.DBAPIError) and (error.connection_invalidated or type(error) is exc.DatabaseError):
        return _unavailable(error)
    return None


def _unavailable(error: exc.SQLAlchemyError) -> Unavailable:
    """Return the error for a database that does not answer, and log the reason and, if known, the remedy."""
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    # The driver's message only: SQLAlchemy's message adds the statement and its values.
    words = str(original).strip()
    advice = _SQLITE_ADVICE.get(sqlite_codes.primary_code_of(original))
    if words.startswith("no such table"):
        advice = "Create the tables of your models: run db.create_all() in an application context, or your migrations."
    log.error(
        "The database does not answer: %s: %s", type(original).__name__, f"{words}. {advice}" if advice else words
    )
    return Unavailable("The database does not answer")
