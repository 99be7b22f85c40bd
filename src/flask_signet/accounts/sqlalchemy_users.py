"""Users in a model of the application's own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, inspect, select, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, scoped_session

from flask_signet.accounts.users import UserId
from flask_signet.exceptions import SettingsError, Unavailable
from flask_signet.store.failures import as_unavailable

LEAST_COLUMN_LENGTH = 128  # characters: an Argon2id hash has 97, and larger parameters more
_POSTGRESQL_BITS = {"SMALLINT": 16, "INTEGER": 32}


class SQLAlchemyUsers:
    """Fits a model as plain as id, username, password to the protocol :class:`Users`.

    ::

        signet = Signet(users=SQLAlchemyUsers(db.session, User, username="username", password="password"))

    The model is looked at when it is first used, so it may be given before its mappers are complete. Names are
    compared as the column compares them.

    :param session: a session or a ``scoped_session`` such as Flask-SQLAlchemy's ``db.session``.
    :param model: the mapped class; its primary key is one column of type int, str or UUID.
    :param username: attribute that holds the name to log in by.
    :param password: attribute that holds the hash of the password, never the password.
    :param active: attribute that says whether the user may log in, or ``None`` where all may.
    """

    def __init__(
        self,
        session: Any,
        model: type[Any],
        *,
        username: str = "username",
        password: str = "password",  # noqa: S107 (the name of an attribute)
        active: str | None = None,
    ) -> None:
        self._session = session
        self._model = model
        self._username = username
        self._password = password
        self._active = active
        self._id: tuple[str, type[Any]] | None = None

    def get(self, user_id: UserId) -> Any | None:
        """Return the user with this id, in its own type or as text, or ``None``."""
        typed = self._typed(user_id)
        if typed is None:
            return None
        with self._answering():
            return self._session.get(self._model, typed)

    def find(self, username: str) -> Any | None:
        """Return the user with exactly this name, or ``None``."""
        self._inspected()
        if "\0" in username:  # PostgreSQL keeps no such text, so there is nobody of this name
            return None
        column = getattr(self._model, self._username)
        statement = select(self._model).where(column == username).limit(2)
        with self._answering():
            return self._session.execute(statement).scalars().one_or_none()

    def password_hash(self, user: Any) -> str | None:
        """Return what the password attribute holds."""
        with self._answering():
            value = getattr(user, self._password)
        return value if isinstance(value, str) else None

    def set_password_hash(self, user: Any, new: str) -> None:
        """Put another hash into the password attribute and commit the session."""
        setattr(user, self._password, new)
        with self._answering():
            self._commit()

    def replace_password_hash(self, user: Any, old: str, new: str) -> bool:
        """Put another hash into the password attribute if *old* is in it, and commit; return whether it was.

        What the session knows of the user may be old, so the database compares.
        """
        self._inspected()
        mapper = cast(Any, inspect(self._model))
        key, column = mapper.primary_key[0], mapper.columns.get(self._password)
        with self._answering():
            self._commit()  # a transaction that has begun may see the past
            if column is not None and column.table is key.table:
                replaced = self._session.execute(
                    update(self._model).where(key == user.id, column == old).values({self._password: new}),
                    execution_options={"synchronize_session": False},
                ).rowcount
                if user in self._session:
                    self._session.expire(user, [self._password])
            else:  # what is no column of its own can be compared only here, with the row locked where that is possible
                row = self._session.get(self._model, user.id, populate_existing=True, with_for_update=True)
                replaced = row is not None and getattr(row, self._password) == old
                if replaced:
                    setattr(row, self._password, new)
            self._commit()
        return bool(replaced)

    def is_active(self, user: Any) -> bool:
        """Say whether the user may log in."""
        with self._answering():
            return True if self._active is None else bool(getattr(user, self._active))

    def may_log_in(self, user_id: UserId, connection: Connection) -> bool:
        """Say whether the user is there and active, as it is now and not as the session remembers it.

        Where the application is in a transaction of its own it is asked in that one, which may have made the user, or
        be changing them.
        """
        typed = self._typed(user_id)
        if typed is None:
            return False
        session, mapper = self._own_session(), cast(Any, inspect(self._model))
        if session.in_transaction():
            user = self.get(typed)
            if user is not None and user not in session.dirty:
                try:
                    with as_unavailable(), session.no_autoflush:
                        session.refresh(user, [attribute.key for attribute in mapper.column_attrs])
                except InvalidRequestError:  # the row is gone
                    return False
            return user is not None and self.is_active(user)
        bind = session.get_bind(mapper)
        # By the connection that is there, if it leads to the users: a request must not wait for a second one.
        bind = connection if bind is connection.engine else bind
        with as_unavailable(), Session(bind, join_transaction_mode="rollback_only") as asking:
            user = asking.get(self._model, typed)
            return user is not None and self.is_active(user)

    def _own_session(self) -> Session:
        session: Any = self._session
        return cast(Session, session() if isinstance(session, scoped_session) else session)

    def _commit(self) -> None:
        session = self._own_session()
        # What was loaded stays: whoever asks for the user's id next must not begin another transaction for it.
        expires, session.expire_on_commit = session.expire_on_commit, False
        try:
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.expire_on_commit = expires

    @contextmanager
    def _answering(self) -> Generator[None, None, None]:
        """Run what asks the database, and end the transaction that it began.

        Otherwise the session would keep its connection to the end of the request, which needs another one to open
        a session: as many requests as the pool has connections would then wait for each other.
        """
        session = self._own_session()
        began = not session.in_transaction()
        try:
            with as_unavailable():
                yield
                if began and session.in_transaction():
                    self._commit()
        except Unavailable:
            self._session.rollback()  # or the session would refuse everything that comes after
            raise

    def _typed(self, user_id: UserId) -> UserId | None:
        kind = self._inspected()[1]
        if isinstance(user_id, bool):
            return None
        try:
            if kind is int and isinstance(user_id, str) and str(int(user_id)) == user_id:
                user_id = int(user_id)
            elif kind is UUID and isinstance(user_id, str):
                user_id = UUID(user_id)
            elif kind is str and isinstance(user_id, UUID):
                user_id = str(user_id)
        except ValueError:
            return None
        if not isinstance(user_id, kind) or (isinstance(user_id, int) and not self._fits(user_id)):
            return None
        return user_id

    def _fits(self, number: int) -> bool:
        """Say whether the database can be asked for this id: a larger one than the column holds is an error there."""
        mapper = cast(Any, inspect(self._model))
        dialect = self._own_session().get_bind(mapper).dialect
        bits = 64
        if dialect.name == "postgresql":  # of the others none compares by the width of the column
            bits = _POSTGRESQL_BITS.get(mapper.primary_key[0].type.compile(dialect), bits)
        return -(1 << bits - 1) <= number < 1 << bits - 1

    def _inspected(self) -> tuple[str, type[Any]]:
        if self._id is None:
            name = self._model.__name__
            mapper = cast(Any, inspect(self._model))
            if len(mapper.primary_key) != 1:
                raise SettingsError(f"SQLAlchemyUsers: {name} needs a primary key of one column")
            for attribute in filter(None, (self._username, self._password, self._active)):
                if attribute not in mapper.all_orm_descriptors:
                    raise SettingsError(f"SQLAlchemyUsers: {name} has no attribute {attribute!r}")
            if self._password in mapper.columns:
                length = getattr(mapper.columns[self._password].type, "length", None)
                if length is not None and length < LEAST_COLUMN_LENGTH:
                    raise SettingsError(
                        f"SQLAlchemyUsers: {name}.{self._password} holds {length} characters; a hash needs "
                        f"{LEAST_COLUMN_LENGTH}, better 255. Change the column to String(255) and migrate."
                    )
            column = mapper.primary_key[0]
            kind = column.type.python_type
            if kind not in (int, str, UUID):
                raise SettingsError(f"SQLAlchemyUsers: the id of {name} must be an int, a str or a UUID")
            self._id = (column.key, kind)
        return self._id
