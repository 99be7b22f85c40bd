"""The same service over users that the application keeps itself."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from flask_signet.accounts import user_ids
from flask_signet.accounts.password_check import Authenticator, ReadsCredentials
from flask_signet.accounts.passwords import Passwords
from flask_signet.accounts.users import (
    AsksInTransaction,
    GivesStamps,
    Profile,
    UserId,
    Users,
    as_evidence,
    evidence_of,
    id_of,
    replace_hash,
)
from flask_signet.exceptions import NotFound
from flask_signet.store import Store
from flask_signet.throttle import Throttle

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
        # Through this object: what a login renews must be announced as well.
        self._authenticator = Authenticator(self, passwords, throttle)
        self.on_ended: list[Callable[[Any, Connection], None]] = []
        #: Called before a hash is replaced, with the id and the evidence before and after: the user stays the same.
        self.on_renewed: list[Callable[[UserId, bytes, bytes], None]] = []

    #: The application may delete and disable its users in any way, so each refresh looks at the row.
    asked_on_refresh = True

    @property
    def login_name(self) -> str:
        """The attribute by which users log in."""
        return getattr(self._users, "login_name", "username")

    def get(self, user_id: UserId) -> Any | None:
        """Return the user with this id, in its own type or as its canonical string, or ``None``."""
        user = self._users.get(user_id)
        return user if user is not None and user_ids.is_canonical(user_id, self.id_of(user)) else None

    def id_of(self, user: Any) -> UserId:
        """Return the id of a user."""
        return id_of(self._users, user)

    def canonical(self, user_id: Any) -> UserId | None:
        """Return the id that any spelling means, or ``None``."""
        canonical = getattr(self._users, "canonical", None)
        if canonical is not None:
            return cast("UserId | None", canonical(user_id))
        # Of other users the type of an id is not known; what they find by this spelling says it.
        try:
            user = self._users.get(user_id)
        except (TypeError, ValueError):
            return None
        return None if user is None else self.id_of(user)

    def evidence(self, user: Any) -> bytes:
        """Return what tells *user* from another user with the same id."""
        return evidence_of(self._users, user)

    def credentials(self, username: str) -> tuple[Any | None, str | None]:
        """Return the user of this name and the stored hash, or ``None`` twice."""
        if isinstance(self._users, ReadsCredentials):
            return self._users.credentials(username)
        user = self._users.find(username)
        return user, None if user is None else self._users.password_hash(user)

    def find(self, username: str) -> Any | None:
        """Return the user with this login name, or ``None``."""
        return self._users.find(username)

    def password_hash(self, user: Any) -> str | None:
        """Return the stored hash."""
        return self._users.password_hash(user)

    def set_password_hash(self, user: Any, new: str) -> None:
        """Store another hash; sessions go on."""
        with self._renewing(user, new):
            self._users.set_password_hash(user, new)

    def replace_password_hash(self, user: Any, old: str, new: str) -> bool:
        """Store another hash if *old* is still stored; return whether it was. See :func:`replace_hash`."""
        with self._renewing(user, new):
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
        return self.standing(user_id, connection) is not None

    def standing(self, user_id: UserId, connection: Connection) -> bytes | None:
        """Return the evidence of a user who is there and active, else ``None``; a session is about to be opened."""
        standing = getattr(self._users, "standing", None)
        if standing is not None:
            return cast("bytes | None", standing(user_id, connection))
        if isinstance(self._users, AsksInTransaction) and not self._users.may_log_in(user_id, connection):
            return None
        user = self.get(user_id)
        if user is None or not (isinstance(self._users, AsksInTransaction) or self._users.is_active(user)):
            return None
        return self.evidence(user)

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
        user = self.get(user_id)
        if user is None:
            raise NotFound("There is no such account")
        new = self.hashed(password, check_password=check_password)
        if current_password is None:
            self.set_password_hash(user, new)
        else:
            self.change_by_password(
                user, current_password, lambda old: self.replace_password_hash(user, old, new) or None
            )
        if end_sessions:
            with self._store.write(connection) as joined:
                for ended in self.on_ended:
                    ended(self.id_of(user), joined)

    def profile(self, user: Any) -> Profile:
        """Return what the user may know about themselves: of our fields those that the user has."""
        roles = cast(Any, getattr(user, "roles", ()))
        return Profile(
            id=self.id_of(user),
            username=str(getattr(user, self.login_name, "")),
            email=getattr(user, "email", None),
            email_verified=getattr(user, "email_verified", False) is True,
            roles=() if isinstance(roles, str) else tuple(str(role) for role in roles or ()),
            created_at=getattr(user, "created_at", None),
        )

    @contextmanager
    def _renewing(self, user: Any, new: str) -> Generator[None, None, None]:
        """Announce another hash of the same user before it is stored, or nobody could tell it from another user's."""
        before = self.evidence(user)
        stamped = isinstance(self._users, GivesStamps) and getattr(self._users, "stamped", True)
        if not stamped:
            self._announce(user, before, as_evidence(new))
        yield
        if stamped:
            # What a stamp will be is known only afterwards.
            again = self._users.get(self.id_of(user))
            after = before if again is None else self.evidence(again)
            if after != before:
                self._announce(user, before, after)

    def _announce(self, user: Any, before: bytes, after: bytes) -> None:
        for renewed in self.on_renewed:
            renewed(self.id_of(user), before, after)
