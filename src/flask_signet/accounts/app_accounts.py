"""The same service over users that the application keeps itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from flask_signet.accounts.authentication import Authenticator
from flask_signet.accounts.passwords import Passwords
from flask_signet.accounts.throttle import Throttle
from flask_signet.accounts.users import AsksInTransaction, Profile, UserId, Users, replace_hash
from flask_signet.exceptions import NotFound
from flask_signet.store import Store

T = TypeVar("T")


class AppAccounts:
    """What routes need of accounts, over any :class:`Users`.

    Making, disabling and deleting users is the application's own business; it then calls
    ``signet.revoke_all(user_id)``.
    """

    def __init__(self, users: Users, store: Store, passwords: Passwords, throttle: Throttle | None) -> None:
        self._users = users
        self._store = store
        self._passwords = passwords
        self._authenticator = Authenticator(users, passwords, throttle)
        self.on_ended: list[Callable[[Any, Connection], None]] = []

    def get(self, user_id: UserId) -> Any | None:
        """Return the user with this id, in its own type or as text, or ``None``."""
        return self._users.get(user_id)

    def find(self, username: str) -> Any | None:
        """Return the user who logs in by this name, or ``None``."""
        return self._users.find(username)

    def password_hash(self, user: Any) -> str | None:
        """Return the stored hash."""
        return self._users.password_hash(user)

    def set_password_hash(self, user: Any, new: str) -> None:
        """Store another hash; sessions go on."""
        self._users.set_password_hash(user, new)

    def replace_password_hash(self, user: Any, old: str, new: str) -> bool:
        """Store another hash if *old* is still stored; return whether it was. See :func:`replace_hash`."""
        return replace_hash(self._users, user, old, new)

    def is_active(self, user: Any) -> bool:
        """Say whether the user may log in."""
        return self._users.is_active(user)

    def authenticate(self, username: str, password: str, *, address: str | None = None) -> Any:
        """Return the user whose name and password these are; see :meth:`Accounts.authenticate`."""
        return self._authenticator.authenticate(username, password, address=address)

    def verify_password(self, user: Any, password: str, *, address: str | None = None) -> bool:
        """Say whether *password* is that of *user*; see :meth:`Accounts.verify_password`."""
        return self._authenticator.verify(user, password, address=address)

    def change_by_password(
        self, user: Any, current: str, change: Callable[[str], T | None], *, address: str | None = None
    ) -> T:
        """Let *change* replace the hash that *current* is right for; see :meth:`Accounts.change_by_password`."""
        return self._authenticator.change(user, current, change, address=address)

    def hashed(self, password: str, *, check_password: bool = True) -> str:
        """Return the hash of a password that is to be set; see :meth:`Accounts.hashed`."""
        if check_password:
            self._passwords.check(password)
        return self._passwords.hash(password)

    def may_log_in(self, user_id: UserId, connection: Connection) -> bool:
        """Say whether the user is there and active, in a transaction that is about to open a session."""
        if isinstance(self._users, AsksInTransaction):
            return self._users.may_log_in(user_id, connection)
        user = self._users.get(user_id)
        return user is not None and self._users.is_active(user)

    def set_password(
        self,
        user_id: UserId,
        password: str,
        *,
        current_password: str | None = None,
        check_password: bool = True,
        end_sessions: bool = True,
        connection: Connection | None = None,
    ) -> None:
        """Give the user another password and end the sessions; see :meth:`Accounts.set_password`.

        The password is stored by the application's own transaction, and first: if the second one fails, the
        old password is dead and the sessions live on until the caller, who got the error, tries again.
        """
        user = self._users.get(user_id)
        if user is None:
            raise NotFound("There is no such account")
        new = self.hashed(password, check_password=check_password)
        if current_password is None:
            self._users.set_password_hash(user, new)
        else:
            self.change_by_password(
                user, current_password, lambda old: self.replace_password_hash(user, old, new) or None
            )
        if end_sessions:
            with self._store.write(connection) as joined:
                for ended in self.on_ended:
                    ended(user.id, joined)

    def profile(self, user: Any) -> Profile:
        """Return what the user may know about themselves: of our fields those that the user has."""
        roles = cast(Any, getattr(user, "roles", ()))
        return Profile(
            id=user.id,
            username=str(getattr(user, "username", "")),
            email=getattr(user, "email", None),
            email_verified=getattr(user, "email_verified", False) is True,
            roles=() if isinstance(roles, str) else tuple(str(role) for role in roles or ()),
            created_at=getattr(user, "created_at", None),
        )
