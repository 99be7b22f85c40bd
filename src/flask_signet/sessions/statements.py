"""All SQL statements of ``flask_signet.sessions``.

They are SQL strings and not Core expressions. A refresh runs them through the driver, because building and compiling
expressions costs as much as the statements themselves. One form for all is easier to compare with the tables.
"""

# ruff: noqa: S608 (only constants of this module are concatenated; values are always parameters)

from __future__ import annotations

from sqlalchemy import text

_LIVING = "ended_at IS NULL AND idle_ends_at > :today AND ends_at > :today"
_COLUMNS = "id, user_id, user_kind, device, address, created_at, used_at, ends_at"
_EPOCH_OF = (
    "coalesce((SELECT epoch FROM signet_epochs WHERE user_id = {user}), 0)"
    " + coalesce((SELECT floor FROM signet_feed_head WHERE id = 1), 0)"
)

# --- Feed and epochs ---

HEAD = "SELECT n FROM signet_feed_head WHERE id = 1"
SIGNED_OUT = text("SELECT n FROM signet_feed WHERE n > :since AND kind = 'user' AND subject = :user")
MAKE_EPOCH = text("INSERT INTO signet_epochs (user_id, epoch) VALUES (:user, 0) ON CONFLICT DO NOTHING")
LOCK_EPOCH = text("SELECT epoch FROM signet_epochs WHERE user_id = :user FOR UPDATE")
RAISE_EPOCH = text(
    "INSERT INTO signet_epochs (user_id, epoch) VALUES (:user, 1)"
    " ON CONFLICT (user_id) DO UPDATE SET epoch = signet_epochs.epoch + 1"
)
EPOCH = text("SELECT epoch FROM signet_epochs WHERE user_id = :user")
TOKEN_EPOCH = text(f"SELECT {_EPOCH_OF.format(user=':user')}")
MARKS = text("SELECT marks FROM signet_epochs WHERE user_id = :user")
SET_MARKS = text(
    "INSERT INTO signet_epochs (user_id, epoch, marks) VALUES (:user, 0, :marks)"
    " ON CONFLICT (user_id) DO UPDATE SET marks = excluded.marks"
)
_USER = f"SELECT {_EPOCH_OF.format(user=':user')}, (SELECT marks FROM signet_epochs WHERE user_id = :user)"
_POSTGRESQL_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
USER = text(_USER)
POSTGRESQL_USER = text(f"{_USER}, {_POSTGRESQL_NOW}")
POSTGRESQL_NOW = text(f"SELECT {_POSTGRESQL_NOW}")

# --- One session ---

INSERT = text(
    "INSERT INTO signet_sessions (id, user_id, user_kind, generation, root_key, exchanged, created_at, used_at,"
    " idle_ends_at, ends_at, device, address, mark, access_until) VALUES (:id, :user_id, :user_kind, :generation,"
    " :root_key, :exchanged, :now, :now, :idle_ends_at, :ends_at, :device, :address, :mark, :access_until)"
)
END = text("UPDATE signet_sessions SET ended_at = :now, ended_by = :reason WHERE id = :id AND ended_at IS NULL")
ONE_LIVING = text(f"SELECT {_COLUMNS} FROM signet_sessions WHERE id = :id AND {_LIVING}")

_LOCK = (
    "SELECT user_id, user_kind, generation, root_key, exchanged, used_at, idle_ends_at, ends_at, ended_at,"
    " mark, access_until{more}"
    " FROM signet_sessions WHERE id = {mark}{lock}"
)
SQLITE_LOCK = _LOCK.format(more=", " + _EPOCH_OF.format(user="signet_sessions.user_id"), mark="?", lock="")
_SERVER_LOCK = _LOCK.format(more="", mark="%s", lock=" FOR UPDATE")

SQLITE_ADVANCE = (
    "UPDATE signet_sessions SET generation = ?, root_key = ?, exchanged = ?, used_at = ?, idle_ends_at = ?,"
    " access_until = ? WHERE id = ? AND generation = ? AND ended_at IS NULL"
)
_SERVER_ADVANCE = SQLITE_ADVANCE.replace("?", "%s")
SQLITE_LENGTHEN = "UPDATE signet_sessions SET access_until = ? WHERE id = ?"
_SERVER_LENGTHEN = SQLITE_LENGTHEN.replace("?", "%s")


def lock(dialect: str) -> str:
    """Return the driver's statement that reads one session and locks it until the commit."""
    return SQLITE_LOCK if dialect == "sqlite" else _SERVER_LOCK


def advance(dialect: str) -> str:
    """Return the driver's statement that exchanges one generation: a compare-and-set on ``generation``."""
    return SQLITE_ADVANCE if dialect == "sqlite" else _SERVER_ADVANCE


def lengthen(dialect: str) -> str:
    """Return the driver's statement that stores a later expiry of the session's access tokens."""
    return SQLITE_LENGTHEN if dialect == "sqlite" else _SERVER_LENGTHEN


# Exactly the case ROTATE of `rotation.decide` in SQL: current generation, active session, no burst of exchanges. In
# every other case the statement changes nothing, and Python decides. For the format of the times see `rotation.pack`.
POSTGRESQL_ROTATE = (
    "UPDATE signet_sessions AS s SET generation = s.generation + 1, root_key = %s,"
    " exchanged = int8send(t.ms) || substring(s.exchanged FROM 1 FOR 120),"
    " used_at = greatest(t.ms, s.used_at), idle_ends_at = least(greatest(t.ms, s.used_at) + %s, s.ends_at),"
    " access_until = greatest(coalesce(s.access_until, %s), %s)"
    " FROM (SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS ms) AS t"
    " WHERE s.id = %s AND s.generation = %s AND s.generation < 4294967295 AND s.ended_at IS NULL"
    " AND s.idle_ends_at > greatest(t.ms, s.used_at) AND s.ends_at > greatest(t.ms, s.used_at)"
    " AND (octet_length(s.exchanged) < 128 OR"
    " CAST(CAST('x' || encode(substring(s.exchanged FROM 121 FOR 8), 'hex') AS bit(64)) AS bigint) <= t.ms - %s)"
    f" RETURNING s.user_kind, s.user_id, {_EPOCH_OF.format(user='s.user_id')}, s.mark"
)

# --- Many sessions ---

LIVING = text(
    f"SELECT {_COLUMNS} FROM signet_sessions WHERE user_id = :user AND {_LIVING} ORDER BY used_at DESC, id DESC"
)
ALL_LIVING = text(f"SELECT {_COLUMNS} FROM signet_sessions WHERE {_LIVING} ORDER BY used_at DESC, id DESC")
LIVING_BY_AGE = text(
    f"SELECT id, access_until FROM signet_sessions WHERE user_id = :user AND {_LIVING} ORDER BY created_at, id"
)
LIVING_IDS = text(
    "SELECT id, access_until FROM signet_sessions WHERE user_id = :user AND id <> :keep AND ended_at IS NULL"
    " ORDER BY id"
)
END_USER = text(
    "UPDATE signet_sessions SET ended_at = :now, ended_by = :reason"
    " WHERE user_id = :user AND id <> :keep AND ended_at IS NULL"
)
END_EVERYTHING = text("UPDATE signet_sessions SET ended_at = :now, ended_by = 'restored' WHERE ended_at IS NULL")
CLEAN_UP = text(
    "DELETE FROM signet_sessions WHERE id IN"
    " (SELECT id FROM signet_sessions WHERE ends_at < :before"
    # An access token may outlive its session; until it expires a logout must find the row.
    " AND (ended_at IS NOT NULL OR access_until IS NULL OR access_until < :before) ORDER BY ends_at LIMIT :limit)"
)
