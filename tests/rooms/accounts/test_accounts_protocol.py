"""Any five methods make users: the service over a plain dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection

from flask_signet.accounts import AccountSettings, AppAccounts, Passwords, UserId
from flask_signet.accounts.events import AccountEnded
from flask_signet.accounts.service import accounts_of_application, built_in_accounts
from flask_signet.clock import SYSTEM
from flask_signet.events import Events
from flask_signet.exceptions import InvalidCredentials, NotFound, RateLimited, SettingsError, Unavailable, WeakPassword
from flask_signet.store import Store
from flask_signet.throttle import Throttle
from tests.rooms.accounts.conftest import cheap
from tests.rooms.throttle.conftest import MovedClock

PASSWORD = "correct horse"


@dataclass
class Member:
    """What an application may call a user."""

    id: str
    username: str
    hash: str | None
    active: bool = True
    roles: list[str] = field(default_factory=list)


class Members:
    """Users in memory; writing can be turned off."""

    def __init__(self, *members: Member) -> None:
        self.members = {member.id: member for member in members}
        self.writable = True

    def get(self, user_id: object) -> Member | None:
        return self.members.get(str(user_id))

    def find(self, username: str) -> Member | None:
        return next((member for member in self.members.values() if member.username == username), None)

    def password_hash(self, user: Member) -> str | None:
        return user.hash

    def set_password_hash(self, user: Member, new: str) -> None:
        if not self.writable:
            raise Unavailable
        user.hash = new

    def is_active(self, user: Member) -> bool:
        return user.active


@pytest.fixture
def members() -> Members:
    stored = cheap().hash(PASSWORD)
    return Members(
        Member("a", "ada", stored, roles=["admin"]), Member("b", "bob", stored, active=False), Member("c", "cy", None)
    )


def test_five_methods_are_enough(members: Members, file_store: Store) -> None:
    accounts = accounts_of_application(members, file_store, cheap(), None)
    ada = accounts.authenticate("ada", PASSWORD)
    refused = 0
    for name, password in (("ada", "wrong"), ("bob", PASSWORD), ("cy", ""), ("cy", PASSWORD), ("nobody", PASSWORD)):
        with pytest.raises(InvalidCredentials):
            accounts.authenticate(name, password)
        refused += 1
    with file_store.write() as connection:
        allowed = [accounts.standing(user_id, connection) is not None for user_id in "abcd"]

    assert (members.members["a"], 5) == (ada, refused)
    assert allowed == [True, False, True, False]
    assert accounts.find("ada") is accounts.get("a") is ada
    assert (accounts.is_active(ada), accounts.password_hash(ada)) == (True, ada.hash)
    assert accounts.profile(ada).as_json() == {
        "id": "a",
        "username": "ada",
        "email": None,
        "email_verified": False,
        "roles": ["admin"],
        "created_at": None,
    }


def test_a_password_is_changed_and_the_sessions_end(members: Members, file_store: Store) -> None:
    events = Events(file_store)
    accounts = accounts_of_application(members, file_store, cheap(), None, events)
    ended: list[UserId] = []

    def end(event: AccountEnded, connection: Connection) -> None:
        assert connection.in_transaction()
        ended.append(event.user_id)

    events.react(AccountEnded, end)
    accounts.set_password("a", "another horse")
    accounts.set_password("a", "a third horse", end_sessions=False)
    with pytest.raises(WeakPassword):
        accounts.set_password("a", "short")
    with pytest.raises(NotFound):
        accounts.set_password("z", PASSWORD)

    assert ended == ["a"]
    assert accounts.authenticate("ada", "a third horse").id == "a"


def test_a_password_is_changed_only_while_it_is_the_one_that_was_judged(members: Members, file_store: Store) -> None:
    """Five methods are enough for that too: the hash is read again just before."""
    accounts = accounts_of_application(members, file_store, cheap(), None)
    ada = members.members["a"]
    judged = ada.hash
    assert judged is not None
    accounts.set_password("a", "another horse", current_password=PASSWORD)
    late = accounts.replace_password_hash(ada, judged, "a hash that comes too late")
    with pytest.raises(InvalidCredentials):
        accounts.set_password("a", "a third horse", current_password=PASSWORD)
    del members.members["a"]

    assert (late, accounts.replace_password_hash(ada, ada.hash or "", "x")) == (False, False)
    assert cheap().verify(ada.hash, "another horse")


def test_a_hash_that_changes_all_the_time_ends_in_a_try_again(members: Members, file_store: Store) -> None:
    accounts = accounts_of_application(members, file_store, cheap(), None)
    tried: list[str] = []
    with pytest.raises(Unavailable):
        accounts.change_by_password(members.members["a"], PASSWORD, tried.append)

    assert len(tried) == 3


def test_a_login_is_good_although_its_hash_cannot_be_replaced(
    members: Members, file_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    members.writable = False
    better = Passwords(AccountSettings(), clock=SYSTEM)
    accounts = accounts_of_application(members, file_store, better, None)

    assert accounts.authenticate("ada", PASSWORD).id == "a"
    assert "could not be replaced" in caplog.text


def test_guessing_the_current_password_is_slowed_down_and_holds_up_no_login(
    file_store: Store, throttle: Throttle, moved: MovedClock
) -> None:
    """A thief of an access token can neither try passwords freely nor lock out the owner."""
    accounts = built_in_accounts(file_store, cheap(), throttle)
    user = accounts.create("ada", PASSWORD)
    tried = [accounts.verify_password(user, "guess", address="198.51.100.1") for _ in range(5)]
    with pytest.raises(RateLimited):
        accounts.verify_password(user, PASSWORD, address="198.51.100.1")
    login = accounts.authenticate("ada", PASSWORD, address="198.51.100.1")
    moved.seconds += 1
    right = accounts.verify_password(user, PASSWORD, address="198.51.100.1")
    again = [accounts.verify_password(user, "guess", address="198.51.100.1") for _ in range(5)]

    assert (tried, login, right, again) == ([False] * 5, user, True, [False] * 5)


def test_a_check_that_could_not_be_made_counts_nothing(file_store: Store, throttle: Throttle) -> None:
    """Too many hashes at once is our trouble, not a guess."""
    accounts = built_in_accounts(
        file_store, full := Passwords(AccountSettings(passwords_at_once=1), clock=SYSTEM), throttle
    )
    user = accounts.create("ada", PASSWORD)
    with full.budgets.place("login"), full.budgets.place("password"):
        for _ in range(20):
            with pytest.raises(Unavailable):
                accounts.verify_password(user, PASSWORD)
            with pytest.raises(Unavailable):
                accounts.authenticate("ada", PASSWORD)

    assert accounts.verify_password(user, PASSWORD)
    assert accounts.authenticate("ada", PASSWORD) == user


SPELLINGS = [
    "Ada Lovelace",
    "ADA LOVELACE",
    "ada lovelace ",
    " ada\tlovelace",
    "ada\u00a0lovelace",
    "\uff21da lovelace",
    "\u00e0da lovelace",
    "ada\u200d love\u00adlace",
    "ada lovelace" + " " * 1_000,
]


def test_all_spellings_of_a_name_with_a_blank_are_one_name(members: Members, file_store: Store) -> None:
    """A column of the application may take them all; PRECIS has no canonical form of any."""
    accounts = accounts_of_application(members, file_store, cheap(), Throttle.in_memory(MovedClock().clock))
    refusals: list[type[Exception]] = []
    for number in range(40):
        try:
            accounts.authenticate(SPELLINGS[number % len(SPELLINGS)], "wrong", address=f"192.0.2.{number}")
        except (InvalidCredentials, RateLimited) as error:
            refusals.append(type(error))

    assert refusals == [InvalidCredentials] * 20 + [RateLimited] * 20


def test_no_name_that_is_typed_in_holds_up_the_change_of_a_password(members: Members, file_store: Store) -> None:
    accounts = accounts_of_application(members, file_store, cheap(), Throttle.in_memory(MovedClock().clock))
    for number in range(20):
        with pytest.raises(InvalidCredentials):
            accounts.authenticate("\0a", "wrong", address=f"192.0.2.{number}")

    assert accounts.verify_password(members.members["a"], PASSWORD, address="203.0.113.9")


@pytest.mark.parametrize("impossible", ["a" * 1_025, "a" * 5_000, "\ud800"])
def test_a_password_that_is_not_hashed_counts_for_nobody(members: Members, file_store: Store, impossible: str) -> None:
    accounts = accounts_of_application(members, file_store, cheap(), Throttle.in_memory(MovedClock().clock))
    for _ in range(100):
        with pytest.raises(InvalidCredentials):
            accounts.authenticate("ada", impossible, address="192.0.2.1")
        assert not accounts.verify_password(members.members["a"], impossible, address="192.0.2.1")

    assert accounts.authenticate("ada", PASSWORD, address="192.0.2.1") is members.members["a"]


class StoreFails(Exception):
    """What the part of a change raises that concerns our store."""


def fails(connection: Connection) -> None:
    raise StoreFails


def test_a_built_in_hash_is_stored_in_the_transaction_of_what_follows_from_it(file_store: Store) -> None:
    accounts = built_in_accounts(file_store, cheap(), None)
    user = accounts.create("ada", PASSWORD)
    before = accounts.password_hash(user)
    with pytest.raises(StoreFails):
        accounts.change_hash(user, "another hash", fails)

    assert accounts.password_hash(user) == before


def test_a_hash_of_the_application_stays_stored_when_what_follows_from_it_fails(
    members: Members, file_store: Store
) -> None:
    """Its transaction is over by then; the caller gets the error and tries again."""
    accounts = accounts_of_application(members, file_store, cheap(), None)
    with pytest.raises(StoreFails):
        accounts.change_hash(members.members["a"], "another hash", fails)

    assert members.members["a"].hash == "another hash"


@pytest.mark.parametrize("kept_by", ["us", "the application"])
def test_nothing_follows_from_a_hash_that_was_not_stored(members: Members, file_store: Store, kept_by: str) -> None:
    followed: list[Connection] = []
    built_in = built_in_accounts(file_store, cheap(), None)
    of_application = accounts_of_application(members, file_store, cheap(), None)
    accounts: AppAccounts = built_in if kept_by == "us" else of_application
    user = built_in.create("ada", PASSWORD) if kept_by == "us" else members.members["a"]

    assert accounts.change_hash(user, "another hash", followed.append, judged="not this one") is None
    assert followed == []


def test_a_password_is_set_in_the_transaction_that_makes_the_account(file_store: Store) -> None:
    accounts = built_in_accounts(file_store, cheap(), None)
    with file_store.write() as connection:
        user = accounts.create("ada", PASSWORD, connection=connection)
        accounts.set_password(user.id, "another horse", connection=connection)

    assert accounts.authenticate("ada", "another horse") == user


EDITS: dict[str, tuple[Any, ...]] = {
    "list": (),
    "create": ("eve", PASSWORD),
    "update": ("a",),
    "disable": ("a",),
    "enable": ("a",),
    "delete": ("a",),
}


@pytest.mark.parametrize("method", EDITS)
def test_what_the_application_does_with_its_users_is_said_with_the_line_to_write(
    members: Members, file_store: Store, method: str
) -> None:
    accounts: Any = accounts_of_application(members, file_store, cheap(), None)
    with pytest.raises(SettingsError) as caught:
        getattr(accounts, method)(*EDITS[method])

    assert not accounts.editable
    assert str(caught.value).startswith(f"signet.users.{method} works with built-in accounts")
    assert "Write instead, for example: db.session." in str(caught.value)


class Proxy:
    """Hands on every attribute of other users, as a wrapper of an application may."""

    def __init__(self, users: object) -> None:
        self.users = users

    def __getattr__(self, name: str) -> object:
        return getattr(self.users, name)


class MembersWithMore(Members):
    """Users with optional methods."""

    def id_of(self, user: Member) -> str:
        return user.id.upper()

    def standing(self, user_id: object, connection: Connection) -> bytes | None:
        return b"asked in one step"


def test_optional_methods_are_found_behind_a_wrapper_too(members: Members, file_store: Store) -> None:
    users: Any = Proxy(MembersWithMore(members.members["a"]))
    accounts = accounts_of_application(users, file_store, cheap(), None)
    with file_store.write() as connection:
        standing = accounts.standing("a", connection)

    assert (standing, accounts.id_of(members.members["a"])) == (b"asked in one step", "A")
