"""Read the active sessions, without locking them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_signet.accounts.user_ids import UserId, join
from flask_signet.sessions import statements
from flask_signet.sessions.rows import Rows, may_be_id
from flask_signet.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """An active session as its user sees it. Times are milliseconds since 1970 UTC."""

    id: str
    user_id: UserId
    device: str | None
    address: str | None
    created_at: int
    used_at: int
    ends_at: int


class Looking:
    """Reads sessions without locking them."""

    def __init__(self, store: Store, rows: Rows) -> None:
        self._store = store
        self._rows = rows

    def listing(self, user_id: UserId | None = None) -> list[SessionInfo]:
        """Return the active sessions of a user, or of all users; the most recently used first."""
        with self._store.read() as connection:
            today = self._rows.moment(connection, None).today
            values = {"today": today, "user": None if user_id is None else self._rows.key(user_id)}
            rows = connection.execute(statements.LIVING if user_id is not None else statements.ALL_LIVING, values)
            return [_info(row) for row in rows]

    def get(self, session_id: str) -> SessionInfo | None:
        """Return an active session, or ``None``."""
        if not may_be_id(session_id):
            return None
        with self._store.read() as connection:
            today = self._rows.moment(connection, None).today
            row = connection.execute(statements.ONE_LIVING, {"today": today, "id": session_id}).first()
        return None if row is None else _info(row)


def _info(row: Any) -> SessionInfo:
    return SessionInfo(
        id=row.id,
        user_id=join(row.user_kind, row.user_id),
        device=row.device,
        address=row.address,
        created_at=row.created_at,
        used_at=row.used_at,
        ends_at=row.ends_at,
    )
