"""The account service, including the methods that need built-in accounts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from sqlalchemy import Connection

from flask_signet.accounts.app_accounts import AppAccounts
from flask_signet.accounts.backend import Editor
from flask_signet.accounts.events import UserDeleted
from flask_signet.accounts.own_users import OwnUsers
from flask_signet.accounts.passwords import Passwords
from flask_signet.accounts.table_editor import TableEditor
from flask_signet.accounts.table_users import TableUsers
from flask_signet.accounts.user_ids import UserId
from flask_signet.accounts.users import User, Users
from flask_signet.events import Events
from flask_signet.exceptions import SettingsError
from flask_signet.store import Store
from flask_signet.throttle import Throttle

# What to write instead if the users are those of the application.
_LIST = "db.session.scalars(db.select(User)).all()"
_CREATE = "db.session.add(User(username=username, password=signet.users.hashed(password))); db.session.commit()"
_UPDATE = "db.session.get(User, user_id).username = username; db.session.commit()"
_DISABLE = "db.session.get(User, user_id).active = False; db.session.commit(); signet.revoke_all(user_id)"
_ENABLE = "db.session.get(User, user_id).active = True; db.session.commit()"
_DELETE = "db.session.delete(db.session.get(User, user_id)); db.session.commit()"


class Accounts(AppAccounts[User]):
    """Finds, creates, changes and deletes accounts.

    Each application has one such service. With ``Signet(app, users=…)`` type checkers see it as
    :class:`AppAccounts`, and the methods of this class raise :class:`SettingsError`: the application creates, changes
    and deletes its users itself.
    """

    def list(self, *, after: int = 0, limit: int = 1_000) -> list[User]:
        """Return up to *limit* accounts whose id is larger than *after*, ordered by id."""
        return self._editor("list", _LIST).list(after=after, limit=limit)

    def create(
        self,
        username: str,
        password: str,
        *,
        email: str | None = None,
        roles: Sequence[str] = (),
        check_password: bool = True,
        connection: Connection | None = None,
    ) -> User:
        """Create an account and return it.

        :param check_password: ``False`` accepts a password that is too short, for demos and imports.
        :param connection: join this transaction; the caller commits.
        :raises InvalidRequest: the name or the e-mail address is invalid; ``fields`` says which and why.
        :raises WeakPassword: the password is too short or too long.
        :raises Conflict: the name is taken.
        """
        editor = self._editor("create", _CREATE)
        hashed = partial(self.hashed, password, check_password=check_password, work="register")
        return editor.create(username, hashed, email=email, roles=roles, connection=connection)

    def update(
        self,
        user_id: UserId,
        *,
        username: str | None = None,
        email: str | None = None,
        connection: Connection | None = None,
    ) -> User:
        """Change name or e-mail address (``""`` removes the address) and return the account.

        A changed address is no longer verified.

        :raises NotFound: there is no such account.
        :raises InvalidRequest: the name or the address is invalid.
        :raises Conflict: the name is taken.
        """
        editor = self._editor("update", _UPDATE)
        return editor.update(user_id, username=username, email=email, connection=connection)

    def disable(self, user_id: UserId, *, connection: Connection | None = None) -> None:
        """Disable an account: it cannot log in, and its sessions end.

        :raises NotFound: there is no such account.
        """
        editor = self._editor("disable", _DISABLE)
        editor.disable(user_id, self._end, connection)

    def enable(self, user_id: UserId, *, connection: Connection | None = None) -> None:
        """Let a disabled account log in again; its sessions stay ended.

        :raises NotFound: there is no such account.
        """
        editor = self._editor("enable", _ENABLE)
        editor.enable(user_id, connection)

    def delete(self, user_id: UserId, *, connection: Connection | None = None) -> None:
        """Delete an account and end its sessions; its id is never used again.

        :raises NotFound: there is no such account.
        """
        editor = self._editor("delete", _DELETE)
        editor.delete(user_id, self._deleted, connection)

    def _deleted(self, user_id: UserId, connection: Connection) -> None:
        self._end(user_id, connection)
        self._events.emit(UserDeleted(user_id=user_id), connection)

    def _editor(self, method: str, instead: str) -> Editor[User]:
        if self._edits is None:
            raise SettingsError(
                f"signet.users.{method} works with built-in accounts, but this Signet has users=…, users of your "
                f"application. Write instead, for example: {instead}"
            )
        return self._edits


def built_in_accounts(
    store: Store, passwords: Passwords, throttle: Throttle | None, events: Events | None = None
) -> Accounts:
    """Return the service over the built-in accounts, in a table of *store*.

    :param events: where events are emitted; by default a new :class:`~flask_signet.events.Events`.
    """
    return Accounts(TableUsers(store), TableEditor(store), passwords, throttle, store, events or Events(store))


def accounts_of_application(
    users: Users, store: Store, passwords: Passwords, throttle: Throttle | None, events: Events | None = None
) -> AppAccounts[Any]:
    """Return the same service over the users of the application."""
    # Users of an application have any type. Type checkers see only the part of the service that works with them.
    backend = cast(Any, OwnUsers(users, store))
    return Accounts(backend, None, passwords, throttle, store, events or Events(store))
