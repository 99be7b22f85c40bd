"""What an application gives and gets: the protocol ``Users``, a built-in ``User``, and a ``Profile``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

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


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A built-in account, as it was when it was read.

    :param username: the user name as it was entered.
    :param created_at: with time zone, in UTC.
    """

    id: int
    username: str
    email: str | None
    email_verified: bool
    roles: tuple[str, ...]
    created_at: datetime
    disabled: bool


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
        """Return the body of the answer; a UUID becomes a string, a time ISO 8601 with ``Z``."""
        return {
            "id": str(self.id) if isinstance(self.id, UUID) else self.id,
            "username": self.username,
            "email": self.email,
            "email_verified": self.email_verified,
            "roles": list(self.roles),
            "created_at": None if self.created_at is None else self.created_at.isoformat().replace("+00:00", "Z"),
        }


def as_evidence(value: Any) -> bytes:
    """Return a stamp or a hash as bytes; ``None`` is empty."""
    if value is None:
        return b""
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")
