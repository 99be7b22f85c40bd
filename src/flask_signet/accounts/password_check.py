"""Check a name and a password, without revealing which of the two was wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from flask_signet.accounts import hash_kinds, names
from flask_signet.accounts.backend import UserBackend
from flask_signet.accounts.passwords import Passwords
from flask_signet.accounts.user_ids import UserId
from flask_signet.exceptions import InvalidCredentials, SignetError, Unavailable
from flask_signet.throttle import Throttle

log = logging.getLogger(__name__)

T = TypeVar("T")

# How often a change verifies the password again after the stored hash has changed. A login can rehash the same password
# once; after more changes it is a different password.
_JUDGEMENTS = 3


class Authenticator:
    """Checks passwords of built-in accounts and of users of the application.

    :param throttle: makes attackers wait; ``None`` if throttling is off.
    :param replace_hash: called with a user, the stored hash and a new hash of the same password; stores the new hash if
        the old one is still stored.
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
        self._named: set[str] = set()  # kinds of stored passwords that were logged

    def authenticate(self, username: str, password: str, *, address: str | None = None) -> tuple[Any, UserId]:
        """Return the user with this name and password, and the user's id.

        An unknown name, a wrong password and an account that may not log in take the same time and raise the same
        error. A hash with old parameters is replaced.

        :param address: network address of the client, for throttling.
        :raises InvalidCredentials: unknown name, wrong password, or an account that may not log in.
        :raises RateLimited: too many failures before this attempt.
        :raises Unavailable: the store does not answer, or too many logins happen at once.
        """
        if not self._passwords.is_possible(password):
            # Nothing is hashed, so the client learns nothing: this is not counted as an attempt.
            raise InvalidCredentials
        with self._throttle.attempt("login", name=names.folded(username), network=address) as attempt:
            user, user_id, stored = self._users.credentials(username)
            # Two users may share a folded name. A success of one must not count for the other.
            attempt.aimed_at(user_id)
            right = self._passwords.verify(stored, password)
            # Check this after the hash: an earlier refusal would be faster than the others.
            if user is None or user_id is None or not right or not self._users.is_active(user):
                attempt.failed()
                self._explain(user, stored)
                raise InvalidCredentials
            attempt.succeeded()
        if stored is not None and self._passwords.outdated(stored):
            self._rehash(user, stored, password)
        return user, user_id

    def verify(self, user: Any, password: str, *, address: str | None = None) -> bool:
        """Return whether *password* is the password of a user who is already known, for example before a change of it.

        :raises RateLimited: too many failures before this attempt.
        :raises Unavailable: too many passwords are being hashed.
        """
        return self.matching(user, password, address=address) is not None

    def matching(self, user: Any, password: str, *, address: str | None = None) -> str | None:
        """Return the stored hash if *password* matches it, else ``None``; raises the same errors as :meth:`verify`."""
        if not self._passwords.is_possible(password):
            return None
        # Attempts count under a separate name, which no folded name can equal: wrong passwords here must not block the
        # owner's login.
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
        """Verify the password *current*, call *change* with its stored hash, and return the result of *change*.

        Another request may change the password between the verification and the change. So *change* replaces exactly
        the verified hash, or returns ``None``; then the password is verified again. It is wrong then, unless only its
        hash was renewed.

        :raises InvalidCredentials: *current* is wrong, or wrong by the time of the change.
        :raises RateLimited: too many failures before this attempt.
        :raises Unavailable: too many passwords are being hashed, or the hash changed at each attempt.
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
        """Log once per kind why a user can never log in: the client must not learn it."""
        if user is None or stored is None:
            return
        kind = self._passwords.unusable(stored)
        if kind is not None and kind not in self._named:
            self._named.add(kind)
            log.error("%s", hash_kinds.advice(self._users.id_of(user), kind))

    def _rehash(self, user: Any, stored: str, password: str) -> None:
        try:
            # Replace only that hash: the old password must not overwrite one that was set in the meantime.
            self._replace_hash(user, stored, self._passwords.hash(password, work="login"))
        except SignetError as error:
            # The login still succeeds; the next one tries again.
            log.warning("A password hash with old parameters could not be replaced: %s", error)
