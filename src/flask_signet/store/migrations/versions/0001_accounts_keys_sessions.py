"""Accounts, keys and sessions.

The tables are written out here and not imported: the modules change later, and this revision must not.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_identifier = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "signet_users",
        sa.Column("id", _identifier, autoincrement=True, nullable=False),
        sa.Column("username", sa.String(255), nullable=False),
        sa.Column("username_key", sa.String(255), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(512), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_signet_users"),
        sa.UniqueConstraint("username_key", name="uq_signet_users_username_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "signet_keys",
        sa.Column("kid", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("sealed_jwk", sa.LargeBinary(), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("kid", name="pk_signet_keys"),
    )
    key_ring = op.create_table(
        "signet_key_ring",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signet_key_ring"),
    )
    op.create_table(
        "signet_sessions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("user_kind", sa.String(4), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("root_key", sa.Integer(), nullable=False),
        sa.Column("exchanged", sa.LargeBinary(128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("idle_ends_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.String(255)),
        sa.Column("address", sa.String(45)),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("ended_by", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_signet_sessions"),
    )
    op.create_index("ix_signet_sessions_user_id", "signet_sessions", ["user_id"])
    op.create_index("ix_signet_sessions_ends_at", "signet_sessions", ["ends_at"])
    op.create_table(
        "signet_epochs",
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_signet_epochs"),
    )
    op.create_table(
        "signet_feed",
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("epoch", sa.BigInteger()),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("n", name="pk_signet_feed"),
    )
    op.create_index("ix_signet_feed_until", "signet_feed", ["until"])
    feed_head = op.create_table(
        "signet_feed_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signet_feed_head"),
    )
    # The two counters exist from the start: a transaction that changes what they count locks their row first.
    op.bulk_insert(key_ring, [{"id": 1, "version": 0}])
    op.bulk_insert(feed_head, [{"id": 1, "n": 0, "floor": 0}])


def downgrade() -> None:
    for table in (
        "signet_feed_head",
        "signet_feed",
        "signet_epochs",
        "signet_sessions",
        "signet_key_ring",
        "signet_keys",
        "signet_users",
    ):
        op.drop_table(table)
