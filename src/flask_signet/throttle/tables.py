"""The table of the counters. It contains only MACs of names, networks and users."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from flask_signet.store import metadata

throttle_table = Table(
    "signet_throttle",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    # Up to 32 tallies, 28 bytes each; see sql.py.
    Column("state", LargeBinary(1024), nullable=False),
    Column("until", BigInteger, nullable=False),  # after this the row has no effect and can be deleted
    Column("held_until", BigInteger, nullable=False),  # until then the row can make a client wait
    # The number of changes: a change that was decided on an older state is not written.
    Column("changes", BigInteger, nullable=False),
    Index("ix_signet_throttle_until", "until"),
)
