"""The signals of sessions in an application: after its commit, once, and never after its rollback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from flask_signet import decode_token
from flask_signet.sessions.events import session_ended, session_opened
from tests.rooms.accounts.club import Club

Heard = list[tuple[str, Any]]


@pytest.fixture(params=["sqlite", "memory", pytest.param("postgresql", marks=pytest.mark.postgres)])
def club(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Club]:
    """An application with users of its own, in one database with the package."""
    url = "sqlite:///:memory:" if request.param == "memory" else None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    club = Club(tmp_path / "club", url)
    club.add()
    club.login()  # beside an open transaction of the application no signing key can be made
    yield club
    club.close()


@pytest.fixture
def heard(club: Club) -> Iterator[Heard]:
    """What receivers heard, and how many users another look at the database then saw."""
    told: Heard = []

    def opened(_sender: Any, **values: Any) -> None:
        told.append(("opened", values["user_id"]))

    def ended(_sender: Any, **values: Any) -> None:
        told.append(("ended", values["user_id"]))

    with session_opened.connected_to(opened, club.app), session_ended.connected_to(ended, club.app):
        yield told


@pytest.mark.parametrize("kept", [True, False], ids=["committed", "rolled back"])
def test_a_login_in_the_application_s_transaction_is_told_after_its_commit(
    club: Club, heard: Heard, kept: bool
) -> None:
    with club.app.test_request_context():
        club.signet.login(1, connection=club.db.session.connection())
        before = list(heard)
        (club.db.session.commit if kept else club.db.session.rollback)()

    assert before == []
    assert heard == ([("opened", 1)] if kept else [])


def test_an_engine_s_own_transaction_tells_after_its_commit(club: Club, heard: Heard) -> None:
    with club.app.app_context():
        engine: Engine = club.db.engine
        with engine.begin() as connection:
            club.signet.revoke_all(1, connection=connection)
            before = list(heard)

    assert before == []
    assert heard == [("ended", 1)]


def test_a_savepoint_that_is_rolled_back_tells_nothing_of_what_was_in_it(club: Club, heard: Heard) -> None:
    with club.app.test_request_context():
        session = club.db.session
        with session.begin_nested():
            club.signet.revoke_all(1, connection=session.connection())
        savepoint = session.begin_nested()
        club.signet.login(1, connection=session.connection())
        savepoint.rollback()
        session.commit()

    assert heard == [("ended", 1)]


@pytest.mark.parametrize("kept", [True, False], ids=["committed", "rolled back"])
@pytest.mark.parametrize("nested", [True, False], ids=["in a savepoint", "without one"])
def test_a_deleted_user_of_the_application_is_told_after_the_commit(
    club: Club, heard: Heard, nested: bool, kept: bool
) -> None:
    with club.app.app_context():
        session = club.db.session
        transaction = session.begin_nested() if nested else None
        session.delete(session.get(club.Member, 1))
        session.flush()
        before = list(heard)
        if transaction is not None and not kept:
            transaction.rollback()
            session.commit()
        else:
            (session.commit if kept else session.rollback)()

    assert before == []
    assert heard == ([("ended", 1)] if kept else [])


def test_a_receiver_may_use_the_session_that_was_committed(club: Club) -> None:
    """An audit of the application writes its own row, in the next transaction of the same session."""

    def write(_sender: Any, **values: Any) -> None:
        club.db.session.add(club.Member(uid=7, username=f"seen {values['user_id']}"))
        club.db.session.commit()

    with club.app.test_request_context(), session_ended.connected_to(write, club.app):
        session = club.db.session
        club.signet.revoke_all(1, connection=session.connection())
        session.commit()
        names = session.scalars(select(club.Member.username).order_by(club.Member.uid)).all()

    assert names == ["mallory", "seen 1"]


def test_a_receiver_that_raises_breaks_neither_login_nor_the_other_receivers(
    club: Club, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    def spill(_sender: Any, **_: Any) -> None:
        raise LookupError("no spoon")

    async def later(_sender: Any, **_: Any) -> None: ...

    with session_opened.connected_to(spill, club.app), session_opened.connected_to(later, club.app):
        tokens = club.login()

    assert club.status(tokens["access_token"]) == 200
    assert heard == [("opened", 1)]
    failed = [record.getMessage() for record in caplog.records if record.name == "flask_signet.events"]
    assert sorted("spill" in message for message in failed) == [False, True]
    assert all("the event session_opened failed" in message for message in failed)
    assert tokens["access_token"] not in caplog.text


def test_this_worker_knows_of_a_revocation_with_the_caller_s_commit(club: Club) -> None:
    """Without a reading: what a worker has committed itself it need not look for."""
    tokens = club.login()
    signet = club.app.extensions["signet"]
    with club.app.app_context():
        session = club.db.session
        sid = decode_token(tokens["access_token"])["sid"]
        signet.sessions.end(sid, connection=session.connection())
        before = signet.services.feed.has_ended(sid)
        session.commit()
        after = signet.services.feed.has_ended(sid)

    assert (before, after) == (False, True)
    assert club.status(tokens["access_token"]) == 401
