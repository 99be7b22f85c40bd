"""The part of the account service that works with all users: find them and verify their passwords."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.backend import Editor, UserBackend
from flask_signet.accounts.events import AccountEnded, EvidenceRenewed
from flask_signet.accounts.password_check import Authenticator
from flask_signet.accounts.passwords import Passwords, Work
from flask_signet.accounts.user_ids import UserId
from flask_signet.accounts.users import Profile
from flask_signet.events import Events
from flask_signet.exceptions import NotFound
from flask_signet.store import Store
from flask_signet.throttle import Throttle

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    AnyUser = TypeVarWithDefault("AnyUser", default=Any)
else:
    AnyUser = TypeVar("AnyUser")


class AppAccounts(Generic[AnyUser]):
    """Finds users and verifies passwords, for built-in accounts and for users of the application.

    :class:`~flask_signet.accounts.events.AccountEnded` is emitted in the transaction of our store that ends an account
    or changes its password; the session service ends the sessions there. Users of the application are changed before
    that, in the application's own transaction: if our transaction fails, the caller gets the error, the new password
    counts, and the sessions stay valid until the caller tries again.

    :param users: the backend that stores the users.
    :param editor: creates, changes and deletes accounts; ``None`` if the application does that.
    :param throttle: makes attackers wait; ``None`` if throttling is off.
    :param events: where events are emitted, in transactions of *store*.
    """

    def __init__(
        self,
        users: UserBackend[AnyUser],
        editor: Editor[AnyUser] | None,
        passwords: Passwords,
        throttle: Throttle | None,
        store: Store,
        events: Events,
    ) -> None:
        self._users = users
        self._edits = editor
        self._passwords = passwords
        self._authenticator = Authenticator(users, passwords, throttle, self.replace_password_hash)
        self._store = store
        self._events = events
        #: The attribute by which users log in.
        self.login_name: str = users.login_name
        #: Whether each refresh must ask for the user: the application deletes and disables its users itself.
        self.asked_on_refresh: bool = users.asked_on_refresh

    @property
    def editable(self) -> bool:
        """Whether this service creates, changes and deletes accounts; otherwise the application does that."""
        return self._edits is not None

    # --- Finding --------------------------------------------------------------------------------------

    def get(self, user_id: UserId, *, connection: Connection | None = None) -> AnyUser | None:
        """Return the user with this id, in its own type or as its canonical string, or ``None``.

        :param connection: read a built-in account in this transaction.
        """
        return self._users.get(user_id, connection)

    def find(self, username: str) -> AnyUser | None:
        """Return the user with this login name, or ``None``; built-in names ignore the case and width of letters."""
        return self._users.find(username)

    def id_of(self, user: AnyUser) -> UserId:
        """Return the id of a user."""
        return self._users.id_of(user)

    def id_meant(self, identity: Any) -> Any:
        """Return the id that *identity* names: an id, or the id of a user; any other value is returned unchanged."""
        return identity if isinstance(identity, (int, str, UUID)) else self._users.id_in(identity)

    def canonical(self, user_id: Any) -> UserId | None:
        """Return the id that *user_id* means in any spelling, or ``None``."""
        return self._users.canonical(user_id)

    def is_active(self, user: AnyUser) -> bool:
        """Return whether the user may log in."""
        return self._users.is_active(user)

    def evidence(self, user: AnyUser) -> bytes:
        """Return the value that distinguishes *user* from a later user with the same id."""
        return self._users.evidence(user)

    def standing(self, user_id: UserId, connection: Connection) -> bytes | None:
        """Return the evidence of a user who may log in, else ``None``, in a transaction that opens a session."""
        return self._users.standing(user_id, connection)

    def profile(self, user: AnyUser) -> Profile:
        """Return the data of the account that its user may see."""
        return self._users.profile(user)

    # --- Passwords ------------------------------------------------------------------------------------

    def authenticate(self, username: str, password: str, *, address: str | None = None) -> AnyUser:
        """Return the user with this name and password.

        :param address: network address of the client, for throttling.
        :raises InvalidCredentials: unknown name, wrong password or disabled account, in the same time.
        :raises RateLimited: too many failures before this attempt.
        :raises Unavailable: the store does not answer, or too many logins happen at once.
        """
        return self._authenticator.authenticate(username, password, address=address)[0]

    def authenticated_id(self, username: str, password: str, *, address: str | None = None) -> UserId:
        """Return the id of the user with this name and password; otherwise the same as :meth:`authenticate`."""
        return self._authenticator.authenticate(username, password, address=address)[1]

    def verify_password(self, user: AnyUser, password: str, *, address: str | None = None) -> bool:
        """Return whether *password* is the password of *user*, who is already signed in.

        :raises RateLimited: too many failures before this attempt.
        :raises Unavailable: the store does not answer, or too many passwords are being hashed.
        """
        return self._authenticator.verify(user, password, address=address)

    def hashed(self, password: str, *, check_password: bool = True, work: Work = "password") -> str:
        """Return the hash to store for a password; slow, so call it before a transaction begins.

        :param check_password: ``False`` accepts a password that is too short.
        :param work: the hashing budget to use.
        :raises WeakPassword: the password is too short or too long.
        """
        if check_password:
            self._passwords.check(password)
        return self._passwords.hash(password, work=work)

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
        """Change the password of an account and end its sessions.

        :param current_password: change the password only if this is the current one; of two such changes at the same
            time the later is refused. ``None``: do not compare, for example for an administrator.
        :param check_password: ``False`` accepts a password that is too short.
        :param end_sessions: ``False`` if the caller ends the sessions in the same *connection*.
        :param connection: join this transaction; the caller commits.
        :raises NotFound: there is no such account.
        :raises WeakPassword: the password is too short or too long.
        :raises InvalidCredentials: *current_password* is given and wrong.
        """
        user = self.get(user_id, connection=connection)
        if user is None:
            raise _absent()
        new = self.hashed(password, check_password=check_password)

        def end(own: Connection) -> bool:
            self._end(self.id_of(user), own)
            return True

        def change(judged: str | None) -> bool | None:
            if end_sessions:
                return self.change_hash(user, new, end, judged=judged, connection=connection)
            return self._store_hash(user, new, judged, connection) or None

        if current_password is not None:
            self.change_by_password(user, current_password, change)
        elif not change(None):
            raise _absent()

    def change_by_password(
        self, user: AnyUser, current: str, change: Callable[[str], T | None], *, address: str | None = None
    ) -> T:
        """Verify the password *current*, let *change* replace its stored hash, and return the result of *change*.

        :param change: gets the verified hash, and returns ``None`` if another hash is stored by then; it is called
            again if *current* matches the new hash too.
        :raises InvalidCredentials: *current* is wrong, or wrong by the time of the change.
        :raises RateLimited: too many failures before this attempt.
        :raises Unavailable: the store does not answer, or too many passwords are being hashed.
        """
        return self._authenticator.change(user, current, change, address=address)

    def change_hash(
        self,
        user: AnyUser,
        new: str,
        then: Callable[[Connection], T],
        *,
        judged: str | None = None,
        connection: Connection | None = None,
    ) -> T | None:
        """Store a new hash, run *then* in a transaction of our store, and return the result of *then*.

        The hash of a built-in account is stored in the same transaction. Users of the application are changed before
        it, in the application's own transaction.

        :param judged: store the hash only if this one is still stored; otherwise return ``None`` and change nothing.
        """
        return self._users.changing(lambda own: self._store_hash(user, new, judged, own), then, connection)

    def password_hash(self, user: AnyUser) -> str | None:
        """Return the stored hash."""
        return self._users.password_hash(user)

    def credentials(self, username: str) -> tuple[AnyUser | None, str | None]:
        """Return the user with this name and the stored hash, or ``None`` for both."""
        user, _, stored = self._users.credentials(username)
        return user, stored

    def set_password_hash(self, user: AnyUser, new: str, *, connection: Connection | None = None) -> None:
        """Store a new hash; sessions stay valid, unless the caller ends them in the same *connection*.

        :raises NotFound: there is no such account.
        """
        if not self._store_hash(user, new, None, connection):
            raise _absent()

    def replace_password_hash(self, user: AnyUser, old: str, new: str, *, connection: Connection | None = None) -> bool:
        """Store a new hash if *old* is still stored, and return whether it was stored; sessions stay valid."""
        return self._store_hash(user, new, old, connection)

    def _store_hash(self, user: AnyUser, new: str, judged: str | None, connection: Connection | None) -> bool:
        with self._renewing(user, new):
            return self._users.store_hash(user, new, judged=judged, connection=connection)

    @contextmanager
    def _renewing(self, user: AnyUser, new: str) -> Generator[None, None, None]:
        """Announce a new hash of the same user before it is stored: otherwise it looks like a different user."""
        before = self._users.evidence(user)
        after = self._users.evidence_after(user, new)
        if after is not None and after != before:
            self._announce(user, before, after)
        yield
        if after is None:
            again = self._users.get(self.id_of(user))
            after = before if again is None else self._users.evidence(again)
            if after != before:
                self._announce(user, before, after)

    def _announce(self, user: AnyUser, before: bytes, after: bytes) -> None:
        event = EvidenceRenewed(user_id=self.id_of(user), before=before, after=after)
        # Not in the caller's transaction: the application commits the row in its own.
        self._store.retrying(lambda own: self._events.emit(event, own))

    def _end(self, user_id: UserId, connection: Connection) -> None:
        self._events.emit(AccountEnded(user_id=user_id), connection)


def _absent() -> NotFound:
    return NotFound("There is no such account")
