"""The tables of the sessions room.

Times are whole milliseconds since 1970 UTC. Ids of users are kept as text, whatever their type.
No column holds a secret: a refresh token is a MAC that is made again when it is needed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from flask_signet.store import metadata

sessions_table = Table(
    "signet_sessions",
    metadata,
    Column("id", String(36), primary_key=True),  # UUIDv7, the claim `sid` of its access tokens
    Column("user_id", String(255), nullable=False),
    Column("user_kind", String(4), nullable=False),  # "int", "str" or "uuid": the type to give back
    Column("generation", BigInteger, nullable=False),
    Column("root_key", Integer, nullable=False),  # number of the root key that made the current generation
    # Up to 16 times, newest first, 8 bytes big-endian each: when the last generations were exchanged.
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
    # Until when the last access token of this session is accepted: by the settings under which it was issued. Revision
    # 0001 wrote nothing here.
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
    Column("marks", String(255)),  # that stand for this user, between spaces, the newest first; see marks.py
)

feed_table = Table(
    "signet_feed",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(8), nullable=False),  # "session" or "user"
    Column("subject", String(255), nullable=False),  # id of the session or the user
    Column("epoch", BigInteger),  # with "user": tokens of an older epoch are dead
    Column("until", BigInteger, nullable=False),  # after this nothing that the entry concerns is alive
    Index("ix_signet_feed_until", "until"),
)

feed_head_table = Table(
    "signet_feed_head",
    metadata,
    # The one row (id 1). Drawing `n` from it as the last act of a transaction makes number order commit
    # order: whoever draws holds the row until the commit.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),  # added to every user's epoch; raised by `db restored`
)

pending_logins_table = Table(
    "signet_pending_logins",
    metadata,
    # One row for each login that still lacks something; see pending_logins.py. The token names it and is not kept.
    Column("id", String(36), primary_key=True),  # UUIDv7
    Column("user_id", String(255), nullable=False),
    Column("user_kind", String(4), nullable=False),
    Column("proofs", Text, nullable=False),  # JSON: [[method, seconds since 1970], …]
    Column("transport", String(8), nullable=False),  # "body" or "cookie": how the refresh token is to be given
    Column("epoch", BigInteger, nullable=False),  # of the user when the login began: another one says "signed out"
    Column("mark", String(32)),  # of the user when the login began
    Column("expires_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("used_at", BigInteger),
    Index("ix_signet_pending_logins_expires_at", "expires_at"),
)
