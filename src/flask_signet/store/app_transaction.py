"""Whether the application's own open transaction keeps ours from writing: SQLite has one writer at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.pool import StaticPool

from flask_signet.store.connections import is_within_transaction
from flask_signet.store.database import Store
from flask_signet.store.sqlite_codes import BUSY, primary_code_of

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session


def blocks_writing(session: Session | None, store: Store) -> bool:
    """Return whether a write would wait for the transaction of *session*, which waits for the caller.

    :param session: of the application, on the engine that *store* uses too; ``None``: it has none.
    """
    if session is None or store.dialect != "sqlite" or not (session.in_transaction() and session.is_active):
        return False
    own = session.connection(bind_arguments={"bind": store.engine})
    if not is_within_transaction(own.connection.dbapi_connection):
        return False
    return isinstance(store.engine.pool, StaticPool) or not store.answers_at_once or _is_locked(store.engine)


def _is_locked(engine: Engine) -> bool:
    """Return whether a commit would have to wait: without a write-ahead log also for a transaction that only reads."""
    pooled = engine.raw_connection()
    try:
        cursor: Any = pooled.cursor()
        patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            cursor.execute("BEGIN EXCLUSIVE")
            cursor.execute("ROLLBACK")
        except engine.dialect.loaded_dbapi.Error as error:
            return primary_code_of(error) == BUSY
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {int(patience)}")
        return False
    finally:
        pooled.close()
