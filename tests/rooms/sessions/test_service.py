"""What the session service promises, on every database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from flask_signet.accounts.user_ids import UserId
from flask_signet.exceptions import (
    InvalidCredentials,
    InvalidRequest,
    InvalidSignature,
    RevokedTokenError,
    TokenExpired,
)
from flask_signet.sessions.session_tokens import Granted
from flask_signet.sessions.settings import SessionSettings
from tests.rooms.sessions.world import Claims, World


def test_a_login_opens_a_session_that_every_worker_knows(world: World) -> None:
    here, there = world.worker(), world.worker()
    granted = here.sessions.open(7, device="Firefox", address="192.0.2.1")

    info = there.sessions.get(granted.session_id)
    assert info is not None
    assert (info.user_id, info.device, info.address) == (7, "Firefox", "192.0.2.1")
    assert there.accepts(granted)
    assert granted.user_id == 7
    assert Claims.read(granted.access_token)["fresh"] is True


def test_a_refresh_gives_the_next_token_on_another_worker(world: World) -> None:
    here, there = world.worker(), world.worker()
    first = here.sessions.open(7)
    second = there.sessions.rotate(first.refresh_token)
    third = here.sessions.rotate(second.refresh_token)

    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert {first.session_id} == {second.session_id, third.session_id}
    assert Claims.read(third.access_token)["fresh"] is False


def test_a_lost_answer_is_given_again_to_the_letter(world: World) -> None:
    here, there = world.worker(), world.worker()
    first = here.sessions.open(7)
    lost = here.sessions.rotate(first.refresh_token)

    assert there.sessions.rotate(first.refresh_token).refresh_token == lost.refresh_token


def test_a_login_without_a_token_leaves_no_session(world: World) -> None:
    """A key that is too weak, or a loader of claims that fails: no user could ever end the session that it left."""

    def fail(identity: int | str, *, fresh: bool, claims: Mapping[str, Any]) -> Claims:
        raise LookupError(claims["sid"])

    world.issue = fail
    sessions = world.worker().sessions

    with pytest.raises(LookupError):
        sessions.open("7")

    assert sessions.listing() == []


def test_every_tab_within_the_grace_gets_the_current_token(world: World) -> None:
    worker = world.worker()
    tokens = [worker.sessions.open(7).refresh_token]
    for _ in range(5):
        tokens.append(worker.sessions.rotate(tokens[-1]).refresh_token)

    assert {worker.sessions.rotate(old).refresh_token for old in tokens[:-1]} == {tokens[-1]}


def test_without_grace_an_old_token_ends_the_session(world: World) -> None:
    world.settings = SessionSettings(grace=0)
    here, there = world.worker(), world.worker()
    first = here.sessions.open(7)
    second = here.sessions.rotate(first.refresh_token)
    with pytest.raises(RevokedTokenError):
        there.sessions.rotate(first.refresh_token)

    assert not there.accepts(second)
    with pytest.raises(RevokedTokenError):
        here.sessions.rotate(second.refresh_token)


def test_a_storm_gets_one_token_and_nobody_is_out(world: World) -> None:
    worker = world.worker()
    token = worker.sessions.open(7).refresh_token
    for _ in range(16):
        token = worker.sessions.rotate(token).refresh_token

    assert worker.sessions.rotate(token).refresh_token == token
    assert worker.sessions.rotate(token).refresh_token == token


def test_storm_and_calm_agree_between_python_and_sql(world: World) -> None:
    """Whether sixteen exchanges are a storm is decided twice: by `decide`, and on PostgreSQL by one statement."""
    world.settings = SessionSettings(grace=0)
    worker = world.worker()
    token = worker.sessions.open(7).refresh_token
    for _ in range(40):
        following = worker.sessions.rotate(token).refresh_token
        assert following != token
        token = following


def test_a_token_that_knows_more_than_the_store_ends_the_session(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    worker = world.worker()
    granted = worker.sessions.open(7)
    newer = worker.sessions.rotate(granted.refresh_token)
    with worker.store.write() as connection:
        connection.execute(text("UPDATE signet_sessions SET generation = 1"))
    with pytest.raises(RevokedTokenError):
        worker.sessions.rotate(newer.refresh_token)

    assert not worker.accepts(newer)
    assert "flask signet db restored" in caplog.text
    assert worker.sessions.listing(7) == []


def test_a_session_without_its_row_is_over_everywhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    here, there = world.worker(), world.worker()
    granted = here.sessions.open(7)
    with here.store.write() as connection:
        connection.execute(text("DELETE FROM signet_sessions"))
    with pytest.raises(RevokedTokenError):
        here.sessions.rotate(granted.refresh_token)

    assert not there.accepts(granted)
    assert "flask signet db restored" in caplog.text


def test_a_forged_token_ends_nothing_and_runs_no_sql(world: World) -> None:
    worker, forger = world.worker(), World(world.folder / "other")
    granted = worker.sessions.open(7)
    try:
        foreign = forger.worker()
        codec = foreign.sessions.ground.tokens
        forged = codec.make(UUID(granted.session_id), 1, 1)
    finally:
        forger.close()
    with pytest.raises(InvalidSignature):
        worker.sessions.rotate(forged)

    assert worker.accepts(granted)
    assert worker.sessions.rotate(granted.refresh_token)


def test_logout_ends_one_session_and_no_other(world: World) -> None:
    here, there = world.worker(), world.worker()
    one, other = here.sessions.open(7), here.sessions.open(7)

    assert here.sessions.end(one.session_id) == 7
    assert not here.accepts(one)
    assert not there.accepts(one)
    assert there.accepts(other)
    assert here.sessions.end(one.session_id) is None


def test_somebody_elses_session_cannot_be_ended(world: World) -> None:
    worker = world.worker()
    granted = worker.sessions.open(7)

    assert worker.sessions.end(granted.session_id, user_id=8) is None
    assert worker.accepts(granted)


def test_logout_everywhere_ends_all_of_one_user(world: World) -> None:
    here, there = world.worker(), world.worker()
    mine, also_mine, yours = here.sessions.open(7), there.sessions.open(7), here.sessions.open(8)
    here.sessions.end_all(7)

    for worker in (here, there):
        assert [worker.accepts(granted) for granted in (mine, also_mine, yours)] == [False, False, True]
    with pytest.raises(RevokedTokenError):
        there.sessions.rotate(also_mine.refresh_token)
    assert there.accepts(there.sessions.open(7))


def test_all_others_end_and_the_one_that_asks_goes_on(world: World) -> None:
    worker = world.worker()
    mine, other = worker.sessions.open(7), worker.sessions.open(7)

    assert worker.sessions.end_others(7, mine.session_id) == 1
    assert worker.accepts(mine)
    assert not worker.accepts(other)


def test_a_change_of_password_renews_this_session_and_ends_the_others(world: World) -> None:
    here, there = world.worker(), world.worker()
    mine, other = here.sessions.open(7), there.sessions.open(7)
    with here.store.write() as connection:
        here.sessions.end_all(7, keep=mine.session_id, reason="password", connection=connection)
        renewed = here.sessions.force_rotation(mine.session_id, fresh=True, connection=connection)

    for worker in (here, there):
        assert [worker.accepts(granted) for granted in (mine, other, renewed)] == [False, False, True]
    assert there.sessions.rotate(renewed.refresh_token).session_id == mine.session_id
    with pytest.raises(RevokedTokenError):
        there.sessions.rotate(other.refresh_token)


@pytest.mark.parametrize("sid", ["", "\0", "a\0b", "\ud800", "é", "x" * 5_000])
def test_a_text_that_can_be_no_id_is_no_session(world: World, sid: str) -> None:
    """It comes from a path, and PostgreSQL answers a NUL with an error."""
    worker = world.worker()

    assert worker.sessions.end(sid) is None
    assert worker.sessions.get(sid) is None


def test_a_login_in_a_transaction_of_the_caller_waits_for_nothing(sqlite_world: World) -> None:
    """Dead rows are cleaned up now and then by a transaction of their own, which would wait for the caller's."""
    worker = sqlite_world.worker()
    worker.sessions.open(7)
    sqlite_world.hand.pass_(100)
    begun = time.monotonic()
    with worker.store.write() as connection:
        granted = worker.sessions.open(7, connection=connection)

    assert time.monotonic() - begun < 1
    assert worker.accepts(granted)


def test_a_rolled_back_end_has_ended_nothing(world: World) -> None:
    here, there = world.worker(), world.worker()
    granted = here.sessions.open(7)

    class Undo(Exception):
        pass

    def change_and_undo() -> None:
        with here.store.write() as connection:
            here.sessions.end_all(7, connection=connection)
            raise Undo

    with pytest.raises(Undo):
        change_and_undo()

    assert here.accepts(granted)
    assert there.accepts(granted)
    assert here.sessions.rotate(granted.refresh_token)


def test_a_login_with_the_old_password_loses_against_the_change(world: World) -> None:
    """The password was checked, then all was ended, then the session is opened: too late."""
    worker = world.worker()
    since = worker.sessions.mark()
    worker.sessions.end_all(7)
    with pytest.raises(InvalidCredentials):
        worker.sessions.open(7, since=since)

    assert worker.sessions.open(8, since=since)
    assert worker.sessions.open(7, since=worker.sessions.mark())


def test_the_oldest_session_goes_when_there_are_too_many(world: World) -> None:
    world.settings = SessionSettings(per_user=2)
    worker = world.worker()
    granted: list[Granted] = []
    for _ in range(4):
        granted.append(worker.sessions.open(7))
        world.hand.pass_(0.01)
        time.sleep(0.002)  # a database server has a clock of its own

    assert [worker.accepts(each) for each in granted] == [False, False, True, True]
    assert {info.id for info in worker.sessions.listing(7)} == {each.session_id for each in granted[2:]}


def test_after_a_restore_nothing_that_was_issued_goes_on(world: World) -> None:
    here, there = world.worker(), world.worker()
    one, other = here.sessions.open(7), here.sessions.open(8)
    there.accepts(one)

    assert here.sessions.restored() == 2
    world.hand.pass_(1)
    for worker in (here, there):
        assert not worker.accepts(one)
        assert not worker.accepts(other)
        assert worker.accepts(worker.sessions.open(7))
    with pytest.raises(RevokedTokenError):
        there.sessions.rotate(one.refresh_token)


@pytest.mark.parametrize("user_id", [1, "1", "ada@example.org", UUID("01912345-6789-7abc-8def-0123456789ab")])
def test_ids_come_back_in_their_own_type(world: World, user_id: UserId) -> None:
    worker = world.worker()
    granted = worker.sessions.open(user_id)
    refreshed = worker.sessions.rotate(granted.refresh_token)

    assert (refreshed.user_id, type(refreshed.user_id)) == (user_id, type(user_id))
    assert [info.user_id for info in worker.sessions.listing(user_id)] == [user_id]


@pytest.mark.parametrize("user_id", [True, 1.5, None, b"1"])
def test_another_type_of_id_is_refused(world: World, user_id: object) -> None:
    with pytest.raises(TypeError):
        world.worker().sessions.open(user_id)  # type: ignore[arg-type]


def test_a_session_ends_when_it_was_not_used(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    granted = worker.sessions.open(7)
    sqlite_world.hand.pass_(sqlite_world.settings.idle)

    with pytest.raises(TokenExpired):
        worker.sessions.rotate(granted.refresh_token)
    assert worker.sessions.listing(7) == []


def test_rotation_does_not_move_the_absolute_end(sqlite_world: World) -> None:
    """Attack row 67."""
    sqlite_world.settings = SessionSettings(idle=1_000, absolute=2_500)
    worker = sqlite_world.worker()
    token = worker.sessions.open(7).refresh_token
    for _ in range(4):
        sqlite_world.hand.pass_(600)
        token = worker.sessions.rotate(token).refresh_token
    sqlite_world.hand.pass_(100)

    with pytest.raises(TokenExpired):
        worker.sessions.rotate(token)


@pytest.mark.parametrize("age", [0, 29.9])
def test_within_the_grace_any_of_the_last_sixteen_is_honest(sqlite_world: World, age: float) -> None:
    worker = sqlite_world.worker()
    tokens = [worker.sessions.open(7).refresh_token]
    for _ in range(16):
        tokens.append(worker.sessions.rotate(tokens[-1]).refresh_token)
    sqlite_world.hand.pass_(age)

    assert {worker.sessions.rotate(old).refresh_token for old in tokens[:-1]} == {tokens[-1]}


def test_a_chain_of_five_where_each_older_token_ends_the_session(sqlite_world: World) -> None:
    """Attack row 63."""
    worker = sqlite_world.worker()
    for stolen in range(5):
        granted = worker.sessions.open(7)
        tokens = [granted.refresh_token]
        for _ in range(5):
            sqlite_world.hand.pass_(31)
            tokens.append(worker.sessions.rotate(tokens[-1]).refresh_token)
        sqlite_world.hand.pass_(31)
        with pytest.raises(RevokedTokenError):
            worker.sessions.rotate(tokens[stolen])

        with pytest.raises(RevokedTokenError):
            worker.sessions.rotate(tokens[-1])
        assert not worker.accepts(granted)


@pytest.mark.parametrize("thief_first", [True, False])
def test_two_holders_are_both_out_once_both_have_refreshed(sqlite_world: World, thief_first: bool) -> None:
    """Attack row 65."""
    owner, thief = sqlite_world.worker(), sqlite_world.worker()
    first, second = (thief, owner) if thief_first else (owner, thief)
    stolen = owner.sessions.open(7).refresh_token
    continued = first.sessions.rotate(stolen).refresh_token
    sqlite_world.hand.pass_(31)
    with pytest.raises(RevokedTokenError):
        second.sessions.rotate(stolen)

    with pytest.raises(RevokedTokenError):
        first.sessions.rotate(continued)


def test_a_lost_answer_after_the_grace_is_taken_for_theft(sqlite_world: World) -> None:
    """Attack row 66."""
    worker = sqlite_world.worker()
    first = worker.sessions.open(7).refresh_token
    lost = worker.sessions.rotate(first).refresh_token
    sqlite_world.hand.pass_(29)
    assert worker.sessions.rotate(first).refresh_token == lost
    sqlite_world.hand.pass_(2)

    with pytest.raises(RevokedTokenError):
        worker.sessions.rotate(first)


def test_the_grace_of_a_retry_extends_nothing(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    first = worker.sessions.open(7)
    worker.sessions.rotate(first.refresh_token)
    before = worker.sessions.get(first.session_id)
    sqlite_world.hand.pass_(20)
    worker.sessions.rotate(first.refresh_token)

    assert worker.sessions.get(first.session_id) == before


def test_a_request_that_waited_for_a_stopped_worker_is_no_thief(sqlite_world: World) -> None:
    here, there = sqlite_world.worker(), sqlite_world.worker()
    first = here.sessions.open(7).refresh_token
    arrived = there.sessions.arrival()
    current = here.sessions.rotate(first).refresh_token
    sqlite_world.hand.pass_(60)

    assert there.sessions.rotate(first, arrived=arrived).refresh_token == current


@pytest.mark.parametrize("step", [-86_400, -300, -1, 1, 300])
def test_a_step_of_the_clock_makes_no_thief(sqlite_world: World, step: float) -> None:
    """Fault F11: within the grace time, also after any step of the wall clock."""
    here, there = sqlite_world.worker(), sqlite_world.worker()
    first = here.sessions.open(7).refresh_token
    current = here.sessions.rotate(first).refresh_token
    sqlite_world.hand.step(step)

    assert there.sessions.rotate(first).refresh_token == current
    sqlite_world.hand.pass_(31)
    with pytest.raises(RevokedTokenError):
        there.sessions.rotate(first)


@pytest.mark.parametrize("step", [-86_400, -300, -1])
def test_a_step_back_makes_no_session_live_longer(sqlite_world: World, step: float) -> None:
    """Fault F11."""
    sqlite_world.settings = SessionSettings(idle=600, absolute=1_000)
    worker = sqlite_world.worker()
    idle = worker.sessions.open(7).refresh_token
    used = worker.sessions.open(7).refresh_token
    sqlite_world.hand.pass_(500)
    used = worker.sessions.rotate(used).refresh_token
    sqlite_world.hand.step(step)
    sqlite_world.hand.pass_(101)
    with pytest.raises(TokenExpired):
        worker.sessions.rotate(idle)
    sqlite_world.hand.pass_(400)

    with pytest.raises(TokenExpired):
        worker.sessions.rotate(used)


@pytest.mark.parametrize("steps", [(-86_400,), (300, -300), (86_400, -86_400)])
def test_a_step_of_the_clock_revives_nothing(sqlite_world: World, steps: tuple[float, ...]) -> None:
    """Fault F11 and invariant S4: what was revoked stays so as long as a token could be taken for alive."""
    here, there = sqlite_world.worker(), sqlite_world.worker()
    granted = here.sessions.open(7)
    there.accepts(granted)
    here.sessions.end(granted.session_id)
    for step in steps:
        sqlite_world.hand.step(step)
        sqlite_world.hand.pass_(100)
        for worker in (here, there):
            worker.sessions.clean_up()
            assert not worker.accepts(granted)
    sqlite_world.hand.pass_(600)

    assert not here.accepts(granted)
    assert not there.accepts(granted)


def test_a_laptop_that_slept_past_the_end_has_no_session(sqlite_world: World) -> None:
    """The monotonic clock stopped, the wall clock continued."""
    worker = sqlite_world.worker()
    token = worker.sessions.open(7).refresh_token
    sqlite_world.hand.step(15 * 86_400)

    with pytest.raises(TokenExpired):
        worker.sessions.rotate(token)


def test_dead_rows_go_in_small_steps_a_day_after_their_end(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    for _ in range(5):
        worker.sessions.end(worker.sessions.open(7).session_id)
    alive = worker.sessions.open(8)
    sqlite_world.hand.pass_(30 * 86_400 + 3_600)
    assert _rows(world=sqlite_world) == (6, 5)
    worker.sessions.clean_up(limit=2)
    assert _rows(world=sqlite_world) == (6, 3)
    sqlite_world.hand.pass_(86_400)

    assert worker.sessions.clean_up(limit=4) == 7
    assert worker.sessions.clean_up(limit=4) == 2
    assert _rows(world=sqlite_world) == (0, 0)
    with pytest.raises(TokenExpired):
        worker.sessions.rotate(alive.refresh_token)


def test_a_restored_session_row_is_missed_only_while_it_must_be_there(
    sqlite_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    worker = sqlite_world.worker()
    token = worker.sessions.open(7).refresh_token
    sqlite_world.hand.pass_(32 * 86_400)
    worker.sessions.clean_up()
    caplog.clear()
    with pytest.raises(TokenExpired):
        worker.sessions.rotate(token)

    assert caplog.text == ""


def test_the_root_key_can_be_rotated_without_logging_anybody_out(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    first = worker.sessions.open(7).refresh_token
    current = worker.sessions.rotate(first).refresh_token
    key_file = sqlite_world.folder / "root.key"
    new_key = "AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICE"
    key_file.write_text(f"2 {new_key}\n{key_file.read_text()}")
    sqlite_world.root_keys = None
    later = sqlite_world.worker()

    assert later.sessions.rotate(first).refresh_token == current  # a lost answer of before
    after = later.sessions.rotate(current).refresh_token
    assert later.sessions.rotate(current).refresh_token == after
    # A worker that still has the old ring reads it once and understands.
    sqlite_world.hand.pass_(2)
    assert worker.sessions.rotate(after).session_id == worker.sessions.listing(7)[0].id


def test_the_text_of_a_grant_holds_no_token(sqlite_world: World) -> None:
    granted = sqlite_world.worker().sessions.open(7)

    assert granted.refresh_token not in repr(granted)
    assert granted.access_token not in repr(granted)


def test_what_a_client_says_of_itself_stays_one_printable_line(sqlite_world: World) -> None:
    worker = sqlite_world.worker()
    worker.sessions.open(7, device="a\nb\x1b[31m" + "x" * 500)
    device = worker.sessions.listing(7)[0].device

    assert device is not None
    assert device.startswith("a?b?[31mx")
    assert len(device) == 255


def test_an_id_of_255_characters_is_the_longest(world: World) -> None:
    sessions = world.worker().sessions
    longest = "ü" * 255
    for call in (sessions.open, sessions.end_all, sessions.listing, partial(sessions.end_others, keep="")):
        call(longest)

        with pytest.raises(InvalidRequest, match="at most 255 characters, not 256"):
            call(longest + "u")


def test_a_user_whom_the_application_locked_out_refreshes_no_more(sqlite_world: World) -> None:
    welcome = True
    sqlite_world.standing = lambda _user, _connection: b"" if welcome else None
    worker = sqlite_world.worker()
    token = worker.sessions.open(7).refresh_token
    token = worker.sessions.rotate(token).refresh_token
    welcome = False
    with pytest.raises(RevokedTokenError):
        worker.sessions.rotate(token)

    with pytest.raises(InvalidCredentials):
        worker.sessions.open(7)
    welcome = True
    with pytest.raises(RevokedTokenError):
        worker.sessions.rotate(token)


def _rows(world: World) -> tuple[int, int]:
    with world.workers[0].store.read() as connection:
        count = "SELECT (SELECT count(*) FROM signet_sessions), (SELECT count(*) FROM signet_feed)"
        sessions, feed = connection.execute(text(count)).one()
    return sessions, feed
