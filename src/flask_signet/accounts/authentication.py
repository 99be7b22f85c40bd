"""Decide whether a name and a password belong together, without telling which of the two was wrong."""

from __future__ import annotations

import logging
from typing import Any, Protocol, runtime_checkable

from flask_signet.accounts import names
from flask_signet.accounts.passwords import Passwords
from flask_signet.accounts.throttle import Throttle
from flask_signet.accounts.users import Users
from flask_signet.exceptions import InvalidCredentials, InvalidRequest, SignetError

log = logging.getLogger(__name__)


@runtime_checkable
class ReadsCredentials(Protocol):
    """Users that give user and hash in one go."""

    def credentials(self, username: str, /) -> tuple[Any | None, str | None]:
        """Return the user of this name and the stored hash, or ``None`` twice, at the same cost."""
        ...


class Authenticator:
    """Checks passwords of any :class:`Users`.

    :param throttle: makes guessers wait; ``None`` where that is turned off.
    """

    def __init__(self, users: Users, passwords: Passwords, throttle: Throttle | None) -> None:
        self._users = users
        self._passwords = passwords
        self._throttle = throttle

    def authenticate(self, username: str, password: str, *, address: str | None = None) -> Any:
        """Return the user whose name and password these are.

        An unknown name, a wrong password and an account that may not log in cost the same time and give the
        same error. A hash with old parameters is replaced.

        :param address: network address of the client, for the throttling.
        :raises InvalidCredentials: any of the three.
        :raises RateLimited: too many failures before this one.
        :raises Unavailable: the store is away, or too many logins come at once.
        """
        name = _throttled_name(username)
        if self._throttle is not None:
            self._throttle.admit(name, address)
        try:
            user, stored = self._credentials(username)
            right = self._passwords.verify(stored, password)
            # Only now: a refusal before the hash would be quicker than others.
            accepted = user is not None and right and self._users.is_active(user)
        except BaseException:
            if self._throttle is not None:
                self._throttle.undecided(name, address)
            raise
        if not accepted:
            raise InvalidCredentials
        if self._throttle is not None:
            self._throttle.succeeded(name, address)
        if stored is not None and self._passwords.outdated(stored):
            self._rehash(user, password)
        return user

    def verify(self, user: Any, password: str, *, address: str | None = None) -> bool:
        """Say whether *password* is that of a user who is known already, as before a change of it.

        :raises RateLimited: too many failures before this one.
        :raises Unavailable: too many passwords are being hashed.
        """
        # Tries count under a name of their own: guessing here must not hold up the owner's login.
        name = f"\0{user.id}"
        if self._throttle is not None:
            self._throttle.admit(name, address)
        try:
            right = self._passwords.verify(self._users.password_hash(user), password)
        except BaseException:
            if self._throttle is not None:
                self._throttle.undecided(name, address)
            raise
        if right and self._throttle is not None:
            self._throttle.succeeded(name, address)
        return right

    def _credentials(self, username: str) -> tuple[Any | None, str | None]:
        # The built-in accounts read both at once, so that an unknown name costs no query less than a known one.
        if isinstance(self._users, ReadsCredentials):
            return self._users.credentials(username)
        user = self._users.find(username)
        return user, None if user is None else self._users.password_hash(user)

    def _rehash(self, user: Any, password: str) -> None:
        try:
            self._users.set_password_hash(user, self._passwords.hash(password))
        except SignetError as error:
            # The login is good all the same; the next one tries again.
            log.warning("A password hash with old parameters could not be replaced: %s", error)


def _throttled_name(username: str) -> str:
    try:
        return names.canonical(username)
    except InvalidRequest:
        return username
