"""Counters of the throttle.

This revision only adds, so code of revision 0002 still works. That code counts in memory.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signet_throttle",
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("state", sa.LargeBinary(1024), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_signet_throttle"),
    )
    op.create_index("ix_signet_throttle_until", "signet_throttle", ["until"])


def downgrade() -> None:
    op.drop_table("signet_throttle")
