"""Settings of the accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flask_signet import settings
from flask_signet.exceptions import SettingsError

KEYS = (
    "SIGNET_REGISTRATION",
    "SIGNET_THROTTLE",
    "SIGNET_THROTTLE_STORE",
    "SIGNET_PASSWORD_MIN_LENGTH",
    "SIGNET_PASSWORD_MEMORY_KIB",
    "SIGNET_PASSWORD_TIME_COST",
    "SIGNET_PASSWORD_PARALLELISM",
    "SIGNET_PASSWORDS_AT_ONCE",
)

MAX_PASSWORD_LENGTH = 1_024  # characters
THROTTLE_STORES = ("store", "memory")

#: The message for an application that stores its users itself and turns registration on.
REGISTRATION_OF_OWN_USERS = (
    "SIGNET_REGISTRATION = True creates built-in accounts, but this Signet has users=…, the users of your application. "
    "Write a view of your own: db.session.add(User(username=username, password=signet.users.hashed(password))), then "
    "db.session.commit(). Remove SIGNET_REGISTRATION (docs/quick-start.md#use-your-own-user-model)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """The settings of the accounts.

    :param registration: any client may create an account with ``POST /account``.
    :param throttle: failed logins make the next ones wait, and expensive routes have limits.
    :param throttle_store: where attempts are counted: ``"store"``, in the database, or ``"memory"``, in each process.
    :param min_password_length: in characters, 8 to 1024.
    :param memory_kib: Argon2id's memory in KiB; the minimum is OWASP's smallest profile.
    :param time_cost: Argon2id's passes.
    :param parallelism: Argon2id's lanes.
    :param passwords_at_once: how many passwords one process hashes at the same time; ``None``: twice the cores
        of the machine, at least four. A login above the limit is answered with 503 at once: a waiting thread would be
        missing for other requests.
    :param testing: the cheapest hash, for tests.
    """

    registration: bool = False
    throttle: bool = True
    throttle_store: Literal["store", "memory"] = "store"
    min_password_length: int = 8
    memory_kib: int = 19_456
    time_cost: int = 2
    parallelism: int = 1
    passwords_at_once: int | None = None
    testing: bool = False

    def __post_init__(self) -> None:
        if self.min_password_length > MAX_PASSWORD_LENGTH:
            raise SettingsError(f"SIGNET_PASSWORD_MIN_LENGTH must be 8 to {MAX_PASSWORD_LENGTH}")


def read(config: Mapping[str, Any]) -> AccountSettings:
    """Return the settings of the accounts.

    :raises SettingsError: a value is invalid.
    """
    standard = AccountSettings()

    def number(key: str, default: int, least: int) -> int:
        value = settings.integer(config, key, default, least=least)
        return default if value is None else value

    return AccountSettings(
        registration=settings.boolean(config, "SIGNET_REGISTRATION", standard.registration),
        throttle=settings.boolean(config, "SIGNET_THROTTLE", standard.throttle),
        throttle_store="memory"
        if settings.choice(config, "SIGNET_THROTTLE_STORE", "store", THROTTLE_STORES) == "memory"
        else "store",
        min_password_length=number("SIGNET_PASSWORD_MIN_LENGTH", standard.min_password_length, 8),
        memory_kib=number("SIGNET_PASSWORD_MEMORY_KIB", standard.memory_kib, standard.memory_kib),
        time_cost=number("SIGNET_PASSWORD_TIME_COST", standard.time_cost, standard.time_cost),
        parallelism=number("SIGNET_PASSWORD_PARALLELISM", standard.parallelism, standard.parallelism),
        passwords_at_once=settings.integer(config, "SIGNET_PASSWORDS_AT_ONCE", None, least=1),
        testing=bool(config.get("TESTING", False)),
    )
