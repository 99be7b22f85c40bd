"""The table of the counters: no name, network or user stands in it, only MACs of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from flask_signet.store import metadata

throttle_table = Table(
    "signet_throttle",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    # Up to 32 tallies, 28 bytes each; see sql.py.
    Column("state", LargeBinary(1024), nullable=False),
    Column("until", BigInteger, nullable=False),  # after this the row says nothing and can be deleted
    Column("held_until", BigInteger, nullable=False),  # it can make a client wait until then
    # Counts the changes: one that was decided on an older state is not written.
    Column("changes", BigInteger, nullable=False),
    Index("ix_signet_throttle_until", "until"),
)
