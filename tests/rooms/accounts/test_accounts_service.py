"""The built-in accounts: make, find, check, change, end."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column as Col
from sqlalchemy import Connection, ForeignKey, MetaData, Table, create_engine, select, text
from sqlalchemy import Integer as Int

from flask_signet.accounts import Accounts, AccountSettings, Passwords, UserId, users_table
from flask_signet.accounts.events import AccountEnded, UserDeleted
from flask_signet.accounts.service import built_in_accounts
from flask_signet.clock import SYSTEM
from flask_signet.events import Events
from flask_signet.exceptions import (
    Conflict,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unavailable,
    WeakPassword,
)
from flask_signet.store import Store, StoreSettings, schema
from flask_signet.throttle import Throttle
from tests.support.postgres import PostgresServer

PASSWORD = "correct horse"


def test_ids_count_from_one_and_are_never_given_again(accounts: Accounts) -> None:
    made = [accounts.create(name, PASSWORD).id for name in ("ada", "bob", "cy")]
    accounts.delete(3)

    assert [*made, accounts.create("dee", PASSWORD).id] == [1, 2, 3, 4]


def test_a_new_account_is_found_as_it_was_made(accounts: Accounts) -> None:
    before = datetime.now(timezone.utc) - timedelta(milliseconds=1)
    made = accounts.create("Ada", PASSWORD, email="ada@example.com", roles=["admin", "author"])

    assert ("Ada", "ada@example.com", False, ("admin", "author"), False) == (
        made.username,
        made.email,
        made.email_verified,
        made.roles,
        made.disabled,
    )
    assert before <= made.created_at <= datetime.now(timezone.utc)
    assert accounts.find("ADA") == accounts.get(1) == accounts.get("1") == made
    assert accounts.list() == [made]


@pytest.mark.parametrize("nobody", [0, -1, 2, 1 << 63, 1 << 200, "", "01", "+1", " 1", "1_0", "٣", "x", "1\n"])
def test_what_is_nobody_s_id_finds_nobody(file_accounts: Accounts, nobody: int | str) -> None:
    file_accounts.create("ada", PASSWORD)

    assert file_accounts.get(nobody) is None
    with pytest.raises(NotFound):
        file_accounts.disable(nobody)


@pytest.mark.parametrize("name", ["ada", "ADA", "\uff21\uff44\uff41"])
def test_a_name_is_taken_however_it_is_written(accounts: Accounts, name: str) -> None:
    accounts.create("Ada", PASSWORD)
    with pytest.raises(Conflict) as caught:
        accounts.create(name, PASSWORD)

    assert caught.value.fields == {"username": "is taken"}
    assert len(accounts.list()) == 1


def test_two_accounts_may_have_one_address(accounts: Accounts) -> None:
    """An unverified address is not a login name."""
    for name in ("ada", "bob"):
        accounts.create(name, PASSWORD, email="same@example.com")

    assert len(accounts.list()) == 2


@pytest.mark.parametrize(
    "address",
    [
        *("", "a", "a@", "@b", "a@b@c", "a@b,c@d", "a b@c", "<a@b>", '"a"@b'),
        *("a@b\r\nBcc: x", "a@b%0d", "a@b\0", "a@" + "b" * 320, "\udcff@b", "a@\ud83d"),
    ],
)
def test_what_is_no_single_address_is_refused(file_accounts: Accounts, address: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        file_accounts.create("ada", PASSWORD, email=address)

    assert caught.value.fields == {"email": "must be one e-mail address"}
    assert file_accounts.list() == []


def test_a_short_password_is_taken_only_on_demand(accounts: Accounts) -> None:
    with pytest.raises(WeakPassword):
        accounts.create("ada", "1234567")
    accounts.create("ada", "1234", check_password=False)

    assert accounts.authenticate("ada", "1234").id == 1


def test_name_and_password_let_in(accounts: Accounts) -> None:
    made = accounts.create("Ada", PASSWORD)

    assert accounts.authenticate("ada", PASSWORD) == made


def test_every_refusal_is_the_same(accounts: Accounts) -> None:
    """Unknown, wrong, disabled, deleted, and a name that cannot be one."""
    for name in ("ada", "bob", "cy"):
        accounts.create(name, PASSWORD)
    accounts.disable(2)
    accounts.delete(3)
    refused: list[tuple[str, object]] = []
    for name, password in [
        ("nobody", PASSWORD),
        ("ada", "wrong"),
        ("ada", ""),
        ("ada", PASSWORD.upper()),
        ("ada", PASSWORD + " "),
        ("ada", PASSWORD + "\0"),
        ("bob", PASSWORD),
        ("cy", PASSWORD),
        ("", PASSWORD),
        ("two words", PASSWORD),
        ("nul\0", PASSWORD),
        ("\ud800", PASSWORD),
        ("a" * 10_000, PASSWORD),
        ("ada' OR 1=1 --", PASSWORD),
    ]:
        with pytest.raises(InvalidCredentials) as caught:
            accounts.authenticate(name, password)
        refused.append((str(caught.value), caught.value.fields))

    assert refused == [("Bad username or password", {})] * 14


def test_an_enabled_account_logs_in_again(accounts: Accounts) -> None:
    accounts.create("ada", PASSWORD)
    accounts.disable(1)
    accounts.enable("1")

    assert not accounts.authenticate("ada", PASSWORD).disabled


def test_a_changed_password_is_the_only_one(accounts: Accounts) -> None:
    user = accounts.create("ada", PASSWORD)
    accounts.set_password(1, "another horse")

    assert accounts.verify_password(user, "another horse")
    assert not accounts.verify_password(user, PASSWORD)
    with pytest.raises(WeakPassword):
        accounts.set_password(1, "short")
    with pytest.raises(NotFound):
        accounts.set_password(2, PASSWORD)


def test_name_and_address_change(accounts: Accounts) -> None:
    accounts.create("ada", PASSWORD, email="ada@example.com")
    accounts.create("bob", PASSWORD)
    changed = accounts.update(1, username="Lovelace", email="l@example.com")
    cleared = accounts.update(1, email="")

    assert ("Lovelace", "l@example.com", None) == (changed.username, changed.email, cleared.email)
    assert accounts.find("ada") is None
    with pytest.raises(Conflict):
        accounts.update(1, username="BOB")
    with pytest.raises(NotFound):
        accounts.update(3, username="cy")


def test_only_a_changed_address_has_to_be_verified_again(accounts: Accounts, store: Store) -> None:
    accounts.create("ada", PASSWORD, email="ada@example.com")
    with store.write() as connection:
        connection.execute(users_table.update().values(email_verified=True))

    assert accounts.update(1, username="Ada", email="ada@example.com").email_verified
    assert not accounts.update(1, email="other@example.com").email_verified


class Ended:
    """Keeps who was signed out, and can fail."""

    def __init__(self, *, fails: bool = False) -> None:
        self.users: list[UserId] = []
        self.fails = fails

    def __call__(self, event: AccountEnded | UserDeleted, connection: Connection) -> None:
        # It runs inside the transaction: what it writes there stands or falls with the change.
        connection.execute(text("UPDATE signet_feed_head SET floor = floor + 1"))
        if self.fails:
            raise ZeroDivisionError
        self.users.append(event.user_id)


def test_changes_that_end_sessions_say_so_in_their_transaction(accounts: Accounts, events: Events) -> None:
    ended, deleted = Ended(), Ended()
    events.react(AccountEnded, ended)
    events.react(UserDeleted, deleted)
    for name in ("ada", "bob", "cy", "dee"):
        accounts.create(name, PASSWORD)
    accounts.disable(1)
    accounts.set_password(2, "another horse")
    accounts.delete(3)
    accounts.set_password(4, "another horse", end_sessions=False)
    accounts.update(4, email="dee@example.com")
    accounts.enable(1)

    assert (ended.users, deleted.users) == ([1, 2, 3], [3])


def test_if_sessions_cannot_be_ended_nothing_changes(accounts: Accounts, store: Store, events: Events) -> None:
    user = accounts.create("ada", PASSWORD)
    events.react(AccountEnded, Ended(fails=True))
    for change in (
        lambda: accounts.disable(1),
        lambda: accounts.delete(1),
        lambda: accounts.set_password(1, "another horse"),
    ):
        with pytest.raises(ZeroDivisionError):
            change()
    with store.read() as connection:
        floor = connection.execute(text("SELECT floor FROM signet_feed_head")).scalar()

    assert accounts.get(1) == user
    assert (True, 0) == (accounts.verify_password(user, PASSWORD), floor)


def test_all_changes_join_the_caller_s_transaction(accounts: Accounts, store: Store) -> None:
    accounts.create("ada", PASSWORD)
    with store.engine.connect() as mine:
        made = accounts.create("bob", PASSWORD, connection=mine)
        with pytest.raises(Conflict):
            accounts.create("ada", PASSWORD, connection=mine)
        accounts.set_password(made.id, "another horse", connection=mine)
        accounts.update(1, username="Eve", connection=mine)
        accounts.disable(1, connection=mine)
        accounts.delete(made.id, connection=mine)
        seen = mine.execute(select(users_table.c.username)).scalars().all()
        mine.rollback()

    assert seen == ["Eve"]
    assert [user.username for user in accounts.list()] == ["ada"]
    assert accounts.authenticate("ada", PASSWORD)


def test_whether_one_may_log_in_is_asked_in_the_transaction(accounts: Accounts, store: Store) -> None:
    accounts.create("ada", PASSWORD)
    accounts.create("bob", PASSWORD)
    accounts.disable(2)
    with store.write() as connection:
        allowed = [accounts.standing(user_id, connection) is not None for user_id in (1, "1", 2, 3, "x")]

    assert allowed == [True, True, False, False, False]


def test_fifty_registrations_of_one_name_make_one_account(store: Store) -> None:
    """One wins, all others get "the name is taken", and there is no other answer."""
    accounts = built_in_accounts(
        store, Passwords(AccountSettings(testing=True, passwords_at_once=50), clock=SYSTEM), None
    )
    accounts.list()
    begin = threading.Barrier(50)
    outcomes: list[str] = []

    def register(number: int) -> None:
        begin.wait()
        try:
            accounts.create("ada" if number % 2 else "ADA", PASSWORD)
            outcomes.append("made")
        except Conflict:
            outcomes.append("taken")
        except Unavailable as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=register, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ["made"] + ["taken"] * 49 == sorted(outcomes)
    assert len(accounts.list()) == 1


def test_a_lost_server_is_unavailable_and_says_nothing_of_the_account(
    postgres_server: PostgresServer, postgres_store: Store
) -> None:
    """A login while the database is away is neither right nor wrong, and counts no failure."""
    accounts = built_in_accounts(
        postgres_store, Passwords(AccountSettings(testing=True), clock=SYSTEM), Throttle.in_memory(SYSTEM)
    )
    accounts.create("ada", PASSWORD)
    postgres_server.kill9()
    for _ in range(10):
        with pytest.raises(Unavailable):
            accounts.authenticate("ada", PASSWORD)
    with pytest.raises(Unavailable):
        accounts.create("bob", PASSWORD)
    postgres_server.start()

    assert accounts.authenticate("ada", PASSWORD).id == 1


def test_guessing_is_slowed_down_and_the_owner_s_network_is_not(file_store: Store, throttle: Throttle) -> None:
    accounts = built_in_accounts(file_store, Passwords(AccountSettings(testing=True), clock=SYSTEM), throttle)
    accounts.create("ada", PASSWORD)
    accounts.authenticate("ada", PASSWORD, address="192.0.2.1")
    refused = 0
    for number in range(300):
        try:
            accounts.authenticate("ADA" if number % 2 else "ada", "guess", address=f"198.51.100.{number % 250}")
        except InvalidCredentials:
            refused += 1
        except RateLimited:
            pass

    assert refused <= 30
    assert accounts.authenticate("ada", PASSWORD, address="192.0.2.1").id == 1


def test_an_application_s_table_may_point_at_ours(folder: Path, tmp_path: Path) -> None:
    """`ForeignKey(users_table.c.id)` from another metadata holds in the database."""
    url = f"sqlite:///{tmp_path}/app.sqlite3"
    store = Store(StoreSettings(folder=folder, url=url))
    schema.upgrade(store)
    orders = Table("orders", MetaData(), Col("id", Int, primary_key=True), Col("owner", ForeignKey(users_table.c.id)))
    engine = create_engine(url)
    orders.metadata.create_all(engine)
    engine.dispose()
    accounts = built_in_accounts(store, Passwords(AccountSettings(testing=True), clock=SYSTEM), None)
    with store.write() as connection:
        owner = accounts.create("ada", PASSWORD, connection=connection)
        connection.execute(orders.insert().values(owner=owner.id))
        joined = connection.execute(select(users_table.c.username).join(orders)).scalar_one()
    store.dispose()

    assert joined == "ada"
