"""The throttle: who guesses waits, and the owner gets in."""

from __future__ import annotations

import pytest

from flask_signet.exceptions import RateLimited
from flask_signet.throttle import Throttle
from flask_signet.throttle.attempts import network_of
from flask_signet.throttle.memory import MemoryCounters
from flask_signet.throttle.policies import LOGINS, NAME, NETWORK, PAIR, REPORTED
from flask_signet.web.reported import ReportedAddress
from tests.rooms.throttle.conftest import SECRET, MovedClock
from tests.support.throttling import right, undecided, wrong


def tries(throttle: Throttle, moved: MovedClock, seconds: int, name: str, addresses: list[str | None]) -> int:
    """Try once a second for so long and return how many tries were let through."""
    admitted = 0
    for second in range(seconds):
        moved.seconds += 1
        try:
            wrong(throttle, name, addresses[second % len(addresses)])
            admitted += 1
        except RateLimited:
            continue
    return admitted


def test_the_first_slips_cost_nothing(throttle: Throttle) -> None:
    for _ in range(PAIR.free):
        wrong(throttle, "ada", "192.0.2.1")
    with pytest.raises(RateLimited) as caught:
        wrong(throttle, "ada", "192.0.2.1")

    assert caught.value.retry_after == 1


def test_waits_double_up_to_the_longest(throttle: Throttle, moved: MovedClock) -> None:
    waits: list[int] = []
    for _ in range(PAIR.free + 14):
        try:
            wrong(throttle, "ada", "192.0.2.1")
        except RateLimited as error:
            waits.append(error.retry_after)
            moved.seconds += error.retry_after
            wrong(throttle, "ada", "192.0.2.1")

    assert waits[:9] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert set(waits[9:]) == {300}


def test_a_refused_try_makes_the_wait_no_longer(throttle: Throttle, moved: MovedClock) -> None:
    for _ in range(PAIR.free):
        wrong(throttle, "ada", "192.0.2.1")
    for _ in range(100):
        with pytest.raises(RateLimited):
            wrong(throttle, "ada", "192.0.2.1")
    moved.seconds += 1
    wrong(throttle, "ada", "192.0.2.1")


def test_a_day_of_guessing_at_one_name_stays_below_a_hundred(in_memory: Throttle, moved: MovedClock) -> None:
    """NIST SP 800-63B-4 section 3.2.2, here with a thousand networks that take turns."""
    networks: list[str | None] = [f"10.{number // 250}.{number % 250}.1" for number in range(1_000)]

    assert 20 < tries(in_memory, moved, 86_400, "ada", networks) < 100


def test_the_owner_gets_in_from_where_he_was_before(throttle: Throttle, moved: MovedClock) -> None:
    """Others can make a name wait, but not on the networks that its owner uses."""
    right(throttle, "ada", "192.0.2.1", "ada")
    tries(throttle, moved, 120, "ada", [f"198.51.100.{number}" for number in range(250)])
    with pytest.raises(RateLimited):
        wrong(throttle, "ada", "203.0.113.9", "ada")
    wrong(throttle, "ada", "192.0.2.1", "ada")


def test_nobody_is_locked_out_for_good(in_memory: Throttle, moved: MovedClock) -> None:
    tries(in_memory, moved, 3_600, "ada", ["198.51.100.7"])
    moved.seconds += NAME.longest
    wrong(in_memory, "ada", "203.0.113.9")


def test_success_clears_the_failures(throttle: Throttle) -> None:
    for _ in range(10):
        for _ in range(PAIR.free - 1):
            right(throttle, "ada", "192.0.2.1", "ada")


def test_one_s_own_account_buys_no_tries_on_others(throttle: Throttle) -> None:
    """Logging in to one's own account in between does not clear what the network has failed."""
    admitted = 0
    for number in range(200):
        try:
            wrong(throttle, f"victim{number}", "192.0.2.1", f"victim{number}")
            admitted += 1
            right(throttle, "mine", "192.0.2.1", "mine")
        except RateLimited:
            continue

    assert admitted <= NETWORK.free


def test_what_could_not_be_decided_counts_for_nobody(throttle: Throttle) -> None:
    for _ in range(100):
        undecided(throttle, "ada", "192.0.2.1")


def test_many_names_from_one_network_wait_too(throttle: Throttle, moved: MovedClock) -> None:
    admitted = 0
    for number in range(600):
        moved.seconds += 1
        try:
            wrong(throttle, f"user{number}", "192.0.2.1")
            admitted += 1
        except RateLimited:
            continue

    assert 60 <= admitted < 80


@pytest.mark.parametrize("form", ["203.0.113.9:{}", "[2001:db8::7]:{}"])
def test_a_port_behind_the_address_makes_no_other_network(throttle: Throttle, form: str) -> None:
    """As some proxies send it; each connection has another one."""
    for number in range(NETWORK.free):
        wrong(throttle, f"user{number}", form.format(40_000 + number))
    with pytest.raises(RateLimited):
        wrong(throttle, "ada", form.format(50_000))


def test_the_owner_s_network_is_known_by_any_port(throttle: Throttle, moved: MovedClock) -> None:
    right(throttle, "ada", "192.0.2.1:40000", "ada")
    tries(throttle, moved, 120, "ada", [f"198.51.100.{number}" for number in range(250)])
    wrong(throttle, "ada", "192.0.2.1:40001", "ada")


@pytest.mark.parametrize("nothing", [None, ""])
def test_where_there_is_no_address_nobody_waits_for_the_others(throttle: Throttle, nothing: str | None) -> None:
    """A server on a Unix socket gives an empty one."""
    for number in range(NETWORK.free + 40):
        wrong(throttle, f"user{number}", nothing)


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_address_is_no_place_that_the_owner_is_known_by(
    throttle: Throttle, moved: MovedClock, nothing: str | None
) -> None:
    right(throttle, "ada", nothing, "ada")
    tries(throttle, moved, 120, "ada", [f"198.51.100.{number}" for number in range(250)])
    with pytest.raises(RateLimited):
        wrong(throttle, "ada", nothing, "ada")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1:40000", "192.0.2.1", True),
        ("192.0.2.1:40000", "192.0.2.2:40000", False),
        ("[2001:db8::1]:40000", "2001:db8::1", True),
        ("[2001:db8::1]", "2001:db8::1", True),
        ("[2001:db8:0:1::1]:40000", "[2001:db8:0:2::1]:40000", False),
        ("[fe80::1%eth0]:40000", "fe80::2%eth1", True),
        ("[::ffff:192.0.2.1]:40000", "192.0.2.1", True),
        (None, "192.0.2.1", False),
        (None, "", True),
        ("not an address", "not an address", True),
    ],
)
def test_what_counts_as_one_network(one: str | None, other: str | None, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


def test_memory_is_bounded(small: MemoryCounters) -> None:
    throttle = Throttle(small, lambda: SECRET)
    for number in range(1_000):
        wrong(throttle, f"user{number}", f"10.0.{number // 250}.{number % 250}")
        right(throttle, f"other{number}", f"10.1.{number // 250}.{number % 250}", f"other{number}")

    kinds = ("pair", "name", "network", "user", "place")
    assert [small.size(f"login:{kind}") <= 100 for kind in kinds] == [True] * 5
    assert small.size("login:place") == 100


def test_a_flood_of_names_pushes_no_blocked_one_out(small: MemoryCounters) -> None:
    """Neither while the attacker continues to guess nor afterwards."""
    throttle = Throttle(small, lambda: SECRET)
    for number in range(NAME.free):
        wrong(throttle, "ada", f"198.51.100.{number}")
    for number in range(1_000):
        wrong(throttle, f"user{number}", f"10.0.{number // 250}.{number % 250}")

    with pytest.raises(RateLimited):
        wrong(throttle, "ada", "203.0.113.9")


def test_tries_that_succeed_have_a_limit_too(throttle: Throttle, moved: MovedClock) -> None:
    """One account must not take all hashing slots; one login a second is always free."""
    admitted = 0
    try:
        for number in range(1_000):
            right(throttle, "ada", f"192.0.2.{number % 250}", "ada")
            admitted += 1
    except RateLimited:
        pass
    for _ in range(100):
        moved.seconds += LOGINS.every
        right(throttle, "ada", "192.0.2.1", "ada")

    assert LOGINS.burst == admitted


def test_a_success_of_one_user_clears_no_failure_of_another_with_the_same_folded_name(
    in_memory: Throttle, moved: MovedClock
) -> None:
    """`jose` and `josé` are two accounts, and count as one name."""
    admitted = 0
    for number in range(2_000):
        moved.seconds += 2.5
        address = f"10.{number // 250}.{number % 250}.1"
        try:
            right(in_memory, "jose", address, 2)
        except RateLimited:
            pass
        try:
            wrong(in_memory, "jose", address, 1)
            admitted += 1
        except RateLimited:
            continue

    assert admitted < 40


def test_right_logins_of_one_user_hold_up_no_other_with_the_same_folded_name(throttle: Throttle) -> None:
    for number in range(LOGINS.burst):
        right(throttle, "jose", f"10.0.0.{number}", 2)
    with pytest.raises(RateLimited):
        wrong(throttle, "jose", "10.0.0.1", 2)
    wrong(throttle, "jose", "192.0.2.1", 1)


def test_a_place_is_known_for_the_user_who_logged_in_there_alone(throttle: Throttle, moved: MovedClock) -> None:
    right(throttle, "jose", "192.0.2.1", 2)
    tries(throttle, moved, 120, "jose", [f"198.51.100.{number}" for number in range(250)])
    with pytest.raises(RateLimited):
        wrong(throttle, "jose", "192.0.2.1", 1)
    wrong(throttle, "jose", "192.0.2.1", 2)


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_an_address_a_few_failures_hold_up_nobody(throttle: Throttle, nothing: str | None) -> None:
    for _ in range(NAME.free):
        wrong(throttle, "ada", nothing, 1)
    with pytest.raises(RateLimited):
        wrong(throttle, "ada", nothing, 1)


def test_all_that_one_neighbour_reports_has_a_limit_that_known_users_pass(throttle: Throttle) -> None:
    owner = ReportedAddress("203.0.113.9", "192.168.1.50")
    right(throttle, "ada", owner, 1)
    for number in range(REPORTED.burst):
        wrong(throttle, f"user{number}", ReportedAddress(f"10.{number // 250}.{number % 250}.1", "192.168.1.50"))
    with pytest.raises(RateLimited):
        wrong(throttle, "bob", ReportedAddress("198.51.100.7", "192.168.1.50"))
    wrong(throttle, "ada", owner, 1)
