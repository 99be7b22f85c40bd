"""Create, change and delete built-in accounts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from flask_signet.accounts import names, user_ids
from flask_signet.accounts.table_users import as_user, number_of, without_hash
from flask_signet.accounts.tables import users_table
from flask_signet.accounts.user_ids import UserId
from flask_signet.accounts.users import User
from flask_signet.exceptions import Conflict, InvalidRequest, NotFound
from flask_signet.store import Store
from flask_signet.store.metadata import milliseconds

# One address as mail servers write it. A value that could be read as two addresses or as a header is refused. So is a
# lone surrogate, which no database accepts.
_NOWHERE = r"\s@,;:<>()\[\]\\\"%\x00-\x20\x7f\ud800-\udfff"
_EMAIL = re.compile(rf"[^{_NOWHERE}]{{1,64}}@[^{_NOWHERE}]{{1,255}}")


class TableEditor:
    """Implements :class:`~flask_signet.accounts.backend.Editor` with the table ``signet_users``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, *, after: int, limit: int) -> list[User]:
        """Return up to *limit* accounts whose id is larger than *after*, ordered by id."""
        statement = without_hash().where(users_table.c.id > after).order_by(users_table.c.id).limit(limit)
        with self._store.read() as connection:
            return [as_user(row) for row in connection.execute(statement)]

    def create(
        self,
        username: str,
        hashed: Callable[[], str],
        *,
        email: str | None,
        roles: Sequence[str],
        connection: Connection | None,
    ) -> User:
        """Create an account and return it.

        :raises InvalidRequest: the name or the e-mail address is invalid; ``fields`` says which and why.
        :raises Conflict: the name is taken.
        """
        key = _new_name(username)
        values = {
            "username": names.shown(username),
            "username_key": key,
            "email": None if email is None else checked_email(email),
            "email_verified": False,
            "roles": json.dumps(list(roles)),
            "disabled_at": None,
        }
        # Before the transaction: no other request should wait for the hashing.
        values["password_hash"] = hashed()

        def run(connection: Connection) -> User:
            created_at = milliseconds(self._store.clock)
            try:
                # A savepoint: a taken name must not abort the transaction of a caller.
                with connection.begin_nested():
                    result = connection.execute(users_table.insert().values(created_at=created_at, **values))
            except IntegrityError:
                raise _taken() from None
            key = result.inserted_primary_key
            return as_user(
                connection.execute(without_hash().where(users_table.c.id == (key[0] if key else None))).one()
            )

        return self._store.retrying(run, connection)

    def update(
        self, user_id: UserId, *, username: str | None, email: str | None, connection: Connection | None
    ) -> User:
        """Change name or e-mail address (``""`` removes the address) and return the account.

        :raises NotFound: there is no such account.
        :raises InvalidRequest: the name or the address is invalid.
        :raises Conflict: the name is taken.
        """
        values: dict[str, Any] = {}
        if username is not None:
            values |= {"username_key": names.canonical(username), "username": names.shown(username)}
        if email is not None:
            values |= {"email": checked_email(email) if email else None, "email_verified": False}

        def run(connection: Connection) -> User:
            number = _existing(user_id)
            before = connection.execute(without_hash().where(users_table.c.id == number)).one_or_none()
            if before is None:
                raise _absent()
            if values.get("email", "") == before.email:
                values.pop("email_verified", None)
            if values.get("username_key", before.username_key) != before.username_key:
                _new_name(values["username_key"])
            if values:
                try:
                    with connection.begin_nested():
                        _set(connection, number, **values)
                except IntegrityError:
                    raise _taken() from None
            return as_user(connection.execute(without_hash().where(users_table.c.id == number)).one())

        return self._store.retrying(run, connection)

    def disable(
        self, user_id: UserId, then: Callable[[UserId, Connection], None], connection: Connection | None
    ) -> None:
        """Disable an account, so that it cannot log in.

        :raises NotFound: there is no such account.
        """

        def run(connection: Connection) -> None:
            number = _existing(user_id)
            _set(connection, number, disabled_at=milliseconds(self._store.clock))
            then(number, connection)

        self._store.retrying(run, connection)

    def enable(self, user_id: UserId, connection: Connection | None) -> None:
        """Let a disabled account log in again.

        :raises NotFound: there is no such account.
        """

        def run(connection: Connection) -> None:
            _set(connection, _existing(user_id), disabled_at=None)

        self._store.retrying(run, connection)

    def delete(
        self, user_id: UserId, then: Callable[[UserId, Connection], None], connection: Connection | None
    ) -> None:
        """Delete an account; its id is never used again.

        :raises NotFound: there is no such account.
        """

        def run(connection: Connection) -> None:
            number = _existing(user_id)
            if connection.execute(users_table.delete().where(users_table.c.id == number)).rowcount == 0:
                raise _absent()
            then(number, connection)

        self._store.retrying(run, connection)


def checked_email(email: str) -> str:
    """Return *email* if it is one e-mail address.

    :raises InvalidRequest: it is not one e-mail address.
    """
    if len(email) > 320 or _EMAIL.fullmatch(email) is None:
        reason = "must be one e-mail address"
        raise InvalidRequest(f"email {reason}", fields={"email": reason})
    return email


def _new_name(username: str) -> str:
    """Return the canonical form of a new name for an account.

    :raises InvalidRequest: the name is invalid, or looks like an id: if a view uses the name as the identity of a
        token, that token would belong to another account.
    """
    key = names.canonical(username)
    if user_ids.canonical(int, username) is not None or user_ids.canonical(int, key) is not None:
        reason = "must not be a number"
        raise InvalidRequest(f"username {reason}", fields={"username": reason})
    return key


def _set(connection: Connection, number: int, **values: Any) -> None:
    if connection.execute(users_table.update().where(users_table.c.id == number).values(**values)).rowcount == 0:
        raise _absent()


def _existing(user_id: UserId) -> int:
    number = number_of(user_id)
    if number is None:
        raise _absent()
    return number


def _absent() -> NotFound:
    return NotFound("There is no such account")


def _taken() -> Conflict:
    return Conflict("This user name is taken", fields={"username": "is taken"})
