"""Passwords: what counts as the same, what is refused, and what it may cost."""

from __future__ import annotations

import statistics
import threading
import time

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash

from flask_signet.accounts import AccountSettings, Passwords
from flask_signet.accounts import settings as account_settings
from flask_signet.accounts.service import built_in_accounts
from flask_signet.accounts.tables import users_table
from flask_signet.clock import SYSTEM
from flask_signet.exceptions import InvalidCredentials, SettingsError, Unavailable, WeakPassword
from flask_signet.store import Store

CHEAP = Passwords(AccountSettings(testing=True), clock=SYSTEM)


def test_the_lowest_parameters_are_owasp_s() -> None:
    parameters = extract_parameters(Passwords(AccountSettings(), clock=SYSTEM).hash("correct horse"))

    assert (19_456, 2, 1) == (parameters.memory_cost, parameters.time_cost, parameters.parallelism)


@pytest.mark.parametrize(
    "key", ["SIGNET_PASSWORD_MEMORY_KIB", "SIGNET_PASSWORD_TIME_COST", "SIGNET_PASSWORD_PARALLELISM"]
)
def test_lower_parameters_are_refused(key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        account_settings.read({key: 0})


def test_settings_are_read() -> None:
    read = account_settings.read(
        {"SIGNET_REGISTRATION": True, "SIGNET_THROTTLE": False, "SIGNET_PASSWORD_MIN_LENGTH": 15, "TESTING": True}
    )

    assert (True, False, 15, True) == (read.registration, read.throttle, read.min_password_length, read.testing)
    assert account_settings.read({}) == AccountSettings()


@given(st.text(max_size=40), st.text(max_size=40))
@settings(deadline=None)
def test_a_password_verifies_itself_and_no_other(one: str, other: str) -> None:
    import unicodedata

    stored = CHEAP.hash(one)
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)

    assert CHEAP.verify(stored, one)
    assert CHEAP.verify(stored, other) == same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("caf\u00e9 au lait", "cafe\u0301 au lait", True),  # NFC and NFD
        ("\ufb01nal answer", "final answer", False),  # compatibility forms stay apart
        ("correct horse", "correct horse ", False),
        ("correct horse", "Correct horse", False),
        ("correct\0horse", "correct\0h0rse", False),
        ("a" * 72 + "x", "a" * 72 + "y", False),
        ("a" * 1024, "a" * 1023, False),
    ],
)
def test_which_passwords_are_one(one: str, other: str, same: bool) -> None:
    assert CHEAP.verify(CHEAP.hash(one), other) is same


@pytest.mark.parametrize("good", ["12345678", "a" * 8, "a" * 64, "a" * 1024, "🔑" * 8, "e\u0301" * 1024, "        "])
def test_lengths_that_are_taken(good: str) -> None:
    """Counted in characters after NFC; no rule about what kinds of characters."""
    CHEAP.check(good)

    assert CHEAP.verify(CHEAP.hash(good), good)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "at least 8"),
        ("1234567", "at least 8"),
        ("e\u0301" * 7, "at least 8"),
        ("🔑" * 7, "at least 8"),
        ("a" * 1025, "at most 1024"),
        ("a" * 10_000_000, "at most 1024"),
        ("correct\ud800horse", "is not valid Unicode"),
    ],
)
def test_passwords_that_are_refused_before_any_hash(bad: str, reason: str) -> None:
    began = time.thread_time()
    with pytest.raises(WeakPassword, match=reason) as caught:
        CHEAP.check(bad)
    never = CHEAP.verify(CHEAP.hash("correct horse"), bad)
    took = time.thread_time() - began

    assert list(caught.value.fields) == ["password"]
    assert not never
    assert took < 0.05


def test_no_hash_at_all_verifies_nothing() -> None:
    assert not CHEAP.verify(None, "")
    assert not CHEAP.verify(None, "correct horse")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "correct horse",
        "!",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$$",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=1000000,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=2,p=16777215$c2FsdHNhbHRzYWx0$" + "A" * 43,
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$" + "A" * 100_000,
        "$2b$12$abcdefghijklmnopqrstuv",
        "scrypt:1073741824:8:1$salt$00",
        "scrypt:32768:8$salt$00",
        "pbkdf2:sha256:2000000000$salt$00",
        "pbkdf2:crc32:1$salt$00",
        "scrypt:",
    ],
)
def test_a_tampered_hash_lets_nobody_in_and_costs_nothing(stored: str, caplog: pytest.LogCaptureFixture) -> None:
    """A hash with m=4 GiB in the table stops no server."""
    began = time.perf_counter()
    verified = CHEAP.verify(stored, "correct horse")
    took = time.perf_counter() - began

    assert not verified
    assert took < 0.1
    assert "correct horse" not in caplog.text


def test_an_old_hash_is_replaced_at_the_next_login(file_store: Store) -> None:
    accounts = built_in_accounts(file_store, CHEAP, None)
    accounts.create("ada", "correct horse")
    better = Passwords(AccountSettings(memory_kib=19_456), clock=SYSTEM)
    built_in_accounts(file_store, better, None).authenticate("ada", "correct horse")
    user = accounts.find("ada")
    assert user is not None
    stored = accounts.password_hash(user) or ""
    built_in_accounts(file_store, better, None).authenticate("ada", "correct horse")

    assert extract_parameters(stored).memory_cost == 19_456
    assert accounts.password_hash(user) == stored


def test_a_wrong_password_replaces_nothing(file_store: Store) -> None:
    accounts = built_in_accounts(file_store, CHEAP, None)
    user = accounts.create("ada", "correct horse")
    before = accounts.password_hash(user)
    with pytest.raises(InvalidCredentials):
        built_in_accounts(file_store, Passwords(AccountSettings(), clock=SYSTEM), None).authenticate(
            "ada", "wrong horse"
        )

    assert accounts.password_hash(user) == before


@pytest.mark.parametrize("method", ["scrypt", "scrypt:32768:8:1", "pbkdf2:sha256:1000"])
def test_hashes_by_werkzeug_are_verified_and_outdated(method: str) -> None:
    """Applications that hashed by themselves bring their users along."""
    stored = generate_password_hash("correct horse", method)

    assert (True, False, True) == (
        CHEAP.verify(stored, "correct horse"),
        CHEAP.verify(stored, "wrong horse"),
        CHEAP.outdated(stored),
    )


def test_beyond_the_limit_nobody_waits() -> None:
    """With all places taken by slow hashes the next login is told so at once."""
    slow = Passwords(AccountSettings(passwords_at_once=2, time_cost=40), clock=SYSTEM)
    stored = slow.hash("correct horse")
    threads = [threading.Thread(target=slow.verify, args=(stored, "correct horse")) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    began = time.perf_counter()
    with pytest.raises(Unavailable) as caught:
        slow.verify(stored, "correct horse")
    took = time.perf_counter() - began
    for thread in threads:
        thread.join()

    assert took < 0.05
    assert caught.value.retry_after == 1
    assert slow.verify(stored, "correct horse")


def test_an_unknown_name_takes_the_time_of_a_wrong_password(file_store: Store) -> None:
    """Medians over interleaved tries; a hash that is left out would make a difference of all but 5 %."""
    accounts = built_in_accounts(file_store, Passwords(AccountSettings(), clock=SYSTEM), None)
    accounts.create("ada", "correct horse")
    accounts.create("bob", "correct horse")
    accounts.disable(2)
    took: dict[tuple[str, str], list[float]] = {
        ("nobody", "guess"): [],
        ("ada", "guess"): [],
        ("bob", "correct horse"): [],
        ("two words", "guess"): [],
    }
    for _ in range(15):
        for (name, password), times in took.items():
            began = time.perf_counter()
            with pytest.raises(InvalidCredentials):
                accounts.authenticate(name, password)
            times.append(time.perf_counter() - began)
    medians = [statistics.median(times) for times in took.values()]

    assert max(medians) < 1.5 * min(medians)


@pytest.mark.slow
def test_attack_42_no_statistics_tell_an_unknown_name_from_a_wrong_password(file_store: Store) -> None:
    """Welch's t over interleaved pairs stays below 4.5, the bar of TVLA; the medians differ by less than 1 ms."""
    accounts = built_in_accounts(file_store, Passwords(AccountSettings(), clock=SYSTEM), None)
    accounts.create("ada", "correct horse")
    took: tuple[list[float], list[float]] = ([], [])
    order = [0, 1] * 3_000
    for number, which in enumerate(order):
        # Pairs in both orders, so that what the first leaves in caches favours neither.
        which ^= number // 2 % 2
        began = time.perf_counter()
        with pytest.raises(InvalidCredentials):
            accounts.authenticate(("ada", "bob")[which], "guess")
        took[which].append(time.perf_counter() - began)
    # The slowest twentieth is the machine's, not the code's.
    known, unknown = (sorted(times)[: len(times) * 19 // 20] for times in took)
    error = (statistics.variance(known) / len(known) + statistics.variance(unknown) / len(unknown)) ** 0.5

    assert abs(statistics.mean(known) - statistics.mean(unknown)) / error < 4.5
    assert abs(statistics.median(known) - statistics.median(unknown)) < 0.001


def test_the_hash_of_nobody_costs_what_today_s_hashes_cost() -> None:
    """The same parameters, so that a login without a user is as slow, and never succeeds by chance."""
    own = PasswordHasher(time_cost=3, memory_cost=19_500, parallelism=2)
    passwords = Passwords(AccountSettings(time_cost=3, memory_kib=19_500, parallelism=2), clock=SYSTEM)
    nobodys = passwords._nobodys

    assert not own.check_needs_rehash(nobodys)
    assert nobodys != Passwords(AccountSettings(time_cost=3), clock=SYSTEM)._nobodys


def test_a_stored_hash_never_leaves_with_the_user(file_store: Store) -> None:
    accounts = built_in_accounts(file_store, CHEAP, None)
    user = accounts.create("ada", "correct horse")
    stored = accounts.password_hash(user) or "-"

    assert stored not in repr(user) + repr(accounts.profile(user).as_json())
    assert users_table.c.password_hash.type.length > len(stored)  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["scrypt:16384:8:1", "pbkdf2:sha256:100000"])
def test_the_time_does_not_tell_whose_hash_is_still_by_werkzeug(method: str) -> None:
    passwords = Passwords(AccountSettings(testing=True), clock=SYSTEM)
    theirs, ours = generate_password_hash("correct horse", method), passwords.hash("correct horse")
    assert passwords.verify(theirs, "correct horse")

    def milliseconds(stored: str | None) -> float:
        taken: list[float] = []
        for _ in range(7):
            begun = time.thread_time()  # of this thread: other work on the machine is not counted
            assert not passwords.verify(stored, "wrong horse")
            taken.append((time.thread_time() - begun) * 1_000)
        return min(taken)

    slowest = milliseconds(theirs)
    assert milliseconds(None) > slowest / 2
    assert milliseconds(ours) > slowest / 2
    assert passwords.verify(ours, "correct horse")


@pytest.mark.parametrize("stored", ["scrypt:3:8:1$salt$00", "scrypt:0:0:0$salt$00", "pbkdf2:sha256:0$salt$00"])
def test_a_hash_by_werkzeug_with_impossible_costs_lets_nobody_in_and_disturbs_nobody(stored: str) -> None:
    passwords = Passwords(AccountSettings(testing=True), clock=SYSTEM)

    assert not passwords.verify(stored, "correct horse")
    assert passwords.verify(passwords.hash("correct horse"), "correct horse")


def test_logins_and_other_work_have_slots_of_their_own() -> None:
    """However many accounts are being made, a login finds its slot, and the other way round."""
    passwords = Passwords(AccountSettings(testing=True, passwords_at_once=2), clock=SYSTEM)
    stored = passwords.hash("correct horse")
    with passwords.budgets.place("password"):
        with pytest.raises(Unavailable):
            passwords.hash("correct horse")
        assert passwords.verify(stored, "correct horse")
    with passwords.budgets.place("login"), passwords.budgets.place("login"):
        with pytest.raises(Unavailable):
            passwords.verify(stored, "correct horse")
        passwords.hash("correct horse")


def test_new_accounts_take_no_place_of_a_change_of_a_password(store: Store) -> None:
    passwords = Passwords(AccountSettings(testing=True, passwords_at_once=2), clock=SYSTEM)
    accounts = built_in_accounts(store, passwords, None)
    ada = accounts.create("ada", "correct horse")
    with passwords.budgets.place("register"):
        with pytest.raises(Unavailable):
            accounts.create("bob", "correct horse")
        accounts.set_password(ada.id, "another horse")
        assert accounts.authenticate("ada", "another horse") == ada
