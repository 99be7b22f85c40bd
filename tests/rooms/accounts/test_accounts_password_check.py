"""What the check of a password asks of users, hashes and throttle, over a store of users that is a dict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from flask_signet.accounts import AccountSettings, Passwords
from flask_signet.accounts.backend import UserBackend
from flask_signet.accounts.password_check import Authenticator
from flask_signet.clock import SYSTEM
from flask_signet.exceptions import Conflict, InvalidCredentials, RateLimited, Unavailable
from flask_signet.throttle import Throttle
from tests.rooms.throttle.conftest import MovedClock

RIGHT, WRONG = "correct horse", "wrong horse"


def cheap(at_once: int = 100) -> Passwords:
    return Passwords(AccountSettings(testing=True, passwords_at_once=at_once), clock=SYSTEM)


@dataclass
class Shelf:
    """Users of an application: their names are their ids and the users themselves."""

    hashes: dict[str, str | None] = field(default_factory=dict)
    replaced: list[tuple[str, str, str]] = field(default_factory=list)

    def credentials(self, username: str) -> tuple[str | None, str | None, str | None]:
        user = username if username in self.hashes else None
        return user, user, self.hashes.get(username)

    def get(self, user_id: Any, connection: Any = None) -> str | None:
        return user_id if user_id in self.hashes else None

    def password_hash(self, user: str) -> str | None:
        return self.hashes[user]

    def is_active(self, user: str) -> bool:
        return True

    def id_of(self, user: str) -> str:
        return user

    def replace(self, user: str, judged: str, new: str) -> bool:
        self.replaced.append((user, judged, new))
        return True


def checking(shelf: Shelf, passwords: Passwords, throttle: Throttle | None = None) -> Authenticator:
    return Authenticator(cast(UserBackend[Any], shelf), passwords, throttle, shelf.replace)


@pytest.fixture
def passwords() -> Passwords:
    return cheap()


@pytest.fixture
def shelf(passwords: Passwords) -> Shelf:
    return Shelf({"ada": passwords.hash(RIGHT)})


def test_a_change_is_called_with_the_hash_that_was_verified(shelf: Shelf, passwords: Passwords) -> None:
    given: list[str] = []

    assert (
        checking(shelf, passwords).change("ada", RIGHT, lambda judged: given.append(judged) or "changed") == "changed"
    )
    assert given == [shelf.hashes["ada"]]


@pytest.mark.parametrize("user", ["ada", None])
def test_a_change_with_a_wrong_password_names_the_field(shelf: Shelf, passwords: Passwords, user: str | None) -> None:
    shelf.hashes[cast(str, None)] = shelf.hashes["ada"]
    with pytest.raises(InvalidCredentials) as caught:
        checking(shelf, passwords).change(user, RIGHT if user is None else WRONG, lambda _: "changed")

    assert str(caught.value) == "The current password is wrong"
    assert dict(caught.value.fields) == {"current_password": "is wrong"}


def test_a_change_that_came_second_verifies_the_password_again(shelf: Shelf, passwords: Passwords) -> None:
    """A login renewed the hash of the same password in between."""
    given: list[str] = []

    def change(judged: str) -> str | None:
        given.append(judged)
        if len(given) == 1:
            shelf.hashes["ada"] = passwords.hash(RIGHT)
            return None
        return "changed"

    assert checking(shelf, passwords).change("ada", RIGHT, change) == "changed"
    assert given[1] == shelf.hashes["ada"] != given[0]


def test_a_change_after_another_password_was_set_is_refused(shelf: Shelf, passwords: Passwords) -> None:
    with pytest.raises(InvalidCredentials):
        checking(shelf, passwords).change("ada", RIGHT, lambda _: shelf.hashes.update(ada=passwords.hash(WRONG)))
    with pytest.raises(InvalidCredentials):
        checking(shelf, passwords).change("ada", WRONG, lambda _: shelf.hashes.clear())


def test_a_hash_that_changes_at_each_of_three_attempts_is_given_up(shelf: Shelf, passwords: Passwords) -> None:
    tries: list[str] = []
    with pytest.raises(Unavailable) as caught:
        checking(shelf, passwords).change("ada", RIGHT, tries.append)

    assert len(tries) == 3
    assert str(caught.value) == "The password changed while it was being changed"


def test_wrong_passwords_of_a_change_count_for_the_network_that_sent_them(shelf: Shelf, passwords: Passwords) -> None:
    check = checking(shelf, passwords, Throttle.in_memory(MovedClock().clock))
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            check.change("ada", WRONG, lambda _: "changed", address="192.0.2.1")
    with pytest.raises(RateLimited):
        check.change("ada", RIGHT, lambda _: "changed", address="192.0.2.1")

    assert check.change("ada", RIGHT, lambda _: "changed", address="192.0.2.2") == "changed"
    assert check.authenticate("ada", RIGHT, address="192.0.2.1") == ("ada", "ada")


def test_right_passwords_of_one_user_have_a_rate_too(shelf: Shelf, passwords: Passwords) -> None:
    check = checking(shelf, passwords, Throttle.in_memory(MovedClock().clock))
    assert all(check.verify("ada", RIGHT) for _ in range(60))
    with pytest.raises(RateLimited):
        check.verify("ada", RIGHT)


def test_a_check_of_a_known_user_takes_no_slot_of_a_login() -> None:
    passwords = cheap(at_once=2)
    shelf = Shelf({"ada": passwords.hash(RIGHT)})
    check = checking(shelf, passwords)
    with passwords.budgets.place("login"), passwords.budgets.place("login"):
        assert check.matching("ada", RIGHT) == shelf.hashes["ada"]
    with passwords.budgets.place("password"), pytest.raises(Unavailable):
        check.matching("ada", RIGHT)


def test_a_stored_password_that_no_login_can_accept_is_logged_once_with_its_user(
    passwords: Passwords, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf({"ada%s": "$2b$12$abcdefghijklmnopqrstuv", "ben": "$2b$12$ABCDEFGHIJKLMNOPQRSTUV", "eve": None})
    by_login, by_user = checking(shelf, passwords), checking(shelf, passwords)
    for user in ("eve", "ada%s", "ada%s", "ben"):
        assert by_user.matching(user, RIGHT) is None
        with pytest.raises(InvalidCredentials):
            by_login.authenticate(user, RIGHT)

    said, again = [record.getMessage() for record in caplog.records]
    assert said == again
    assert said.startswith("Flask-Signet: user 'ada%s' cannot log in: the stored password is a bcrypt hash (")


def test_a_login_replaces_exactly_the_outdated_hash_and_takes_no_slot_of_other_work() -> None:
    passwords = Passwords(AccountSettings(passwords_at_once=2), clock=SYSTEM)
    stored = cheap().hash(RIGHT)
    shelf = Shelf({"ada": stored})
    with passwords.budgets.place("password"):
        assert checking(shelf, passwords).authenticate("ada", RIGHT) == ("ada", "ada")

    ((user, judged, new),) = shelf.replaced
    assert (user, judged) == ("ada", stored)
    assert passwords.verify(new, RIGHT)
    assert not passwords.outdated(new)


def test_a_login_succeeds_where_its_outdated_hash_cannot_be_replaced(caplog: pytest.LogCaptureFixture) -> None:
    class Full(Shelf):
        def replace(self, user: str, judged: str, new: str) -> bool:
            raise Conflict("the row is locked")

    shelf = Full({"ada": cheap().hash(RIGHT)})
    passwords = Passwords(AccountSettings(), clock=SYSTEM)

    assert checking(shelf, passwords).authenticate("ada", RIGHT) == ("ada", "ada")
    assert ["A password hash with old parameters could not be replaced: the row is locked"] == [
        record.getMessage() for record in caplog.records
    ]
