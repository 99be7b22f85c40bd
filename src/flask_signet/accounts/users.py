"""Types that applications use: the protocol ``Users``, a built-in ``User``, and a ``Profile``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from flask_signet.accounts.user_ids import UserId


class Users(Protocol):
    """Finds users for Flask-Signet.

    A *user* is any object that ``get`` and ``find`` return; it has an attribute ``id`` of type int, str or UUID.

    A method ``stamp(user)`` is optional. It returns a value that no other user with the same id can have, and that
    changes with the password: a string, bytes, or ``None``. Without it, the password hash is used.
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
    """The data that ``GET /account`` returns to a user.

    :param created_at: with time zone, in UTC; ``None`` if the application does not store it.
    """

    id: UserId
    username: str
    email: str | None = None
    email_verified: bool = False
    roles: tuple[str, ...] = ()
    created_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the body of the answer; a UUID becomes a string, a time becomes ISO 8601 with ``Z``."""
        return {
            "id": str(self.id) if isinstance(self.id, UUID) else self.id,
            "username": self.username,
            "email": self.email,
            "email_verified": self.email_verified,
            "roles": list(self.roles),
            "created_at": None if self.created_at is None else self.created_at.isoformat().replace("+00:00", "Z"),
        }


def as_evidence(value: Any) -> bytes:
    """Return a stamp or a hash as bytes; ``None`` becomes empty bytes."""
    if value is None:
        return b""
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")
