"""Make the tables, move them between versions, and say whether they are right.

The version stands in a table of our own, so the application's migrations and ours never meet.
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
# The newest revision in migrations/versions. Revisions are four digits and count up. One that only adds can be used by
# older code, and the two run side by side. One that does not says in its name which code it needs at least:
# "0007_needs_0005" is for code that knows revision 0005, so let there be one that only adds before it.
HEAD = "0004"
COMMAND = "flask signet db upgrade"

_NEEDS = "_needs_"
_ADVISORY_LOCK = 0x7369676E6574  # "signet": one upgrade at a time on one PostgreSQL database


class Transactions(Protocol):
    """Where the tables are: a database that does not look at them first."""

    def unchecked(self, *, reading: bool = False) -> AbstractContextManager[Connection]:
        """Begin a transaction; with *reading* one that waits for no other."""
        ...


def current(store: Transactions) -> str | None:
    """Return the revision of the tables, or ``None`` where there are none."""
    with store.unchecked(reading=True) as connection:
        return _version(connection)


def refuse_too_new(found: str) -> None:
    """Refuse the revision *found* if it needs newer code than this.

    :raises SchemaError: it does.
    """
    if found.partition(_NEEDS)[2] > HEAD[:4]:
        raise SchemaError(
            f"The tables of Flask-Signet are at revision {found}, which a newer version made and this one, which knows "
            f"{HEAD}, cannot use. Start the newer version here, too."
        )


def upgrade(store: Transactions, revision: str = "head") -> str:
    """Bring the tables to *revision* in one transaction and return where they are now.

    Tables that a newer version made and this one can use are left as they are.

    :raises SchemaError: a newer version made them, and this one cannot use them.
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
    """Take the tables back to *revision* (``"base"``: away with all of them) in one transaction."""
    from alembic import command

    with store.unchecked() as connection:
        _one_at_a_time(connection)
        command.downgrade(_config(connection), revision)
        return _version(connection)


def check(store: Transactions) -> list[str]:
    """Return how the tables differ from what this version expects; nothing where they are right."""
    with store.unchecked() as connection:
        return differences(connection)


def revision(connection: Connection) -> str | None:
    """Return the revision of the tables that *connection* leads to, or ``None`` where there are none."""
    return _version(connection)


def differences(connection: Connection) -> list[str]:
    """Return how the tables that *connection* leads to differ; it only reads."""
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
    # What a newer version added is nothing that this one lacks.
    newer = found > HEAD
    return [str(each) for each in compared if not (newer and str(each[0]).startswith("remove_"))]


def only_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Tell Alembic to look at our tables only."""
    return kind != "table" or is_ours(name)


def is_ours(name: str | None) -> bool:
    """Say whether a table of this name is ours."""
    return name is not None and name.startswith("signet_")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    # The name is a constant of this module.
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608


def _one_at_a_time(connection: Connection) -> None:
    # On SQLite the transaction has begun with the lock for writing.
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
