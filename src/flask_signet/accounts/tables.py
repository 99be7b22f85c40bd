"""The table of the built-in accounts. An application may point foreign keys at ``users_table.c.id``."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, String, Table, Text

from flask_signet.store.metadata import Identifier, Timestamp, metadata

users_table = Table(
    "signet_users",
    metadata,
    # 1, 2, 3 …, and never the number of a deleted account: a token of a deleted account must not find a user.
    Column("id", Identifier, primary_key=True, autoincrement=True),
    Column("username", String(255), nullable=False),  # as its owner wrote it
    Column("username_key", String(255), nullable=False, unique=True),  # canonical: see names.py
    Column("email", String(320)),
    Column("email_verified", Boolean, nullable=False),
    Column("password_hash", String(512), nullable=False),
    Column("roles", Text, nullable=False),  # a JSON list of strings
    Column("created_at", Timestamp, nullable=False),
    Column("disabled_at", Timestamp),
    sqlite_autoincrement=True,
)
