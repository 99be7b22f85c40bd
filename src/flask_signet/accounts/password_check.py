"""Decide whether a name and a password belong together, without telling which of the two was wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from flask_signet.accounts import hash_kinds, names
from flask_signet.accounts.backend import UserBackend
from flask_signet.accounts.passwords import Passwords
from flask_signet.exceptions import InvalidCredentials, SignetError, Unavailable
from flask_signet.throttle import Throttle

log = logging.getLogger(__name__)

T = TypeVar("T")

# A change that found another hash than was judged begins again so often. The same password can get another hash
# once, when a login renews it; more often than that it is another password.
_JUDGEMENTS = 3


class Authenticator:
    """Checks passwords of built-in accounts and of users of the application.

    :param throttle: makes guessers wait; ``None`` where that is turned off.
    :param replace_hash: called with a user, the stored hash and a new one of the same password; stores the new one if
        the other is still stored.
    """

    def __init__(
        self,
        users: UserBackend[Any],
        passwords: Passwords,
        throttle: Throttle | None,
        replace_hash: Callable[[Any, str, str], bool],
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._throttle = throttle or Throttle.off()
        self._replace_hash = replace_hash
        self._named: set[str] = set()  # kinds of stored passwords that were spoken of

    def authenticate(self, username: str, password: str, *, address: str | None = None) -> Any:
        """Return the user whose name and password these are.

        An unknown name, a wrong password and an account that may not log in cost the same time and give the
        same error. A hash with old parameters is replaced.

        :param address: network address of the client, for the throttling.
        :raises InvalidCredentials: any of the three.
        :raises RateLimited: too many failures before this one.
        :raises Unavailable: the store is away, or too many logins come at once.
        """
        if not self._passwords.is_possible(password):
            # Nothing is hashed, so nothing is learnt: no try.
            raise InvalidCredentials
        with self._throttle.attempt("login", name=names.folded(username), network=address) as attempt:
            user, stored = self._users.credentials(username)
            # Two users may share a folded name. What one of them proves must not count for the other.
            attempt.aimed_at(None if user is None else self._users.id_of(user))
            right = self._passwords.verify(stored, password)
            # Only now: a refusal before the hash would be quicker than others.
            if user is None or not right or not self._users.is_active(user):
                attempt.failed()
                self._explain(user, stored)
                raise InvalidCredentials
            attempt.succeeded()
        if stored is not None and self._passwords.outdated(stored):
            self._rehash(user, stored, password)
        return user

    def verify(self, user: Any, password: str, *, address: str | None = None) -> bool:
        """Say whether *password* is that of a user who is known already, as before a change of it.

        :raises RateLimited: too many failures before this one.
        :raises Unavailable: too many passwords are being hashed.
        """
        return self.matching(user, password, address=address) is not None

    def matching(self, user: Any, password: str, *, address: str | None = None) -> str | None:
        """Return the stored hash that *password* is right for, or ``None``; otherwise as :meth:`verify`."""
        if not self._passwords.is_possible(password):
            return None
        # Tries count under a name of their own, which no folded name is: guessing here must not hold up the owner's
        # login.
        name = f"\0{self._users.id_of(user)}"
        with self._throttle.attempt("login", name=name, network=address) as attempt:
            attempt.aimed_at(name)
            stored = self._users.password_hash(user)
            if self._passwords.verify(stored, password, work="password"):
                attempt.succeeded()
                return stored
            attempt.failed()
        self._explain(user, stored)
        return None

    def change(self, user: Any, current: str, change: Callable[[str], T | None], *, address: str | None = None) -> T:
        """Return what *change* returns, called with the stored hash that the password *current* is right for.

        Between a judgement and the change that it allows somebody else may change the password, and what was judged
        is then nobody's password any more. So *change* replaces that very hash or returns ``None``, and the password
        is judged again: it is wrong now, unless only its hash was renewed.

        :raises InvalidCredentials: *current* is wrong, now or by the time of the change.
        :raises RateLimited: too many failures before this one.
        :raises Unavailable: too many passwords are being hashed, or the hash never stayed the same.
        """
        user_id = self._users.id_of(user)
        for _ in range(_JUDGEMENTS):
            judged = None if user is None else self.matching(user, current, address=address)
            if judged is None:
                raise InvalidCredentials("The current password is wrong", fields={"current_password": "is wrong"})
            result = change(judged)
            if result is not None:
                return result
            user = self._users.get(user_id)
        raise Unavailable("The password changed while it was being changed")

    def _explain(self, user: Any, stored: str | None) -> None:
        """Say once per kind why a user can never log in: the client must not hear it."""
        if user is None or stored is None:
            return
        kind = self._passwords.unusable(stored)
        if kind is not None and kind not in self._named:
            self._named.add(kind)
            log.error("%s", hash_kinds.advice(self._users.id_of(user), kind))

    def _rehash(self, user: Any, stored: str, password: str) -> None:
        try:
            # Only that hash: a password that was set meanwhile must not give way to the old one.
            self._replace_hash(user, stored, self._passwords.hash(password, work="login"))
        except SignetError as error:
            # The login is good all the same; the next one tries again.
            log.warning("A password hash with old parameters could not be replaced: %s", error)
