"""The built-in accounts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import IntegrityError

from flask_signet.accounts import names, user_ids
from flask_signet.accounts.password_check import Authenticator
from flask_signet.accounts.passwords import Passwords
from flask_signet.accounts.tables import users_table
from flask_signet.accounts.users import Profile
from flask_signet.exceptions import Conflict, InvalidRequest, NotFound
from flask_signet.store import Store
from flask_signet.store.metadata import milliseconds, milliseconds_of, moment
from flask_signet.throttle import Throttle

# Ends all sessions of a user inside the transaction that changes the account.
OnEnded = Callable[[int, Connection], None]

T = TypeVar("T")

LARGEST_ID = (1 << 63) - 1

_NOT_THE_HASH = [column for column in users_table.c if column.name != "password_hash"]

# One address as mail servers write it; what could be taken for two, or for a header, is refused. So is half a surrogate
# pair, which no database takes.
_NOWHERE = r"\s@,;:<>()\[\]\\\"%\x00-\x20\x7f\ud800-\udfff"
_EMAIL = re.compile(rf"[^{_NOWHERE}]{{1,64}}@[^{_NOWHERE}]{{1,255}}")


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


class Accounts:
    """Makes, finds, changes and ends accounts; it is a :class:`Users` itself.

    ``on_ended`` is called in the transaction that changes a password, disables or deletes: whoever keeps sessions
    puts a function there that ends them, so that both happen or neither.
    """

    def __init__(self, store: Store, passwords: Passwords, throttle: Throttle | None) -> None:
        self._store = store
        self._passwords = passwords
        self._authenticator = Authenticator(self, passwords, throttle)
        self.on_ended: list[OnEnded] = []

    # --- The protocol Users ---

    def get(self, user_id: int | str) -> User | None:
        """Return the account with this id, or ``None``."""
        number = _number(user_id)
        if number is None:
            return None
        return self._one(users_table.c.id == number)

    def find(self, username: str) -> User | None:
        """Return the account with this user name, or ``None``; case and width of letters do not matter."""
        try:
            key = names.canonical(username)
        except InvalidRequest:
            return None
        return self._one(users_table.c.username_key == key)

    def password_hash(self, user: User) -> str | None:
        """Return the stored hash."""
        with self._store.read() as connection:
            return connection.execute(
                select(users_table.c.password_hash).where(users_table.c.id == user.id)
            ).scalar_one_or_none()

    def credentials(self, username: str) -> tuple[User | None, str | None]:
        """Return the account of this name and its stored hash, or ``None`` twice, by one query in any case."""
        try:
            key = names.canonical(username)
        except InvalidRequest:
            key = ""  # nobody's
        with self._store.read() as connection:
            row = connection.execute(select(users_table).where(users_table.c.username_key == key)).one_or_none()
        return (None, None) if row is None else (_user(row), row.password_hash)

    def set_password_hash(self, user: User, new: str, *, connection: Connection | None = None) -> None:
        """Store another hash; sessions go on, unless the caller ends them in the same *connection*."""

        def run(connection: Connection) -> None:
            _update(connection, user.id, password_hash=new)

        self._store.retrying(run, connection)

    def replace_password_hash(self, user: User, old: str, new: str, *, connection: Connection | None = None) -> bool:
        """Store another hash if *old* is still stored, and return whether it was; sessions go on, as above."""
        statement = users_table.update().where(users_table.c.id == user.id, users_table.c.password_hash == old)

        def run(connection: Connection) -> bool:
            return connection.execute(statement.values(password_hash=new)).rowcount == 1

        return self._store.retrying(run, connection)

    def is_active(self, user: User) -> bool:
        """Say whether the account may log in."""
        return not user.disabled

    # --- What only the built-in accounts can ---

    def list(self, *, after: int = 0, limit: int = 1_000) -> list[User]:
        """Return up to *limit* accounts whose id is larger than *after*, ordered by id."""
        statement = select(*_NOT_THE_HASH).where(users_table.c.id > after).order_by(users_table.c.id).limit(limit)
        with self._store.read() as connection:
            return [_user(row) for row in connection.execute(statement)]

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
        key = _new_name(username)
        values = {
            "username": names.shown(username),
            "username_key": key,
            "email": None if email is None else _email(email),
            "email_verified": False,
            "roles": json.dumps(list(roles)),
            "disabled_at": None,
        }
        # Before the transaction: nobody should wait for our hashing with a lock.
        if check_password:
            self._passwords.check(password)
        values["password_hash"] = self._passwords.hash(password, work="register")

        def run(connection: Connection) -> User:
            created_at = milliseconds(self._store.clock)
            try:
                # A savepoint: a taken name must not spoil the transaction of a caller.
                with connection.begin_nested():
                    result = connection.execute(users_table.insert().values(created_at=created_at, **values))
            except IntegrityError:
                raise Conflict("This user name is taken", fields={"username": "is taken"}) from None
            key = result.inserted_primary_key
            statement = select(*_NOT_THE_HASH).where(users_table.c.id == (key[0] if key else None))
            return _user(connection.execute(statement).one())

        return self._store.retrying(run, connection)

    def update(
        self,
        user_id: int | str,
        *,
        username: str | None = None,
        email: str | None = None,
        connection: Connection | None = None,
    ) -> User:
        """Change name or e-mail address (``""`` takes the address away) and return the account.

        A changed address is not verified any more.

        :raises NotFound: there is no such account.
        :raises InvalidRequest: name or address are none.
        :raises Conflict: the name is taken.
        """
        values: dict[str, Any] = {}
        if username is not None:
            values |= {"username": names.shown(username), "username_key": names.canonical(username)}
        if email is not None:
            values |= {"email": _email(email) if email else None, "email_verified": False}

        def run(connection: Connection) -> User:
            number = _existing(user_id)
            before = connection.execute(select(*_NOT_THE_HASH).where(users_table.c.id == number)).one_or_none()
            if before is None:
                raise NotFound("There is no such account")
            if values.get("email", "") == before.email:
                values.pop("email_verified", None)
            if values.get("username_key", before.username_key) != before.username_key:
                _new_name(values["username_key"])
            if values:
                try:
                    with connection.begin_nested():
                        _update(connection, number, **values)
                except IntegrityError:
                    raise Conflict("This user name is taken", fields={"username": "is taken"}) from None
            return _user(connection.execute(select(*_NOT_THE_HASH).where(users_table.c.id == number)).one())

        return self._store.retrying(run, connection)

    def authenticate(self, username: str, password: str, *, address: str | None = None) -> User:
        """Return the account whose name and password these are.

        :param address: network address of the client, for the throttling.
        :raises InvalidCredentials: unknown name, wrong password or disabled account, in the same time.
        :raises RateLimited: too many failures before this one.
        :raises Unavailable: the store is away, or too many logins come at once.
        """
        return self._authenticator.authenticate(username, password, address=address)

    def verify_password(self, user: User, password: str, *, address: str | None = None) -> bool:
        """Say whether *password* is that of *user*, who is signed in already.

        :raises RateLimited: too many failures before this one.
        :raises Unavailable: the store is away, or too many passwords are being hashed.
        """
        return self._authenticator.verify(user, password, address=address)

    def change_by_password(
        self, user: User, current: str, change: Callable[[str], T | None], *, address: str | None = None
    ) -> T:
        """Let *change* replace the stored hash that the password *current* is right for; return what it returns.

        :param change: gets that hash, and returns ``None`` where another one is stored by now; it is then called
            again if *current* is right for that one too.
        :raises InvalidCredentials: *current* is wrong, now or by the time of the change.
        :raises RateLimited: too many failures before this one.
        :raises Unavailable: the store is away, or too many passwords are being hashed.
        """
        return self._authenticator.change(user, current, change, address=address)

    def may_log_in(self, user_id: int | str, connection: Connection) -> bool:
        """Say whether the account is there and active, in a transaction that is about to open a session."""
        return self.standing(user_id, connection) is not None

    # --- What sessions ask ---

    #: Ids are never given again, and what ends an account ends its sessions in the same transaction.
    asked_on_refresh = False
    #: The attribute by which users log in.
    login_name = "username"

    def id_of(self, user: User) -> int:
        """Return the id of an account."""
        return user.id

    def canonical(self, user_id: Any) -> int | None:
        """Return the id that any spelling means, or ``None``."""
        number = user_ids.canonical(int, user_id)
        return number if isinstance(number, int) and 0 < number <= LARGEST_ID else None

    def evidence(self, user: User) -> bytes:
        """Return what tells the account from another one with the same id: when it was made."""
        return _evidence(milliseconds_of(user.created_at))

    def standing(self, user_id: int | str, connection: Connection) -> bytes | None:
        """Return the evidence of an account that may log in, or ``None``, in a transaction that opens a session.

        No lock: what ends an account ends its sessions in the same transaction, so it finds the one that is opened.
        """
        number = _number(user_id)
        if number is None:
            return None
        statement = select(users_table.c.disabled_at, users_table.c.created_at).where(users_table.c.id == number)
        row = connection.execute(statement).one_or_none()
        return None if row is None or row.disabled_at is not None else _evidence(row.created_at)

    def hashed(self, password: str, *, check_password: bool = True) -> str:
        """Return the hash to store for a password; slow, so call it before a transaction begins.

        :param check_password: ``False`` accepts a password that is too short.
        :raises WeakPassword: the password is too short or too long.
        """
        if check_password:
            self._passwords.check(password)
        return self._passwords.hash(password)

    def set_password(
        self,
        user_id: int | str,
        password: str,
        *,
        current_password: str | None = None,
        check_password: bool = True,
        end_sessions: bool = True,
        connection: Connection | None = None,
    ) -> None:
        """Change the password of an account and end its sessions.

        :param current_password: change it only if this is the current password; of two such changes at the same
            moment the later is refused. ``None``: do not compare, as for an administrator.
        :param check_password: ``False`` accepts a password that is too short.
        :param end_sessions: ``False`` if the caller ends the sessions in the same *connection*.
        :raises NotFound: there is no such account.
        :raises WeakPassword: the password is too short or too long.
        :raises InvalidCredentials: *current_password* is given and is not the current password.
        """
        new = self.hashed(password, check_password=check_password)
        number = _existing(user_id)

        def run(connection: Connection, judged: str | None) -> bool | None:
            changed = users_table.update().where(users_table.c.id == number).values(password_hash=new)
            if judged is not None:
                changed = changed.where(users_table.c.password_hash == judged)
            if connection.execute(changed).rowcount == 0:
                return None
            if end_sessions:
                self._end(number, connection)
            return True

        def change(judged: str | None) -> bool | None:
            return self._store.retrying(lambda connection: run(connection, judged), connection)

        if current_password is not None:
            user = self.get(number)
            if user is not None:
                self.change_by_password(user, current_password, change)
                return
        elif change(None):
            return
        raise NotFound("There is no such account")

    def disable(self, user_id: int | str, *, connection: Connection | None = None) -> None:
        """Disable an account: it cannot log in, and its sessions end.

        :raises NotFound: there is no such account.
        """

        def run(connection: Connection) -> None:
            number = _existing(user_id)
            _update(connection, number, disabled_at=milliseconds(self._store.clock))
            self._end(number, connection)

        self._store.retrying(run, connection)

    def enable(self, user_id: int | str, *, connection: Connection | None = None) -> None:
        """Let a disabled account log in again; its ended sessions stay ended.

        :raises NotFound: there is no such account.
        """

        def run(connection: Connection) -> None:
            _update(connection, _existing(user_id), disabled_at=None)

        self._store.retrying(run, connection)

    def delete(self, user_id: int | str, *, connection: Connection | None = None) -> None:
        """Delete an account and end its sessions; its id is never used again.

        :raises NotFound: there is no such account.
        """

        def run(connection: Connection) -> None:
            number = _existing(user_id)
            if connection.execute(users_table.delete().where(users_table.c.id == number)).rowcount == 0:
                raise NotFound("There is no such account")
            self._end(number, connection)

        self._store.retrying(run, connection)

    def profile(self, user: User) -> Profile:
        """Return what the account may know about itself."""
        return Profile(
            id=user.id,
            username=user.username,
            email=user.email,
            email_verified=user.email_verified,
            roles=user.roles,
            created_at=user.created_at,
        )

    def _one(self, condition: Any) -> User | None:
        with self._store.read() as connection:
            row = connection.execute(select(*_NOT_THE_HASH).where(condition)).one_or_none()
        return None if row is None else _user(row)

    def _end(self, user_id: int, connection: Connection) -> None:
        for ended in self.on_ended:
            ended(user_id, connection)


def _update(connection: Connection, user_id: int, **values: Any) -> None:
    if connection.execute(users_table.update().where(users_table.c.id == user_id).values(**values)).rowcount == 0:
        raise NotFound("There is no such account")


def _number(user_id: object) -> int | None:
    # ASCII digits as `str(id)` writes them, nothing that `int` would also take.
    number = user_ids.strict(int, user_id)
    return number if isinstance(number, int) and 0 < number <= LARGEST_ID else None


def _new_name(username: str) -> str:
    """Return the canonical form of a name that an account is to get.

    :raises InvalidRequest: it can be no name, or reads as an id: the token of a view that takes the name for the
        identity would be that of another account.
    """
    key = names.canonical(username)
    if user_ids.canonical(int, username) is not None or user_ids.canonical(int, key) is not None:
        reason = "must not be a number"
        raise InvalidRequest(f"username {reason}", fields={"username": reason})
    return key


def _evidence(created_at: int) -> bytes:
    return str(created_at).encode()


def _existing(user_id: int | str) -> int:
    number = _number(user_id)
    if number is None:
        raise NotFound("There is no such account")
    return number


def _email(email: str) -> str:
    if len(email) > 320 or _EMAIL.fullmatch(email) is None:
        reason = "must be one e-mail address"
        raise InvalidRequest(f"email {reason}", fields={"email": reason})
    return email


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        username=row.username,
        email=row.email,
        email_verified=row.email_verified,
        roles=tuple(json.loads(row.roles)),
        created_at=moment(row.created_at),
        disabled=row.disabled_at is not None,
    )
