"""Settings of the accounts room."""

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

#: What an application is told that keeps its users itself and switches registration on.
REGISTRATION_OF_OWN_USERS = (
    "SIGNET_REGISTRATION = True makes built-in accounts, and this Signet has users=…, the users of your application. "
    "Write a view of your own: db.session.add(User(username=username, password=signet.users.hashed(password))), then "
    "db.session.commit(). Remove SIGNET_REGISTRATION (docs/quick-start.md#use-your-own-user-model)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """What the accounts promise.

    :param registration: anyone may make an account by ``POST /account``.
    :param throttle: failed logins make the next ones wait, and routes that cost work have limits.
    :param throttle_store: where tries are counted: ``"store"``, the database, or ``"memory"``, each process by itself.
    :param min_password_length: in characters, 8 to 1024.
    :param memory_kib: Argon2id's memory, KiB; the least is OWASP's smallest profile.
    :param time_cost: Argon2id's passes.
    :param parallelism: Argon2id's lanes.
    :param passwords_at_once: how many passwords one process hashes at the same time; ``None``: twice its cores,
        four at least. A login beyond it is answered with 503 at once: a thread that waits for a hash is one that
        others need.
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

    :raises SettingsError: a value is wrong.
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
