"""The result codes of SQLite, where Python names them and where it does not yet."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from flask_signet.store import sqlite_codes


def _refused(statement: str, *, prepared: str = "", path: str = ":memory:") -> sqlite3.Error:
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(path, timeout=0)
        connection.executescript(prepared)
        connection.execute(statement)
    except sqlite3.Error as error:
        return error
    finally:
        if connection is not None:
            connection.close()
    raise AssertionError(statement)


def _errors(folder: Path) -> dict[str, tuple[sqlite3.Error, int]]:
    broken = folder / "broken"
    broken.write_bytes(b"no database" * 100)
    taken = sqlite3.connect(folder / "taken")
    taken.execute("BEGIN EXCLUSIVE")
    try:
        return {
            "no table": (_refused("SELECT * FROM absent"), sqlite_codes.ERROR),
            "no column": (_refused("SELECT b FROM t", prepared="CREATE TABLE t (a)"), sqlite_codes.ERROR),
            "no value": (
                _refused("INSERT INTO t VALUES (NULL)", prepared="CREATE TABLE t (a NOT NULL)"),
                sqlite_codes.CONSTRAINT_NOTNULL,
            ),
            "full": (
                _refused(
                    "INSERT INTO t VALUES (zeroblob(100000))",
                    prepared="PRAGMA max_page_count = 3; CREATE TABLE t (a)",
                    path=str(folder / "small"),
                ),
                sqlite_codes.FULL,
            ),
            "read only": (
                _refused("INSERT INTO t VALUES (1)", prepared="CREATE TABLE t (a); PRAGMA query_only = 1"),
                sqlite_codes.READONLY,
            ),
            "no folder": (_refused("SELECT 1", path=str(folder / "absent" / "file")), sqlite_codes.CANTOPEN),
            "no database": (_refused("SELECT * FROM t", path=str(broken)), sqlite_codes.NOTADB),
            "locked": (_refused("SELECT * FROM t", path=str(folder / "taken")), sqlite_codes.BUSY),
        }
    finally:
        taken.close()


def test_the_code_of_an_error_is_known_with_and_without_pythons_help(tmp_path: Path) -> None:
    for name, (error, expected) in _errors(tmp_path).items():
        nameless = type(error)(*error.args)  # as before Python 3.11: a message and nothing else

        assert (name, expected) == (name, sqlite_codes.code_of(error))
        assert (name, expected) == (name, sqlite_codes.code_of(nameless))
        assert expected & 0xFF == sqlite_codes.primary_code_of(nameless)


def test_an_error_of_another_kind_has_no_code() -> None:
    assert sqlite_codes.code_of(ValueError("database is locked")) == 0
    assert sqlite_codes.code_of(None) == 0
    assert sqlite_codes.code_of(sqlite3.IntegrityError("UNIQUE constraint failed: t.a")) == 0
