"""The ports of the account service: where users are stored, and how they are changed.

- :class:`UserBackend` has two adapters: :class:`~flask_signet.accounts.table_users.TableUsers` for the built-in table,
  and :class:`~flask_signet.accounts.own_users.OwnUsers` for the users of the application.
- :class:`Editor` has one adapter, :class:`~flask_signet.accounts.table_editor.TableEditor` for the built-in table: an
  application creates, changes and deletes its users itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.accounts.users import Profile

T = TypeVar("T")
U = TypeVar("U")

Change = Callable[[Connection | None], bool]  # changes users; returns whether it changed something


class UserBackend(Protocol[U]):
    """Stores users, in the built-in table or in the application.

    A method with *connection* joins that transaction if the users are in our store. Users of the application are
    changed in transactions of the application, which ignore *connection*.
    """

    @property
    def login_name(self) -> str:
        """The attribute by which users log in."""
        ...

    @property
    def asked_on_refresh(self) -> bool:
        """Whether the application can delete or disable users unnoticed, so that each refresh must check."""
        ...

    def get(self, user_id: Any, connection: Connection | None = None) -> U | None:
        """Return the user with this id, in its own type or as its canonical string, or ``None``."""
        ...

    def find(self, username: str) -> U | None:
        """Return the user with this login name, or ``None``."""
        ...

    def credentials(self, username: str) -> tuple[U | None, UserId | None, str | None]:
        """Return the user with this name, the user's id and the stored hash, at the same cost for any name if possible.

        All are ``None`` if there is no such user.
        """
        ...

    def password_hash(self, user: U) -> str | None:
        """Return the stored hash, or ``None`` if there is none."""
        ...

    def is_active(self, user: U) -> bool:
        """Return whether the user may log in."""
        ...

    def id_of(self, user: U) -> UserId:
        """Return the id of a user."""
        ...

    def id_in(self, value: Any) -> Any:
        """Return the id of *value* if it is a user or has an ``id``; else *value* itself."""
        ...

    def canonical(self, user_id: Any) -> UserId | None:
        """Return the id that *user_id* means in any spelling, or ``None``."""
        ...

    def evidence(self, user: U) -> bytes:
        """Return the value that distinguishes *user* from a later user with the same id; empty if there is none."""
        ...

    def evidence_after(self, user: U, new_hash: str) -> bytes | None:
        """Return what :meth:`evidence` will return with *new_hash*; ``None`` if that is known only afterwards."""
        ...

    def standing(self, user_id: Any, connection: Connection) -> bytes | None:
        """Return the evidence of a user who may log in now, else ``None``.

        :param connection: a transaction of our store that is about to open a session.
        """
        ...

    def store_hash(self, user: U, new: str, *, judged: str | None, connection: Connection | None) -> bool:
        """Store a new hash, and return whether it was stored.

        :param judged: store it only if this hash is still stored; ``None``: store it in any case.
        """
        ...

    def changing(
        self,
        change: Change,
        then: Callable[[Connection], T],
        connection: Connection | None,
    ) -> T | None:
        """Call *change* to change users, then *then* to change our tables; return the result of *then*.

        If the users are in our store, this is one transaction: both happen, or neither. Users of the application are
        changed first, in the application's own transaction: if *then* fails, that change stays.

        If *change* changed nothing, *then* is not called and ``None`` is returned.
        """
        ...

    def profile(self, user: U) -> Profile:
        """Return the data of the account that its user may see."""
        ...


class Editor(Protocol[U]):
    """Creates, changes and deletes accounts.

    ``then`` is called with the id in the same transaction.
    """

    def list(self, *, after: int, limit: int) -> list[U]:
        """Return up to *limit* accounts whose id is larger than *after*, ordered by id."""
        ...

    def create(
        self,
        username: str,
        hashed: Callable[[], str],
        *,
        email: str | None,
        roles: Sequence[str],
        connection: Connection | None,
    ) -> U:
        """Create an account; *hashed* is called before the transaction, after name and e-mail address are validated."""
        ...

    def update(self, user_id: UserId, *, username: str | None, email: str | None, connection: Connection | None) -> U:
        """Change the name or the e-mail address."""
        ...

    def disable(
        self, user_id: UserId, then: Callable[[UserId, Connection], None], connection: Connection | None
    ) -> None:
        """Disable an account, so that it cannot log in."""
        ...

    def enable(self, user_id: UserId, connection: Connection | None) -> None:
        """Let a disabled account log in again."""
        ...

    def delete(
        self, user_id: UserId, then: Callable[[UserId, Connection], None], connection: Connection | None
    ) -> None:
        """Delete an account."""
        ...
