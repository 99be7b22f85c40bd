"""Run by Alembic: our metadata, our version table, and the connection that :mod:`..schema` opened."""

from __future__ import annotations

from alembic import context

from flask_signet.store.metadata import metadata
from flask_signet.store.schema import VERSION_TABLE, only_ours

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=only_ours,
    # The caller's transaction holds the whole; SQLite rolls tables back like rows.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
