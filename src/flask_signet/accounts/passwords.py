"""Passwords: hashed with Argon2id, in the same time for every user, and with a limit on concurrent hashing."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Literal

from flask_signet.accounts import hash_kinds
from flask_signet.accounts.names import nfc
from flask_signet.accounts.settings import MAX_PASSWORD_LENGTH, AccountSettings
from flask_signet.clock import Clock
from flask_signet.exceptions import Unavailable, WeakPassword
from flask_signet.per_process import PerProcess

#: What a password is hashed for: a login, a new account, or a change of the password.
Work = Literal["login", "register", "password"]

# An attacker who can write a hash into the table must not be able to choose how much a login costs.
MAX_MEMORY_KIB = 262_144
MAX_TIME_COST = 16
MAX_PARALLELISM = 16
MAX_HASH_LENGTH = 512  # characters of the stored string

_COSTLY = "a hash with parameters that no login may cost"
_SALT_BYTES = 16
_HASH_BYTES = 32


class Passwords:
    """Hashes and verifies passwords.

    A password is normalized to NFC before hashing (NIST SP 800-63B-4 section 3.1.1.2), so that the same keys give the
    same password on every system. It is never truncated, trimmed or folded.
    """

    def __init__(self, settings: AccountSettings, *, clock: Clock) -> None:
        from argon2 import PasswordHasher, profiles

        self._settings = settings
        self._clock = clock
        self.budgets = HashingBudgets(_slots(settings.passwords_at_once))
        if settings.testing:
            self._hasher = PasswordHasher.from_parameters(profiles.CHEAPEST)
        else:
            self._hasher = PasswordHasher(
                time_cost=settings.time_cost,
                memory_cost=settings.memory_kib,
                parallelism=settings.parallelism,
                hash_len=_HASH_BYTES,
                salt_len=_SALT_BYTES,
            )
        self._nobodys = self._hash_of_nobody()
        self._nobodys_by_werkzeug: str | None = (
            None  # set when such a hash is first seen, with the costs of the last one
        )

    def check(self, password: str, *, field: str = "password") -> None:
        """Refuse a password that is too short or too long, counted in characters after NFC.

        :param field: name of the body field, for the error.
        :raises WeakPassword: the message says why.
        """
        least = self._settings.min_password_length
        if len(password) > 4 * MAX_PASSWORD_LENGTH:
            length = len(password)
        else:
            length = len(nfc(password))
        if length < least:
            raise _weak(field, f"must have at least {least} characters")
        if length > MAX_PASSWORD_LENGTH:
            raise _weak(field, f"must have at most {MAX_PASSWORD_LENGTH} characters")
        if _bytes(password) is None:
            raise _weak(field, "is not valid Unicode")

    def is_possible(self, password: str) -> bool:
        """Return whether *password* can be hashed; otherwise it is too long or not valid Unicode."""
        return _bytes(password) is not None

    def hash(self, password: str, *, work: Work = "password") -> str:
        """Return the hash to store, in the PHC string format.

        :param work: the hashing budget to use.
        :raises WeakPassword: *password* is longer than 1024 characters or not valid Unicode.
        :raises Unavailable: too many passwords are being hashed.
        """
        data = _bytes(password)
        if data is None:
            raise _weak("password", f"must be valid Unicode of at most {MAX_PASSWORD_LENGTH} characters")
        with self.budgets.place(work):
            return self._hasher.hash(data, salt=self._clock.token_bytes(self._hasher.salt_len))

    def verify(self, stored: str | None, password: str, *, work: Work = "login") -> bool:
        """Return whether *password* matches the hash *stored*; a missing hash takes the same time.

        After a hash of werkzeug.security was seen, each password is checked against both kinds, one of them a dummy
        hash. Otherwise the time would reveal the users who have not logged in since the application moved to us.

        :raises Unavailable: too many passwords are being hashed.
        """
        from argon2.exceptions import Argon2Error, InvalidHashError

        data = _bytes(password)
        if data is None:
            return False  # reveals nothing about the account: such a password is always refused
        usable = stored if stored is not None and self._bearable(stored) else None
        by_werkzeug = usable if usable is not None and _is_werkzeugs(usable) else None
        if by_werkzeug is not None:
            self._nobodys_by_werkzeug = f"{by_werkzeug.partition('$')[0]}$nobody$0"
        other = by_werkzeug or self._nobodys_by_werkzeug
        with self.budgets.place(work):
            right = other is not None and _werkzeug_verify(other, password)
            try:
                # The library raises if the password is wrong; dummy hashes match no password.
                right |= self._hasher.verify(self._nobodys if usable is None or by_werkzeug else usable, data)
            except (Argon2Error, InvalidHashError):
                pass
            return right

    def unusable(self, stored: str) -> str | None:
        """Return a description of *stored* if no password can be verified against it; otherwise ``None``."""
        from argon2 import extract_parameters
        from argon2.exceptions import InvalidHashError

        if self._bearable(stored):
            return None
        if _is_werkzeugs(stored):
            return _COSTLY
        try:
            extract_parameters(stored)
        except (InvalidHashError, ValueError, IndexError):
            return hash_kinds.kind_of(stored)
        return _COSTLY

    def outdated(self, stored: str) -> bool:
        """Return whether a verified password should be hashed again, since the parameters have increased."""
        from argon2.exceptions import InvalidHashError

        try:
            return self._hasher.check_needs_rehash(stored)
        except InvalidHashError:
            return True

    def _bearable(self, stored: str) -> bool:
        from argon2 import extract_parameters
        from argon2.exceptions import InvalidHashError

        if len(stored) <= MAX_HASH_LENGTH:
            if _is_werkzeugs(stored):
                return _werkzeug_bearable(stored)
            try:
                found = extract_parameters(stored)
            except (InvalidHashError, ValueError, IndexError):
                return False  # the caller, which knows the user, logs it
            if (
                found.memory_cost <= max(MAX_MEMORY_KIB, self._settings.memory_kib)
                and found.time_cost <= max(MAX_TIME_COST, self._settings.time_cost)
                and found.parallelism <= max(MAX_PARALLELISM, self._settings.parallelism)
            ):
                return True
        return False

    def _hash_of_nobody(self) -> str:
        """Return a dummy hash with the current parameters, for unknown users."""
        hasher = self._hasher
        salt = _base64(self._clock.token_bytes(hasher.salt_len))
        digest = _base64(self._clock.token_bytes(hasher.hash_len))
        cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
        return f"$argon2id$v=19${cost}${salt}${digest}"


def _bytes(password: str) -> bytes | None:
    if len(password) > 4 * MAX_PASSWORD_LENGTH:  # its NFC form is always too long
        return None
    normal = nfc(password)
    if len(normal) > MAX_PASSWORD_LENGTH:
        return None
    try:
        return normal.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


def _weak(field: str, reason: str) -> WeakPassword:
    return WeakPassword(f"The password {reason}", fields={field: reason})


# --- How many passwords are hashed at once ----------------------------------------------------------------


class HashingBudgets:
    """Limits concurrent hashing in one process, for each kind of work.

    A request never waits for a slot: a waiting thread would be missing for other requests.

    :param places: how many slots each kind has.
    """

    def __init__(self, places: Mapping[Work, int]) -> None:
        self._places = {
            work: PerProcess(partial(threading.BoundedSemaphore, number)) for work, number in places.items()
        }

    @contextmanager
    def place(self, work: Work) -> Generator[None, None, None]:
        """Hold a slot while the block hashes.

        :raises Unavailable: all slots of this kind are in use; the block is not run.
        """
        places = self._places[work]()
        if not places.acquire(blocking=False):
            raise Unavailable("Too many passwords are being hashed at once", retry_after=1)
        try:
            yield
        finally:
            places.release()


def _slots(passwords_at_once: int | None) -> dict[Work, int]:
    """Return the number of slots for each kind.

    :param passwords_at_once: the slots of logins; ``None``: twice the cores of the machine, at least four. Each other
        kind has half as many.
    """
    logins = passwords_at_once or max(4, 2 * (os.cpu_count() or 1))
    others = max(1, logins // 2)
    return {"login": logins, "register": others, "password": others}


# --- Hashes of werkzeug.security, which many applications have in their own table ----------------------


def _is_werkzeugs(stored: str) -> bool:
    return stored.startswith(("scrypt:", "pbkdf2:"))


def _werkzeug_bearable(stored: str) -> bool:
    method, *costs = stored.partition("$")[0].split(":")
    try:
        if method == "scrypt":
            n, r, p = (int(cost) for cost in costs)
            return n * r * p <= 1 << 21  # 256 MiB
        digest, rounds = costs
        return digest in ("sha256", "sha512", "sha1") and int(rounds) <= 2_000_000
    except ValueError:
        return False


def _werkzeug_verify(stored: str, password: str) -> bool:
    from werkzeug.security import check_password_hash

    # Such a hash was created from the password without NFC, before the application moved to us.
    try:
        return check_password_hash(stored, password)
    except ValueError:  # invalid cost parameters
        return False
