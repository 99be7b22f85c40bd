"""The application deletes a user in any way: the sessions end, and the next user with the id gets none."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from flask_signet import create_access_token
from flask_signet.sessions.events import session_ended
from flask_signet.testing import reset
from tests.rooms.accounts.club import Club

Delete = Callable[[Club, Session], Any]

WAYS: dict[str, Delete] = {
    "session.delete": lambda club, session: session.delete(session.get(club.Member, 1)),
    "delete(User)": lambda club, session: session.execute(delete(club.Member).where(club.Member.uid == 1)),
    "delete of all": lambda club, session: session.execute(delete(club.Member)),
    "query.delete": lambda club, session: session.query(club.Member).filter_by(username="mallory").delete(),
    "query.delete without synchronisation": lambda club, session: (
        session.query(club.Member).filter(club.Member.uid < 2).delete(synchronize_session=False)
    ),
    "a table's delete": lambda club, session: session.execute(
        delete(club.Member.__table__).where(club.Member.__table__.c.username == "mallory")
    ),
    "a table's delete with several sets of parameters": lambda club, session: session.execute(
        delete(club.Member.__table__).where(club.Member.__table__.c.member_no == bindparam("number")),
        [{"number": 99}, {"number": 1}],
    ),
    "a table's delete with one set in a list": lambda club, session: session.execute(
        delete(club.Member.__table__).where(club.Member.__table__.c.member_no == bindparam("number")), [{"number": 1}]
    ),
    "a subquery": lambda club, session: session.execute(
        delete(club.Member).where(club.Member.team_number.in_(club.db.select(club.Team.number)))
    ),
    "a cascade": lambda club, session: session.delete(session.get(club.Team, 7)),
    "an orphan": lambda club, session: _clear(session.get(club.Team, 7)),
}


def _clear(team: Any) -> None:
    team.members.clear()


@pytest.fixture(
    params=[
        ("sqlite", False),
        ("sqlite", True),
        pytest.param(("postgresql", False), marks=pytest.mark.postgres),
        pytest.param(("postgresql", True), marks=pytest.mark.postgres),
    ],
    ids=lambda param: f"{param[0]}, {'two databases' if param[1] else 'one database'}",
)
def club(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Club]:
    kind, own_store = request.param
    url = None
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    club = Club(tmp_path / "club", url, own_store=own_store)
    yield club
    club.close()


def test_a_deleted_user_s_tokens_are_refused_and_do_not_reach_the_next_one_with_the_id(club: Club) -> None:
    for name, way in WAYS.items():
        club.add(team=7)
        tokens = club.login()
        with club.app.app_context():
            own = create_access_token(1)
            assert (200, 200) == (club.status(tokens["access_token"], "/me"), club.status(own))
            way(club, club.db.session())
            club.db.session.commit()
        club.add(name="victim")

        assert (401, 401, 401) == club.all(tokens), name
        assert (401, 401) == (club.status(own), club.status(own, "/me")), name
        assert (200, 200, 200) == club.all(club.login("victim")), name
        club.raw("DELETE FROM member")


@pytest.mark.parametrize("way", ["session.delete", "delete(User)"])
def test_a_deletion_that_is_rolled_back_ends_nothing(club: Club, way: str) -> None:
    club.add(team=7)
    tokens = club.login()
    with club.app.app_context():
        session = club.db.session()
        WAYS[way](club, session)
        session.flush()
        session.rollback()
        with session.begin_nested() as savepoint:
            WAYS[way](club, session)
            session.flush()
            savepoint.rollback()
        session.commit()
        WAYS[way](club, session)
        session.flush()
        session.close()
    with club.app.app_context():
        club.db.session.commit()

    assert (200, 200, 200) == club.all(tokens)


@pytest.mark.parametrize("way", ["session.delete", "delete(User)"])
def test_a_deletion_in_savepoints_that_are_kept_ends_the_sessions(club: Club, way: str) -> None:
    club.add(team=7)
    tokens = club.login()
    with club.app.app_context():
        session = club.db.session()
        with session.begin_nested(), session.begin_nested():
            WAYS[way](club, session)
        assert club.db.session.get(club.Member, 1) is None
        session.commit()
    club.add(name="victim")

    assert (401, 401, 401) == club.all(tokens)


@pytest.mark.parametrize("way", ["session.delete", "delete(User)"])
def test_a_session_of_another_making_is_heard_too(club: Club, way: str) -> None:
    """A script's own `Session`, or that of a `sessionmaker`."""
    club.add(team=7)
    tokens = club.login()
    with club.app.app_context():
        engine = club.db.engine
    with sessionmaker(engine).begin() as session:
        WAYS[way](club, session)
    club.add(name="victim")

    assert (401, 401, 401) == club.all(tokens)


def test_a_deletion_is_told_to_the_application_that_it_happens_in_and_once(tmp_path: Path) -> None:
    """Two applications may share one model over two databases: 1 is another user there."""
    club = Club(tmp_path / "club")
    other = club.create_app("other", tmp_path, f"sqlite:///{tmp_path / 'other.sqlite3'}", SIGNET_DATABASE_URL="app")
    heard: list[Any] = []

    def hear(sender: Any, **values: Any) -> None:
        heard.append((sender.name, values["user_id"], values["reason"]))

    try:
        club.add()
        with club.app.app_context():
            engine = club.db.engine
        with session_ended.connected_to(hear):
            with club.app.app_context():
                club.db.session.delete(club.db.session.get(club.Member, 1))
                club.db.session.commit()
            club.add()
            with Session(engine) as session, session.begin():
                session.execute(delete(club.Member))
        assert heard == [("club", 1, "deleted")] * 2
    finally:
        club.close()
        reset(other)
        with other.app_context():
            club.db.engine.dispose()


def test_what_listens_goes_with_its_application_and_is_registered_once(tmp_path: Path) -> None:
    clubs = [Club(tmp_path / str(number)) for number in range(3)]
    heard: list[Any] = []

    def hear(_sender: Any, **values: Any) -> None:
        heard.append(values["user_id"])

    with session_ended.connected_to(hear), clubs[1].app.app_context():
        for way in ("session.delete", "delete(User)"):
            clubs[1].add(team=7)
            WAYS[way](clubs[1], clubs[1].db.session())
            clubs[1].db.session.commit()
    assert heard == [1, 1]
    houses = [weakref.ref(club.app.extensions["signet"]) for club in clubs]
    tables = [club.Member.__table__ for club in clubs]
    for club in clubs:
        club.close()
    del clubs, club
    gc.collect()

    assert [house() for house in houses] == [None] * 3
    assert [list(table.info["flask-signet-watchers"]) for table in tables] == [[]] * 3


def test_a_store_that_is_away_is_named_in_the_log_and_the_mark_still_decides(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    club = Club(tmp_path / "club", own_store=True)
    try:
        club.add()
        tokens = club.login()
        store = club.app.extensions["signet"].store
        with club.app.app_context(), store.engine.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")  # no other connection may write
            club.db.session.delete(club.db.session.get(club.Member, 1))
            with caplog.at_level(logging.ERROR, "flask_signet"):
                club.db.session.commit()
            other.rollback()
        assert "The user 1 was deleted, but the sessions could not be ended" in caplog.text
        assert "signet.revoke_all(1)" in caplog.text
        club.add(name="victim")

        assert club.status(tokens["access_token"], "/me") == 401
        assert club.refreshed(tokens).status_code == 401
        assert club.status(tokens["access_token"]) == 401  # the refresh ended everything
    finally:
        club.close()


def test_a_database_without_our_tables_does_not_stop_the_application_s_deletion(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    club = Club(tmp_path / "club")
    try:
        club.add()
        with club.app.app_context():
            club.db.session.execute(text("DROP TABLE signet_epochs"))
            club.db.session.commit()
            with caplog.at_level(logging.WARNING, "flask_signet"):
                club.db.session.delete(club.db.session.get(club.Member, 1))
                club.db.session.commit()
            assert club.db.session.get(club.Member, 1) is None
        assert "could not be ended" in caplog.text
    finally:
        club.close()


def test_a_delete_whose_rows_cannot_be_looked_up_runs_and_the_log_says_what_to_do(
    club: Club, caplog: pytest.LogCaptureFixture
) -> None:
    club.add(team=7)
    with club.app.app_context():
        session, table = club.db.session(), club.Member.__table__
        # A user may be allowed to delete and not to read.
        engine = club.db.engine

        def refuse(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> tuple[str, Any]:
            return ("SELECT none FROM nowhere" if statement.startswith("SELECT") else statement), parameters

        event.listen(engine, "before_cursor_execute", refuse, retval=True)
        try:
            with caplog.at_level(logging.WARNING):
                session.execute(delete(table).where(table.c.username == text("'mallory'")))
        finally:
            event.remove(engine, "before_cursor_execute", refuse)
        session.commit()
        left = session.query(club.Member).count()

    assert left == 0
    assert "signet.revoke_all(user_id)" in caplog.text
    assert "member" in caplog.text


def test_a_flush_that_fails_before_a_delete_is_the_application_s_to_hear_of(club: Club) -> None:
    club.add(team=7)
    with club.app.app_context():
        session = club.db.session()
        session.add(club.Member(uid=2, username="mallory"))
        with pytest.raises(IntegrityError):
            session.execute(delete(club.Member))
        session.rollback()

        assert session.query(club.Member).count() == 1
