"""Create the tables, migrate them between versions, and check them.

Our own version table keeps our migrations separate from those of the application.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, inspect, text

from flask_signet.exceptions import SchemaError
from flask_signet.store.metadata import metadata

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "signet_alembic_version"
# The newest revision in migrations/versions. Revisions are four digits and count up. Older code can use a revision
# that only adds, so both versions run side by side. Any other revision names the oldest code that it works with:
# "0007_needs_0005" needs code that knows revision 0005, so release one that only adds before it.
HEAD = "0004"
COMMAND = "flask signet db upgrade"

_NEEDS = "_needs_"
_ADVISORY_LOCK = 0x7369676E6574  # "signet": one upgrade at a time on one PostgreSQL database


class Transactions(Protocol):
    """A database whose transactions begin without a check of the tables."""

    def unchecked(self, *, reading: bool = False) -> AbstractContextManager[Connection]:
        """Begin a transaction; with *reading*, wait for no other transaction."""
        ...


def current(store: Transactions) -> str | None:
    """Return the revision of the tables, or ``None`` if there are none."""
    with store.unchecked(reading=True) as connection:
        return _version(connection)


def refuse_too_new(found: str) -> None:
    """Refuse the revision *found* if it needs newer code than this.

    :raises SchemaError: the revision needs newer code.
    """
    if found.partition(_NEEDS)[2] > HEAD[:4]:
        raise SchemaError(
            f"The tables of Flask-Signet are at revision {found}, made by a newer version. This version "
            f"needs {HEAD} and cannot use them. Start the newer version here, too."
        )


def upgrade(store: Transactions, revision: str = "head") -> str:
    """Upgrade the tables to *revision* in one transaction and return their revision.

    Tables of a newer version that this one can use are not changed.

    :raises SchemaError: the tables belong to a newer version, and this one cannot use them.
    """
    from alembic import command

    with store.unchecked() as connection:
        _one_at_a_time(connection)
        found = _version(connection)
        if found is not None and found > HEAD:
            refuse_too_new(found)
            return found
        command.upgrade(_config(connection), revision)
        return _version(connection) or ""


def downgrade(store: Transactions, revision: str) -> str | None:
    """Downgrade the tables to *revision* in one transaction; ``"base"`` drops all of them."""
    from alembic import command

    with store.unchecked() as connection:
        _one_at_a_time(connection)
        command.downgrade(_config(connection), revision)
        return _version(connection)


def check(store: Transactions) -> list[str]:
    """Return how the tables differ from what this version expects; an empty list if they are right."""
    with store.unchecked() as connection:
        return differences(connection)


def revision(connection: Connection) -> str | None:
    """Return the revision of the tables in the database of *connection*, or ``None`` if there are none."""
    return _version(connection)


def differences(connection: Connection) -> list[str]:
    """Return how the tables in the database of *connection* differ, without changing anything."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    found = _version(connection)
    if found is None or found < HEAD:
        return [f"revision {found or 'none'} instead of {HEAD}: run {COMMAND}"]
    refuse_too_new(found)
    context = MigrationContext.configure(
        connection,
        opts={
            "target_metadata": metadata,
            "version_table": VERSION_TABLE,
            "include_name": only_ours,
            "compare_type": True,
        },
    )
    compared = compare_metadata(context, metadata)
    # Additions of a newer version are not differences.
    newer = found > HEAD
    return [str(each) for each in compared if not (newer and str(each[0]).startswith("remove_"))]


def only_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Limit Alembic to our tables."""
    return kind != "table" or is_ours(name)


def is_ours(name: str | None) -> bool:
    """Return whether a table of this name is ours."""
    return name is not None and name.startswith("signet_")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    # The name is a constant of this module.
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608


def _one_at_a_time(connection: Connection) -> None:
    # On SQLite the transaction already holds the write lock.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
