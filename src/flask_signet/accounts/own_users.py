"""The users of the application: any object with the five methods of :class:`~flask_signet.accounts.users.Users`.

Such an object may have more methods than the five, and its class may be any class. So this module checks once, when the
object is wrapped, which methods it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from sqlalchemy import Connection

from flask_signet.accounts import user_ids
from flask_signet.accounts.backend import Change
from flask_signet.accounts.deletions import Watcher
from flask_signet.accounts.user_ids import UserId
from flask_signet.accounts.users import Profile, Users, as_evidence
from flask_signet.exceptions import SettingsError
from flask_signet.findings import Finding
from flask_signet.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Engine

T = TypeVar("T")

Credentials = tuple[Any | None, str | None]  # a user and the stored hash


class UserModel(Protocol):
    """Finds users in a mapped class, such as :class:`~flask_signet.accounts.sqlalchemy_users.SQLAlchemyUsers`."""

    @property
    def engine(self) -> Engine:
        """The engine of the users' database; it may need an application context."""
        ...

    def check(self) -> bool:
        """Check the model without a connection; return ``False`` if it is not mapped yet.

        :raises SettingsError: the model cannot be used; the message names the column and the line to write.
        """
        ...

    def watch(self, watcher: Watcher, /) -> bool:
        """Notify *watcher*, a weak reference, of every deleted user; return ``False`` if not mapped yet."""
        ...

    def findings(self) -> Iterable[Finding]:
        """Return problems of the model, without a connection."""
        ...


def checked(users: Users | None) -> Users | None:
    """Return *users* if it is valid as the argument ``users=``.

    :raises SettingsError: it is a class, or has no ``get`` and ``find``.
    """
    if users is not None and (isinstance(users, type) or not _has(users, "get", "find")):
        raise SettingsError(
            "users= takes an object that finds users, not a model or a session. "
            "Write: Signet(app, users=SQLAlchemyUsers(db.session, User))"
        )
    return users


def model_of(users: Users | None) -> UserModel | None:
    """Return *users* if it checks a mapped class, else ``None``."""
    return cast(UserModel, users) if _has(users, "check", "watch", "findings") else None


class OwnUsers:
    """Implements :class:`~flask_signet.accounts.backend.UserBackend` with the object in ``users=``."""

    #: The application may delete and disable its users in any way, so each refresh reads the row.
    asked_on_refresh = True

    def __init__(self, users: Users, store: Store) -> None:
        self._users = users
        self._store = store
        # Only this place checks which optional methods the object has; each has a substitute.
        self.login_name: str = getattr(users, "login_name", "username")
        self._id_of: Callable[[Any], UserId] = _method(users, "id_of") or _attribute_id
        self._canonical: Callable[[Any], UserId | None] = _method(users, "canonical") or self._found_id
        self._credentials: Callable[[str], Credentials] = _method(users, "credentials") or self._read_both
        self._replace: Callable[[Any, str, str], bool] = (
            _method(users, "replace_password_hash") or self._compare_and_set
        )
        self._standing: Callable[[Any, Connection], bytes | None] = _method(users, "standing") or self._standing_of_row
        self._may_log_in: Callable[[Any, Connection], bool] | None = _method(users, "may_log_in")
        self._stamp: Callable[[Any], Any] = _method(users, "stamp") or users.password_hash
        # A stamp can still be the hash of the password: then `stamped` is false.
        self._stamped = _has(users, "stamp") and bool(getattr(users, "stamped", True))

    def get(self, user_id: UserId, connection: Connection | None = None) -> Any | None:
        """Return the user with this id, in its own type or as its canonical string, or ``None``."""
        user = self._users.get(user_id)
        return user if user is not None and user_ids.is_canonical(user_id, self.id_of(user)) else None

    def find(self, username: str) -> Any | None:
        """Return the user with this login name, or ``None``."""
        return self._users.find(username)

    def credentials(self, username: str) -> tuple[Any | None, UserId | None, str | None]:
        """Return the user with this name, the user's id and the stored hash, or ``None`` for each."""
        user, stored = self._credentials(username)
        return user, None if user is None else self.id_of(user), stored

    def password_hash(self, user: Any) -> str | None:
        """Return the stored hash."""
        return self._users.password_hash(user)

    def is_active(self, user: Any) -> bool:
        """Return whether the user may log in."""
        return self._users.is_active(user)

    def id_of(self, user: Any) -> UserId:
        """Return the id of a user."""
        return self._id_of(user)

    def id_in(self, value: Any) -> Any:
        """Return the id of *value* if it is a user or has an ``id``; else *value* itself."""
        # An identity may be any object. Only the application's method can tell whether it is a user: it raises an
        # error if not.
        try:
            return self._id_of(value)
        except (AttributeError, SettingsError):
            return getattr(value, "id", value)

    def canonical(self, user_id: Any) -> UserId | None:
        """Return the id that *user_id* means in any spelling, or ``None``."""
        return self._canonical(user_id)

    def evidence(self, user: Any) -> bytes:
        """Return the value that distinguishes *user* from a later user with the same id."""
        return as_evidence(self._stamp(user))

    def evidence_after(self, user: Any, new_hash: str) -> bytes | None:
        """Return the evidence with *new_hash*; ``None`` if the model has a stamp, which the application sets."""
        return None if self._stamped else as_evidence(new_hash)

    def standing(self, user_id: Any, connection: Connection) -> bytes | None:
        """Return the evidence of a user who exists and is active, else ``None``; a session is about to be opened."""
        return self._standing(user_id, connection)

    def store_hash(self, user: Any, new: str, *, judged: str | None, connection: Connection | None) -> bool:
        """Store a new hash in a transaction of the application, if *judged* is still stored."""
        if judged is not None:
            return self._replace(user, judged, new)
        self._users.set_password_hash(user, new)
        return True

    def changing(
        self,
        change: Change,
        then: Callable[[Connection], T],
        connection: Connection | None,
    ) -> T | None:
        """Run *change*, which the application commits; then run *then* in a transaction of our store.

        The change comes first, outside our transaction: a lock that we hold could block the application's commit.
        """
        if not change(None):
            return None
        with self._store.write(connection) as joined:
            return then(joined)

    def profile(self, user: Any) -> Profile:
        """Return the data of the account that its user may see: those of our fields that the user object has."""
        roles = cast(Any, getattr(user, "roles", ()))
        return Profile(
            id=self.id_of(user),
            username=str(getattr(user, self.login_name, "")),
            email=getattr(user, "email", None),
            email_verified=getattr(user, "email_verified", False) is True,
            roles=() if isinstance(roles, str) else tuple(str(role) for role in roles or ()),
            created_at=getattr(user, "created_at", None),
        )

    # --- Substitutes for optional methods ----------------------------------------------------------------

    def _found_id(self, user_id: Any) -> UserId | None:
        # The type of an id is not known here; the user that is found with this spelling has an id of that type.
        try:
            user = self._users.get(user_id)
        except (TypeError, ValueError):
            return None
        return None if user is None else self.id_of(user)

    def _read_both(self, username: str) -> Credentials:
        user = self._users.find(username)
        return user, None if user is None else self._users.password_hash(user)

    def _compare_and_set(self, user: Any, old: str, new: str) -> bool:
        # The hash is read again just before the write; a change between the two is overwritten.
        now = self._users.get(self.id_of(user))
        if now is None or self._users.password_hash(now) != old:
            return False
        self._users.set_password_hash(now, new)
        return True

    def _standing_of_row(self, user_id: Any, connection: Connection) -> bytes | None:
        asked = self._may_log_in
        if asked is not None and not asked(user_id, connection):
            return None
        user = self.get(user_id)
        if user is None or not (asked is not None or self._users.is_active(user)):
            return None
        return self.evidence(user)


def _method(users: Users, name: str) -> Any:
    """Return the method with this name, or ``None`` if *users* has none."""
    method = getattr(users, name, None)
    return method if callable(method) else None


def _has(users: object, *names: str) -> bool:
    return all(callable(getattr(users, name, None)) for name in names)


def _attribute_id(user: Any) -> UserId:
    return user.id
