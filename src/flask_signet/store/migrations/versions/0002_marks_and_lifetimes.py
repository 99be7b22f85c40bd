"""Marks of users, and the longest lifetime of tokens that were issued under earlier settings.

This revision only adds, so code of revision 0001 still works. A value that this code leaves empty means "unknown".
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("signet_epochs", sa.Column("marks", sa.String(255)))
    op.add_column("signet_sessions", sa.Column("mark", sa.String(32)))
    op.add_column("signet_sessions", sa.Column("access_until", sa.BigInteger()))
    op.add_column("signet_key_ring", sa.Column("longest_life", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("signet_key_ring", "longest_life")
    op.drop_column("signet_sessions", "access_until")
    op.drop_column("signet_sessions", "mark")
    op.drop_column("signet_epochs", "marks")
