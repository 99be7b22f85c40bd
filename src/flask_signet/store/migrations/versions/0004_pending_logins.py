"""Pending logins, which need another step such as a second factor.

This revision only adds, so code of revision 0003 still works.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signet_pending_logins",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("user_kind", sa.String(4), nullable=False),
        sa.Column("proofs", sa.Text(), nullable=False),
        sa.Column("transport", sa.String(8), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.String(32)),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_signet_pending_logins"),
    )
    op.create_index("ix_signet_pending_logins_expires_at", "signet_pending_logins", ["expires_at"])


def downgrade() -> None:
    op.drop_table("signet_pending_logins")
