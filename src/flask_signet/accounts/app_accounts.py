"""Accounts as every application has them: found, and signed in to by a password."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.backend import Editor, UserBackend
from flask_signet.accounts.hashing_budgets import Work
from flask_signet.accounts.password_check import Authenticator
from flask_signet.accounts.passwords import Passwords
from flask_signet.accounts.user_ids import UserId
from flask_signet.accounts.users import Profile
from flask_signet.exceptions import NotFound
from flask_signet.throttle import Throttle

#: Ends all sessions of a user inside the transaction that changes the account.
OnEnded = Callable[[Any, Connection], None]
#: Is called before a hash is replaced, with the id and the evidence before and after: the user stays the same.
OnRenewed = Callable[[UserId, bytes, bytes], None]

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    AnyUser = TypeVarWithDefault("AnyUser", default=Any)
else:
    AnyUser = TypeVar("AnyUser")


class AppAccounts(Generic[AnyUser]):
    """What works with all users, the built-in ones and those of the application.

    Functions in ``on_ended`` are called in the transaction of our store that ends an account or changes its password;
    what keeps sessions ends them there. Users of the application are changed before it, by the application's own
    transaction: if ours fails, the new password counts and the sessions go on until the caller, who got the error,
    tries again.

    :param users: where the users are.
    :param editor: makes, changes and deletes accounts; ``None`` where the application does it.
    :param throttle: makes guessers wait; ``None`` where that is turned off.
    """

    def __init__(
        self,
        users: UserBackend[AnyUser],
        editor: Editor[AnyUser] | None,
        passwords: Passwords,
        throttle: Throttle | None,
    ) -> None:
        self._users = users
        self._edits = editor
        self._passwords = passwords
        self._authenticator = Authenticator(users, passwords, throttle, self.replace_password_hash)
        self.on_ended: list[OnEnded] = []
        self.on_renewed: list[OnRenewed] = []
        #: The attribute by which users log in.
        self.login_name: str = users.login_name
        #: Whether each refresh must ask for the user: the application deletes and disables its users itself.
        self.asked_on_refresh: bool = users.asked_on_refresh

    @property
    def editable(self) -> bool:
        """Whether accounts are made, changed and deleted here; otherwise the application does that."""
        return self._edits is not None

    # --- Finding --------------------------------------------------------------------------------------

    def get(self, user_id: UserId, *, connection: Connection | None = None) -> AnyUser | None:
        """Return the user with this id, in its own type or as its canonical string, or ``None``.

        :param connection: read a built-in account in this transaction.
        """
        return self._users.get(user_id, connection)

    def find(self, username: str) -> AnyUser | None:
        """Return the user with this login name, or ``None``; built-in names ignore case and width of letters."""
        return self._users.find(username)

    def id_of(self, user: AnyUser) -> UserId:
        """Return the id of a user."""
        return self._users.id_of(user)

    def id_meant(self, identity: Any) -> Any:
        """Return the id that *identity* names: an id itself, or that of a user; anything else is returned as it is."""
        return identity if isinstance(identity, (int, str, UUID)) else self._users.id_in(identity)

    def canonical(self, user_id: Any) -> UserId | None:
        """Return the id that any spelling means, or ``None``."""
        return self._users.canonical(user_id)

    def is_active(self, user: AnyUser) -> bool:
        """Return whether the user may log in."""
        return self._users.is_active(user)

    def evidence(self, user: AnyUser) -> bytes:
        """Return what tells *user* from another user with the same id."""
        return self._users.evidence(user)

    def standing(self, user_id: UserId, connection: Connection) -> bytes | None:
        """Return the evidence of a user who may log in, else ``None``, in a transaction that opens a session."""
        return self._users.standing(user_id, connection)

    def may_log_in(self, user_id: UserId, connection: Connection) -> bool:
        """Return whether the user is there and active, in a transaction that is about to open a session."""
        return self._users.standing(user_id, connection) is not None

    def profile(self, user: AnyUser) -> Profile:
        """Return what the user may know about themselves."""
        return self._users.profile(user)

    # --- Passwords ------------------------------------------------------------------------------------

    def authenticate(self, username: str, password: str, *, address: str | None = None) -> AnyUser:
        """Return the user whose name and password these are.

        :param address: network address of the client, for the throttling.
        :raises InvalidCredentials: unknown name, wrong password or disabled account, in the same time.
        :raises RateLimited: too many failures before this one.
        :raises Unavailable: the store is away, or too many logins come at once.
        """
        return self._authenticator.authenticate(username, password, address=address)

    def verify_password(self, user: AnyUser, password: str, *, address: str | None = None) -> bool:
        """Return whether *password* is that of *user*, who is signed in already.

        :raises RateLimited: too many failures before this one.
        :raises Unavailable: the store is away, or too many passwords are being hashed.
        """
        return self._authenticator.verify(user, password, address=address)

    def hashed(self, password: str, *, check_password: bool = True, work: Work = "password") -> str:
        """Return the hash to store for a password; slow, so call it before a transaction begins.

        :param check_password: ``False`` accepts a password that is too short.
        :param work: the budget for hashing that it uses.
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

        :param current_password: change it only if this is the current password; of two such changes at the same
            moment the later is refused. ``None``: do not compare, as for an administrator.
        :param check_password: ``False`` accepts a password that is too short.
        :param end_sessions: ``False`` if the caller ends the sessions in the same *connection*.
        :param connection: join this transaction; the caller commits.
        :raises NotFound: there is no such account.
        :raises WeakPassword: the password is too short or too long.
        :raises InvalidCredentials: *current_password* is given and is not the current password.
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
        """Let *change* replace the stored hash that the password *current* is right for; return what it returns.

        :param change: gets that hash, and returns ``None`` where another one is stored by now; it is then called
            again if *current* is right for that one too.
        :raises InvalidCredentials: *current* is wrong, now or by the time of the change.
        :raises RateLimited: too many failures before this one.
        :raises Unavailable: the store is away, or too many passwords are being hashed.
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
        """Store another hash, run *then* in a transaction of our store, and return what it returns.

        The hash of a built-in account is stored in that same transaction. Users of the application are changed before
        it, in a transaction of their own.

        :param judged: only if this hash is still stored; otherwise ``None`` is returned and nothing is changed.
        """
        return self._users.changing(lambda own: self._store_hash(user, new, judged, own), then, connection)

    def password_hash(self, user: AnyUser) -> str | None:
        """Return the stored hash."""
        return self._users.password_hash(user)

    def credentials(self, username: str) -> tuple[AnyUser | None, str | None]:
        """Return the user of this name and the stored hash, or ``None`` twice."""
        return self._users.credentials(username)

    def set_password_hash(self, user: AnyUser, new: str, *, connection: Connection | None = None) -> None:
        """Store another hash; sessions go on, unless the caller ends them in the same *connection*.

        :raises NotFound: there is no such account.
        """
        if not self._store_hash(user, new, None, connection):
            raise _absent()

    def replace_password_hash(self, user: AnyUser, old: str, new: str, *, connection: Connection | None = None) -> bool:
        """Store another hash if *old* is still stored, and return whether it was; sessions go on, as above."""
        return self._store_hash(user, new, old, connection)

    def _store_hash(self, user: AnyUser, new: str, judged: str | None, connection: Connection | None) -> bool:
        with self._renewing(user, new):
            return self._users.store_hash(user, new, judged=judged, connection=connection)

    @contextmanager
    def _renewing(self, user: AnyUser, new: str) -> Generator[None, None, None]:
        """Announce another hash of the same user before it is stored: otherwise it would look like another user's."""
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
        for renewed in self.on_renewed:
            renewed(self.id_of(user), before, after)

    def _end(self, user_id: UserId, connection: Connection) -> None:
        for ended in self.on_ended:
            ended(user_id, connection)


def _absent() -> NotFound:
    return NotFound("There is no such account")
