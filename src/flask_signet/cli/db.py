"""``flask signet db``: the tables, and what a restored copy of them asks for."""

from __future__ import annotations

# Imported so that every table is known: `db check` compares all of them.
import flask_signet.sessions.tables as _tables  # noqa: F401  # pyright: ignore[reportUnusedImport]
from flask_signet.accounts.commands import db_group as db_group
from flask_signet.sessions.commands import restored_command

db_group.add_command(restored_command)
