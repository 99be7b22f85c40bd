"""Find users in the application's own SQLAlchemy model."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection, Engine, LargeBinary, inspect, select, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, scoped_session

from flask_signet.accounts import deletions, models, user_ids
from flask_signet.accounts.user_ids import UserId
from flask_signet.accounts.users import as_evidence
from flask_signet.exceptions import SettingsError, Unavailable
from flask_signet.findings import Finding
from flask_signet.store.failures import as_unavailable

log = logging.getLogger(__name__)

_POSTGRESQL_BITS = {"SMALLINT": 16, "INTEGER": 32}


class SQLAlchemyUsers:
    """Finds users in a mapped SQLAlchemy model that has an id, a login name and a password hash.

    ::

        signet = Signet(users=SQLAlchemyUsers(db.session, User, username="username", password="password"))

    ``Signet(app)`` checks the model if it is mapped by then; otherwise it is checked at its first use. Names are
    compared as the column compares them.

    :param session: a session or a ``scoped_session`` such as Flask-SQLAlchemy's ``db.session``.
    :param model: the mapped class; its primary key is one column of type int, str or UUID.
    :param username: attribute with the login name.
    :param password: attribute with the hash of the password, never the password.
    :param active: attribute that says whether the user may log in; ``None``: all users may.
    :param stamp: attribute with a random value that each user has and that changes when all sessions must end, such as
        ``fs_uniquifier``. It distinguishes a user from a later user with the same id; without it the password hash
        does. Changing this argument signs every user out once.
    """

    def __init__(
        self,
        session: Any,
        model: type[Any],
        *,
        username: str = "username",
        password: str = "password",  # noqa: S107 (the name of an attribute)
        active: str | None = None,
        stamp: str | None = None,
    ) -> None:
        _check_arguments(session, model)
        self._session = session
        self._model = model
        self._username = username
        self._password = password
        self._active = active
        self._stamp = stamp
        self._known: models.Model | None = None
        self._said_bytes = False
        self._said_twice = False

    @property
    def model(self) -> type[Any]:
        """The mapped class."""
        return self._model

    @property
    def login_name(self) -> str:
        """The attribute that holds the login name."""
        return self._username

    @property
    def stamped(self) -> bool:
        """Whether a separate column, and not the password hash, distinguishes users with the same id."""
        return self._stamp is not None

    def check(self) -> bool:
        """Check the model without a connection; return ``False`` if it is not mapped yet.

        :raises SettingsError: the model cannot be used; the message names the column and the line to write.
        """
        if models.mapper_of(self._model) is None:
            return False
        self._inspected()
        for found in self.advice():
            if found.code == "binary_hash":
                log.warning("SQLAlchemyUsers: %s Write instead: %s Then migrate.", found.message, found.line)
        return True

    def advice(self) -> list[models.Advice]:
        """Return the problems of the model; see :mod:`flask_signet.accounts.models`."""
        return models.advice(self._model, password=self._password, stamp=self._stamp, dialect=self._dialect())

    def _dialect(self) -> str | None:
        try:
            return self.engine.dialect.name
        except Exception:  # no application context, or no engine: other checks still work
            return None

    def watch(self, watcher: deletions.Watcher) -> bool:
        """Notify *watcher*, a weak reference, of every deleted user; return ``False`` if not mapped yet."""
        mapper = models.mapper_of(self._model)
        if mapper is None:
            return False
        deletions.watch(mapper, watcher)
        return True

    @property
    def engine(self) -> Engine:
        """The engine of the users' database."""
        return self._own_session().get_bind(cast(Any, inspect(self._model))).engine

    def id_of(self, user: Any) -> UserId:
        """Return the value of a user's primary key."""
        key = self._inspected().key
        with self._answering():
            return cast(UserId, getattr(user, key))

    def canonical(self, user_id: Any) -> UserId | None:
        """Return the id that *user_id* means in any spelling, in the type of the primary key, or ``None``."""
        return user_ids.canonical(self._inspected().kind, user_id)

    def stamp(self, user: Any) -> Any:
        """Return the value that distinguishes users with the same id: the stamp, else the password attribute."""
        with self._answering():
            return getattr(user, self._stamp or self._password)

    def get(self, user_id: UserId) -> Any | None:
        """Return the user with this id, in its own type or as its canonical string, or ``None``."""
        typed = self._typed(user_id)
        if typed is None:
            return None
        with self._answering():
            return self._session.get(self._model, typed)

    def find(self, username: str) -> Any | None:
        """Return the user with exactly this name, or ``None``."""
        self._inspected()
        if "\0" in username:  # PostgreSQL cannot store such a string, so no user has this name
            return None
        column = getattr(self._model, self._username)
        statement = select(self._model).where(column == username).limit(2)
        with self._answering():
            found = self._session.execute(statement).scalars().all()
        if len(found) > 1 and not self._said_twice:
            self._said_twice = True
            log.error(
                "SQLAlchemyUsers: the users %s have the same %s, so none of them can log in. Rename one, and write "
                "unique=True in the column.",
                " and ".join(str(self.id_of(user)) for user in found),
                self._username,
            )
        return found[0] if len(found) == 1 else None

    def password_hash(self, user: Any) -> str | None:
        """Return the value of the password attribute."""
        with self._answering():
            return self._read_hash(user)

    def set_password_hash(self, user: Any, new: str) -> None:
        """Store a new hash in the password attribute and commit the session."""
        setattr(user, self._password, self._as_kept(new))
        with self._answering():
            self._commit()

    def replace_password_hash(self, user: Any, old: str, new: str) -> bool:
        """Store a new hash in the password attribute if *old* is still stored, and commit; return whether it was.

        The session may hold an old value, so the database compares.
        """
        self._inspected()
        mapper = cast(Any, inspect(self._model))
        key, column = mapper.primary_key[0], mapper.columns.get(self._password)
        user_id = self.id_of(user)
        with self._answering():
            in_bytes = isinstance(getattr(user, self._password), bytes)
            self._commit()  # a transaction that has already begun may see old data
            if column is not None and column.table is key.table and not in_bytes:
                replaced = self._session.execute(
                    update(self._model).where(key == user_id, column == old).values({self._password: new}),
                    execution_options={"synchronize_session": False},
                ).rowcount
                if user in self._session:
                    self._session.expire(user, [self._password])
            else:  # no plain column of this table: compare here, with the row locked where that is possible
                row = self._session.get(self._model, user_id, populate_existing=True, with_for_update=True)
                replaced = row is not None and self._read_hash(row) == old
                if replaced:
                    setattr(row, self._password, self._as_kept(new))
            self._commit()
        return bool(replaced)

    def is_active(self, user: Any) -> bool:
        """Return whether the user may log in."""
        with self._answering():
            return True if self._active is None else bool(getattr(user, self._active))

    def may_log_in(self, user_id: UserId, connection: Connection) -> bool:
        """Return whether the user exists and is active now, not as the session has it cached."""
        return self.standing(user_id, connection) is not None

    def standing(self, user_id: UserId, connection: Connection) -> bytes | None:
        """Return the evidence of a user who exists and is active now, else ``None``.

        If the application is in a transaction, the query runs in it: that transaction may have created or changed the
        user.
        """
        typed = self._typed(user_id)
        if typed is None:
            return None
        session, mapper = self._own_session(), cast(Any, inspect(self._model))
        if session.in_transaction():
            user = self.get(typed)
            if user is not None and user not in session.dirty:
                try:
                    with as_unavailable(), session.no_autoflush:
                        session.refresh(user, [attribute.key for attribute in mapper.column_attrs])
                except InvalidRequestError:  # the row is gone
                    return None
            if user is None or not self._is_named(user, typed):
                return None
            return as_evidence(self.stamp(user)) if self.is_active(user) else None
        bind = session.get_bind(mapper)
        # Use the given connection if it leads to the same database: a request must not wait for a second one.
        bind = connection if bind is connection.engine else bind
        with as_unavailable(), Session(bind, join_transaction_mode="rollback_only") as asking:
            user = asking.get(self._model, typed)
            # Read the values here: `stamp` uses the application's session, not this one.
            if user is None or not self._is_named(user, typed):
                return None
            if self._active is not None and not getattr(user, self._active):
                return None
            return as_evidence(getattr(user, self._stamp or self._password))

    def _is_named(self, user: Any, typed: UserId) -> bool:
        """Return whether the row has exactly this id: a column may ignore case when it compares."""
        return user_ids.is_canonical(typed, getattr(user, self._inspected().key))

    def findings(self) -> Iterator[Finding]:
        """Return problems of the model; this reads the mapper and sends no query."""
        from flask_signet.accounts.model_checks import findings

        return findings(
            self._model,
            username=self._username,
            password=self._password,
            stamp=self._stamp,
            dialect=self._dialect(),
        )

    def _own_session(self) -> Session:
        session: Any = self._session
        return cast(Session, session() if isinstance(session, scoped_session) else session)

    def _commit(self) -> None:
        session = self._own_session()
        # Keep loaded values: reading the user's id next must not begin another transaction.
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
        """Run the block, which queries the database, and end the transaction that it began.

        Otherwise the session would keep its connection to the end of the request, which needs a second one to open a
        session. With as many requests as the pool has connections, all would wait for each other.
        """
        session = self._own_session()
        began = not session.in_transaction()
        try:
            with as_unavailable():
                yield
                if began and session.in_transaction():
                    self._commit()
        except Unavailable:
            self._session.rollback()  # otherwise the session would refuse all later queries
            raise

    def _typed(self, user_id: UserId) -> UserId | None:
        typed = user_ids.strict(self._inspected().kind, user_id)
        return None if isinstance(typed, int) and not self._fits(typed) else typed

    def _read_hash(self, user: Any) -> str | None:
        value = getattr(user, self._password)
        if isinstance(value, str) or value is None:
            return value
        if not self._said_bytes:
            self._said_bytes = True
            log.warning(
                "%s.%s holds %s, not a string. Store the hash as a string: bcrypt.generate_password_hash(…).decode().",
                self._model.__name__,
                self._password,
                type(value).__name__,
            )
        try:
            return value.decode("ascii") if isinstance(value, bytes) else None
        except UnicodeDecodeError:
            return None

    def _as_kept(self, value: str) -> str | bytes:
        column = cast(Any, inspect(self._model)).columns.get(self._password)
        return value.encode() if column is not None and isinstance(column.type, LargeBinary) else value

    def _fits(self, number: int) -> bool:
        """Return whether a query for this id is possible: an id out of range is an error there."""
        mapper = cast(Any, inspect(self._model))
        dialect = self._own_session().get_bind(mapper).dialect
        bits = 64
        if dialect.name == "postgresql":  # no other database compares by the width of the column
            bits = _POSTGRESQL_BITS.get(mapper.primary_key[0].type.compile(dialect), bits)
        return -(1 << bits - 1) <= number < 1 << bits - 1

    def _inspected(self) -> models.Model:
        if self._known is None:
            self._known = models.examined(
                self._model,
                username=self._username,
                password=self._password,
                others={"active": self._active, "stamp": self._stamp},
            )
        return self._known


def _check_arguments(session: Any, model: Any) -> None:
    if isinstance(model, type) and callable(getattr(session, "execute", None)):
        return
    name = next((each.__name__ for each in (model, session) if isinstance(each, type)), "User")
    raise SettingsError(
        f"SQLAlchemyUsers takes a session of SQLAlchemy and then the model. Write: SQLAlchemyUsers(db.session, {name})"
    )
