"""Checks of ``flask signet doctor`` for the signing keys in the database."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from flask_signet.findings import Finding, ok
from flask_signet.signing_keys.table import SEAL_LABEL, keys_table
from flask_signet.store import rootkey
from flask_signet.store.checks import StoreChecks
from flask_signet.store.looking import Absent, looking
from flask_signet.store.rootkey import RootKeyRing


def holds_keys(connection: Connection) -> bool:
    """Return whether the database of *connection* holds signing keys; it may have no tables."""
    there = inspect(connection).has_table(keys_table.name)
    return there and connection.execute(select(keys_table.c.kid).limit(1)).first() is not None


def _line_for_former_key(store: StoreChecks) -> str:
    """Return the line that sets the root key again, in the place where this application reads it."""
    if store.settings.root_key is not None:
        return "export FLASK_SIGNET_ROOT_KEY=…    # the root key that belongs to this database"
    file = store.settings.root_key_file or store.settings.folder / rootkey.FILE_NAME
    return f"cp /your/copy/{rootkey.FILE_NAME} {file}"


def signing_keys(store: StoreChecks) -> Iterator[Finding]:
    """Check the key ring in the database, and that the root key decrypts it."""
    if store.in_memory:
        return
    try:
        with looking(store.settings, store.app_engine, store.clock) as connection:
            if not inspect(connection).has_table(keys_table.name):
                return
            rows = connection.execute(select(keys_table).where(keys_table.c.status != "revoked")).all()
    except (Absent, SQLAlchemyError):
        return  # the check of the database reports it
    if not rows:
        yield ok("keys_not_made", "There are no signing keys yet; the first login creates them.")
        return
    roots = store.roots()
    if roots is None:
        return  # the check of the root key reports it
    ring = RootKeyRing(lambda: roots, clock=store.clock)
    for row in rows:
        try:
            ring.open(row.sealed_jwk, SEAL_LABEL)
        except (LookupError, ValueError):
            yield Finding(
                code="root_key_does_not_fit",
                level="error",
                summary=f"The root key cannot decrypt the signing key {row.kid}: it belongs to another database. "
                f"{rootkey.IF_LOST}",
                line_to_write=_line_for_former_key(store),
                page="keys.md",
            )
            return
    states = ", ".join(f"{row.status} {row.algorithm}" for row in rows)
    yield ok("keys", f"Keys in the database: {states}.")
