"""The tables of ``flask_signet.sessions``.

Times are whole milliseconds since 1970 UTC. User ids of every type are stored as strings.
No column holds a secret: a refresh token is a MAC and is computed again when it is needed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from flask_signet.store import metadata

sessions_table = Table(
    "signet_sessions",
    metadata,
    Column("id", String(36), primary_key=True),  # UUIDv7, the claim `sid` of its access tokens
    Column("user_id", String(255), nullable=False),
    Column("user_kind", String(4), nullable=False),  # "int", "str" or "uuid": the type that the application uses
    Column("generation", BigInteger, nullable=False),
    Column("root_key", Integer, nullable=False),  # number of the root key that made the current generation
    # When the last generations were exchanged: up to 16 times, newest first, 8 bytes big-endian each.
    Column("exchanged", LargeBinary(128), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("idle_ends_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),  # fixed at login; the row stays until then
    Column("device", String(255)),
    Column("address", String(45)),
    Column("ended_at", BigInteger),
    Column("ended_by", String(16)),
    Column("mark", String(32)),  # of the user, at the login; see marks.py
    # Until when the last access token of this session is accepted, by the settings at its issue. Revision 0001 left
    # this column empty.
    Column("access_until", BigInteger),
    Index("ix_signet_sessions_user_id", "user_id"),
    Index("ix_signet_sessions_ends_at", "ends_at"),
)

epochs_table = Table(
    "signet_epochs",
    metadata,
    # One row for each user who was ever signed out everywhere; no row means epoch 0.
    Column("user_id", String(255), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("marks", String(255)),  # the user's current marks, separated by spaces, newest first; see marks.py
)

feed_table = Table(
    "signet_feed",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(8), nullable=False),  # "session" or "user"
    Column("subject", String(255), nullable=False),  # id of the session or the user
    Column("epoch", BigInteger),  # with "user": tokens of an older epoch are refused
    Column("until", BigInteger, nullable=False),  # after this, every token that the entry revokes has expired
    Index("ix_signet_feed_until", "until"),
)

feed_head_table = Table(
    "signet_feed_head",
    metadata,
    # A single row (id 1). A transaction draws `n` from it as its last statement and holds the row until the commit,
    # so the order of numbers is the order of commits.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),  # added to every user's epoch; raised by `db restored`
)

pending_logins_table = Table(
    "signet_pending_logins",
    metadata,
    # One row for each login with a pending step; see pending_logins.py. The token contains the id and is not stored.
    Column("id", String(36), primary_key=True),  # UUIDv7
    Column("user_id", String(255), nullable=False),
    Column("user_kind", String(4), nullable=False),
    Column("proofs", Text, nullable=False),  # JSON: [[method, seconds since 1970], …]
    Column("transport", String(8), nullable=False),  # "body" or "cookie": how the refresh token is sent
    Column("epoch", BigInteger, nullable=False),  # of the user when the login began; a change means "signed out"
    Column("mark", String(32)),  # of the user when the login began
    Column("expires_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("used_at", BigInteger),
    Index("ix_signet_pending_logins_expires_at", "expires_at"),
)
