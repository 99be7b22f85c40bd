"""The built-in accounts: users in a table of our store."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, select

from flask_signet.accounts import names, user_ids
from flask_signet.accounts.backend import Change
from flask_signet.accounts.tables import users_table
from flask_signet.accounts.users import Profile, User
from flask_signet.clock import milliseconds_of, moment
from flask_signet.exceptions import InvalidRequest
from flask_signet.store import Store

T = TypeVar("T")

LARGEST_ID = (1 << 63) - 1

_NOT_THE_HASH = [column for column in users_table.c if column.name != "password_hash"]

# Each login runs these two, so they are made once.
_WITH_HASH = select(users_table).where(users_table.c.username_key == bindparam("key"))
_STANDING = select(users_table.c.disabled_at, users_table.c.created_at).where(users_table.c.id == bindparam("id"))


class TableUsers:
    """Implements :class:`~flask_signet.accounts.backend.UserBackend` with the table ``signet_users``."""

    login_name = "username"
    #: Ids are never reused, and disabling or deleting an account ends its sessions in the same transaction.
    asked_on_refresh = False

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, user_id: Any, connection: Connection | None = None) -> User | None:
        """Return the account with this id, or ``None``."""
        number = number_of(user_id)
        if number is None:
            return None
        return self._one(without_hash().where(users_table.c.id == number), connection)

    def find(self, username: str) -> User | None:
        """Return the account with this user name, or ``None``; case and width of letters do not matter."""
        try:
            key = names.canonical(username)
        except InvalidRequest:
            return None
        return self._one(without_hash().where(users_table.c.username_key == key), None)

    def credentials(self, username: str) -> tuple[User | None, int | None, str | None]:
        """Return the account with this name, its id and its hash, or ``None`` for each; always with one query."""
        try:
            key = names.canonical(username)
        except InvalidRequest:
            key = ""  # the name of no account
        rows = self._store.rows(_WITH_HASH, {"key": key})
        return (as_user(rows[0]), rows[0].id, rows[0].password_hash) if rows else (None, None, None)

    def password_hash(self, user: User) -> str | None:
        """Return the stored hash."""
        rows = self._store.rows(select(users_table.c.password_hash).where(users_table.c.id == user.id))
        return rows[0].password_hash if rows else None

    def is_active(self, user: User) -> bool:
        """Return whether the account may log in."""
        return not user.disabled

    def id_of(self, user: User) -> int:
        """Return the id of an account."""
        return user.id

    def id_in(self, value: Any) -> Any:
        """Return the id of *value*, an account or another object with an ``id``; else *value* itself."""
        return getattr(value, "id", value)

    def canonical(self, user_id: Any) -> int | None:
        """Return the id that *user_id* means in any spelling, or ``None``."""
        return _in_range(user_ids.canonical(int, user_id))

    def evidence(self, user: User) -> bytes:
        """Return the value that distinguishes the account from another one with the same id: its creation time."""
        return _evidence(milliseconds_of(user.created_at))

    def evidence_after(self, user: User, new_hash: str) -> bytes:
        """Return the same value: the password hash is not part of it."""
        return self.evidence(user)

    def standing(self, user_id: Any, connection: Connection) -> bytes | None:
        """Return the evidence of an account that may log in, or ``None``, in a transaction that opens a session.

        No lock: disabling or deleting an account ends its sessions in the same transaction, also this one.
        """
        number = number_of(user_id)
        if number is None:
            return None
        row = connection.execute(_STANDING, {"id": number}).one_or_none()
        return None if row is None or row.disabled_at is not None else _evidence(row.created_at)

    def store_hash(self, user: User, new: str, *, judged: str | None, connection: Connection | None) -> bool:
        """Store a new hash if *judged* is still stored; return whether it was stored."""
        statement = users_table.update().where(users_table.c.id == user.id).values(password_hash=new)
        if judged is not None:
            statement = statement.where(users_table.c.password_hash == judged)

        def run(connection: Connection) -> bool:
            return connection.execute(statement).rowcount == 1

        return self._store.retrying(run, connection)

    def changing(
        self,
        change: Change,
        then: Callable[[Connection], T],
        connection: Connection | None,
    ) -> T | None:
        """Run *change* and *then* in one transaction of our store."""

        def run(connection: Connection) -> T | None:
            return then(connection) if change(connection) else None

        return self._store.retrying(run, connection)

    def profile(self, user: User) -> Profile:
        """Return the data of the account that its user may see."""
        return Profile(
            id=user.id,
            username=user.username,
            email=user.email,
            email_verified=user.email_verified,
            roles=user.roles,
            created_at=user.created_at,
        )

    def _one(self, statement: Select[Any], connection: Connection | None) -> User | None:
        rows = self._store.rows(statement) if connection is None else connection.execute(statement).all()
        return as_user(rows[0]) if rows else None


def number_of(user_id: object) -> int | None:
    """Return *user_id* as the number of an account, or ``None``.

    A string counts only if it has the ASCII digits that ``str(id)`` writes; ``int`` would accept more.
    """
    return _in_range(user_ids.strict(int, user_id))


def without_hash() -> Select[Any]:
    """Return the query for accounts without the hashes of their passwords."""
    return select(*_NOT_THE_HASH)


def as_user(row: Row[Any]) -> User:
    """Return the account of a row."""
    return User(
        id=row.id,
        username=row.username,
        email=row.email,
        email_verified=row.email_verified,
        roles=tuple(json.loads(row.roles)),
        created_at=moment(row.created_at),
        disabled=row.disabled_at is not None,
    )


def _in_range(number: object) -> int | None:
    return number if isinstance(number, int) and 0 < number <= LARGEST_ID else None


def _evidence(created_at: int) -> bytes:
    return str(created_at).encode()
