"""The small protocol that accounts stand behind, ours or the application's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId


class Users(Protocol):
    """Where users come from.

    A *user* is whatever ``get`` and ``find`` return; it has an attribute ``id`` of type int, str or UUID.

    A method ``stamp(user)`` is optional. It returns something that another user with the same id cannot have, and that
    changes with the password: a string, bytes, or ``None``. Without it, the hash of the password is taken.
    """

    def get(self, user_id: Any, /) -> Any | None:
        """Return the user with this id, given in its own type or as a string, or ``None``."""
        ...

    def find(self, username: str, /) -> Any | None:
        """Return the user with this login name, or ``None``."""
        ...

    def password_hash(self, user: Any, /) -> str | None:
        """Return the stored hash of the user's password, or ``None`` if there is none."""
        ...

    def set_password_hash(self, user: Any, new: str, /) -> None:
        """Store a new hash of the user's password (up to 512 characters)."""
        ...

    def is_active(self, user: Any, /) -> bool:
        """Return whether the user may log in."""
        ...


@runtime_checkable
class ReplacesHash(Protocol):
    """Users that replace a hash only while it is still the one that was judged."""

    def replace_password_hash(self, user: Any, old: str, new: str, /) -> bool:
        """Store *new* if *old* is stored, in one step; return whether it was."""
        ...


@runtime_checkable
class AsksInTransaction(Protocol):
    """Users that can be asked by the connection that is about to open a session."""

    def may_log_in(self, user_id: UserId, connection: Connection, /) -> bool:
        """Say whether the user is there and active now; *connection* may lead to another database than the users'."""
        ...


@runtime_checkable
class GivesStamps(Protocol):
    """Users that have something in the row that no other user with the same id would have."""

    def stamp(self, user: Any, /) -> Any:
        """Return it: a string or bytes, or ``None`` where this user has none."""
        ...


@runtime_checkable
class NamesIds(Protocol):
    """Users whose id is not an attribute ``id``."""

    def id_of(self, user: Any, /) -> UserId:
        """Return the id of a user."""
        ...


def id_of(users: Any, user: Any) -> UserId:
    """Return the id of a user of *users*."""
    return users.id_of(user) if isinstance(users, NamesIds) else user.id


def evidence_of(users: Any, user: Any) -> bytes:
    """Return what tells *user* from another user with the same id; empty where there is nothing."""
    return as_evidence(users.stamp(user) if isinstance(users, GivesStamps) else users.password_hash(user))


def as_evidence(value: Any) -> bytes:
    """Return a stamp or a hash as bytes; nothing is empty."""
    if value is None:
        return b""
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


def replace_hash(users: Users, user: Any, old: str, new: str) -> bool:
    """Store *new* for *user* if *old* is still stored, and return whether it was.

    Where the users have no such step of their own, the hash is read again just before; what is changed between the
    two is then overwritten.
    """
    if isinstance(users, ReplacesHash):
        return users.replace_password_hash(user, old, new)
    now = users.get(id_of(users, user))
    if now is None or users.password_hash(now) != old:
        return False
    users.set_password_hash(now, new)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What ``GET /account`` tells a user about themselves.

    :param created_at: aware, in UTC; ``None`` where the application does not keep it.
    """

    id: UserId
    username: str
    email: str | None = None
    email_verified: bool = False
    roles: tuple[str, ...] = ()
    created_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the body of the answer; a UUID becomes text, a moment ISO 8601 with ``Z``."""
        return {
            "id": str(self.id) if isinstance(self.id, UUID) else self.id,
            "username": self.username,
            "email": self.email,
            "email_verified": self.email_verified,
            "roles": list(self.roles),
            "created_at": None if self.created_at is None else self.created_at.isoformat().replace("+00:00", "Z"),
        }
