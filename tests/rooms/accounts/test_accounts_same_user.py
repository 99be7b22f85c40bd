"""Sessions and tokens belong to the row of their user, and not to a later user with the same id."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flask_signet import create_access_token, create_refresh_token, decode_token, get_jwt_identity, jwt_required
from flask_signet.accounts import Accounts
from flask_signet.sessions.same_user import Marks, split
from tests.house.test_signet import bearer, login, make
from tests.rooms.accounts.club import PASSWORD, Club, hashed


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def club(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Club]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    club = Club(tmp_path / "club", url)
    yield club
    club.close()


VICTIM = "INSERT INTO member (member_no, username, pw) VALUES (1, 'victim', '{}')"
PW = "UPDATE member SET pw = '{}'"


def replace_by_another(club: Club, password: str = "quite another horse") -> None:
    """Delete the row and give its id to another user, by SQL that Flask-Signet cannot detect."""
    club.raw("DELETE FROM member")
    club.raw(VICTIM.format(hashed(password)))


def test_another_user_with_the_id_is_not_reached_by_old_tokens(club: Club) -> None:
    club.add()
    tokens = club.login()
    with club.app.app_context():
        own = create_access_token(1)
    replace_by_another(club)

    assert (401, 401) == (club.status(tokens["access_token"], "/me"), club.status(own, "/me"))
    assert club.refreshed(tokens).status_code == 401
    # The refresh ended everything, so that a guard refuses the access tokens as well.
    assert (401, 401) == (club.status(tokens["access_token"]), club.status(own))
    assert (200, 200, 200) == club.all(club.login("victim", "quite another horse"))


def test_a_login_of_another_user_with_the_id_ends_what_was_before(club: Club) -> None:
    club.add()
    tokens = club.login()
    replace_by_another(club)
    theirs = club.login("victim", "quite another horse")

    assert club.status(tokens["access_token"]) == 401
    assert (200, 200, 200) == club.all(theirs)
    assert club.refreshed(tokens).status_code == 401


def test_the_account_routes_refuse_a_token_of_the_former_user(club: Club) -> None:
    club.add()
    token = club.login()["access_token"]
    replace_by_another(club)
    body = {"current_password": "quite another horse", "password": "a third horse"}
    changed = club.client.post("/account/password", json=body, headers=bearer(token))

    assert (401, 401) == (club.status(token, "/account"), changed.status_code)


def test_a_refresh_jwt_of_the_former_user_makes_no_tokens_for_the_next_one(club: Club) -> None:
    @club.app.post("/again")
    @jwt_required(refresh=True)
    def again() -> Any:
        return {"token": create_access_token(get_jwt_identity())}

    club.add()
    with club.app.app_context():
        token = create_refresh_token(1)
    before = club.client.post("/again", headers=bearer(token)).status_code
    replace_by_another(club)
    after = club.client.post("/again", headers=bearer(token)).status_code

    assert (200, 401) == (before, after)


def test_a_password_that_the_application_changes_ends_the_sessions_and_a_login_goes_on(club: Club) -> None:
    @club.app.post("/change")
    @jwt_required()
    def change() -> Any:
        member = club.db.session.get(club.Member, get_jwt_identity())
        member.password = hashed("a new horse")
        club.db.session.commit()
        return club.signet.login(member).response()

    club.add()
    here, elsewhere = club.login(), club.login()
    renewed = club.client.post("/change", headers=bearer(here["access_token"])).get_json()

    assert (401, 401, 401) == club.all(elsewhere)
    assert (200, 200, 200) == club.all(renewed)


def test_a_hash_that_a_login_renews_signs_nobody_out(club: Club) -> None:
    club.add()
    first = club.login()
    club.raw(PW.format(hashed()))  # as if an old one had come back: this ends them
    assert club.refreshed(first).status_code == 401
    with club.app.app_context():
        member = club.db.session.get(club.Member, 1)
        own = create_access_token(1)
        old = club.signet.login(member)  # under the hash with old parameters
    second = club.login()  # which this login replaces

    with club.app.app_context():
        assert club.db.session.get(club.Member, 1).password.startswith("$argon2")
    for token in (old.access_token, own, second["access_token"]):
        assert (200, 200) == (club.status(token), club.status(token, "/me"))
    assert club.refreshed({"refresh_token": old.refresh_token}).status_code == 200


def test_logins_that_renew_the_hash_at_once_and_refreshes_meanwhile_sign_nobody_out(club: Club) -> None:
    club.add()
    with club.app.app_context():
        member = club.db.session.get(club.Member, 1)
        held = [club.signet.login(member) for _ in range(3)]
    statuses: list[int] = []

    def log_in() -> None:
        body = {"username": "mallory", "password": PASSWORD}
        statuses.append(club.app.test_client().post("/token", json=body).status_code)

    def go_on(token: str) -> None:
        for _ in range(4):
            answer = club.app.test_client().post("/token/refresh", json={"refresh_token": token})
            statuses.append(answer.status_code)
            token = answer.get_json().get("refresh_token", token)

    threads = [threading.Thread(target=log_in) for _ in range(3)]
    threads += [threading.Thread(target=go_on, args=(login.refresh_token,)) for login in held]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {200} == set(statuses) - {503}


def test_passwords_that_we_change_keep_the_session_that_changes_and_end_the_others(club: Club) -> None:
    club.add()
    here, elsewhere = club.login(), club.login()
    body = {"current_password": PASSWORD, "password": "a new horse"}
    renewed = club.client.post("/account/password", json=body, headers=bearer(here["access_token"])).get_json()

    assert (401, 401, 401) == club.all(elsewhere)
    assert (200, 200, 200) == club.all(renewed)
    with club.app.app_context():
        club.signet.users.set_password(1, "a third horse")
    assert club.refreshed(renewed).status_code == 401
    assert (200, 200, 200) == club.all(club.login(password="a third horse"))


def test_a_user_without_a_hash_logs_in_as_before(club: Club) -> None:
    """A user who logs in elsewhere: the application calls `signet.login(user)`."""
    club.add(password=None)
    with club.app.app_context():
        found = club.signet.login(club.db.session.get(club.Member, 1))
        again = club.signet.login(1)
    tokens = {"access_token": found.access_token, "refresh_token": found.refresh_token}

    assert (200, 200, 200) == club.all(tokens)
    assert (200, 200) == (club.status(again.access_token), club.status(again.access_token, "/me"))
    replace_by_another(club)
    assert club.status(again.access_token, "/me") == 401
    assert club.refreshed({"refresh_token": again.refresh_token}).status_code == 401


def test_a_column_of_the_model_may_be_the_stamp(tmp_path: Path) -> None:
    club = Club(tmp_path / "club", stamp="unique")
    try:
        club.add(unique="one")
        tokens = club.login()
        club.raw(PW.format(hashed("a new horse")))
        assert (200, 200) == (club.status(tokens["access_token"], "/me"), club.refreshed(tokens).status_code)
        tokens = club.login(password="a new horse")
        club.raw("UPDATE member SET \"unique\" = 'two'")
        assert (401, 401) == (club.status(tokens["access_token"], "/me"), club.refreshed(tokens).status_code)
    finally:
        club.close()


def test_sessions_from_before_the_marks_go_on_and_get_one(club: Club) -> None:
    club.add()
    tokens = club.login()
    with club.app.app_context():
        club.db.session.execute(text("UPDATE signet_epochs SET marks = NULL"))
        club.db.session.execute(text("UPDATE signet_sessions SET mark = NULL, access_until = NULL"))
        club.db.session.commit()
    assert club.refreshed(tokens).status_code == 200
    tokens = club.login()
    replace_by_another(club)

    assert club.refreshed(tokens).status_code == 401


def test_an_ended_user_is_named_in_the_log_without_any_hash(club: Club, caplog: pytest.LogCaptureFixture) -> None:
    club.add()
    tokens = club.login()
    replace_by_another(club)
    with caplog.at_level(logging.WARNING, "flask_signet"):
        club.refreshed(tokens)

    assert "The row of user 1 has a new password hash" in caplog.text
    assert "$argon2" not in caplog.text
    assert "pbkdf2:" not in caplog.text


def test_what_a_login_reads_of_its_user_shows_no_hash_in_an_error_report(club: Club) -> None:
    """Tools that report errors print the local variables of each frame."""
    club.add()
    sessions = club.app.extensions["signet"].sessions
    with club.app.app_context(), club.signet.store.write() as connection:
        admitted = sessions.admission.admit(connection, 1, "1", None)

    assert admitted.evidence.startswith(b"pbkdf2:")
    assert "pbkdf2:" not in repr(admitted)


def test_the_token_carries_the_mark_and_it_says_nothing_of_the_hash(club: Club) -> None:
    club.add()
    token = club.login()["access_token"]
    with club.app.app_context():
        claims = decode_token(token)

    assert len(claims["sub_mark"]) == len("1.") + 16


def test_a_built_in_account_with_a_number_that_came_again_is_another_one(tmp_path: Path) -> None:
    """They count on, but a table may be emptied and its counter with it."""
    app, signet = make(tmp_path)
    signet.users.create("mallory", "correct horse")
    token = login(app, "mallory")["token"]
    with signet.store.write() as connection:
        connection.execute(text("DELETE FROM signet_users"))
        connection.execute(text("DELETE FROM sqlite_sequence"))
    victim = signet.users.create("victim", "correct horse")
    client = app.test_client()

    assert victim.id == 1
    assert client.get("/me", headers=bearer(token)).status_code == 401
    theirs = login(app, "victim")["token"]
    assert client.get("/account/sessions", headers=bearer(token)).status_code == 401
    assert client.get("/me", headers=bearer(theirs)).status_code == 200


def test_ids_of_built_in_accounts_are_not_given_again(accounts: Accounts) -> None:
    ids: list[int] = []
    for number in range(3):
        user = accounts.create(f"ada{number}", PASSWORD)
        ids.append(user.id)
        accounts.delete(user.id)

    assert [1, 2, 3] == ids


class Ring:
    """Root keys by number."""

    def __init__(self, current: int, **keys: bytes) -> None:
        self.current_number, self._keys = current, keys

    def derive(self, label: str, number: int | None = None) -> bytes:
        assert number is not None
        return self._keys[f"k{number}"] + label.encode()


def test_a_mark_is_compared_after_the_root_key_was_rotated_and_after_it_is_gone() -> None:
    one, both, two = Ring(1, k1=b"a" * 32), Ring(2, k1=b"a" * 32, k2=b"b" * 32), Ring(2, k2=b"b" * 32)
    stored = Marks(one).judge(None, "7", b"hash").marks
    rotated = Marks(both).judge(stored, "7", b"hash")
    other = Marks(both).judge(stored, "7", b"other")
    gone = Marks(two).judge(stored, "7", b"other")

    assert (True, [rotated.mark, stored]) == (rotated.same, split(rotated.marks))
    assert (False, other.mark) == (other.same, other.marks)
    assert (True, gone.mark) == (gone.same, gone.marks)


def test_a_mark_is_of_one_user_and_one_row_and_stays_small() -> None:
    marks = Marks(Ring(65535, k65535=b"a" * 32))
    made = {marks.make(user, evidence) for user in ("1", "11", "1\0") for evidence in (b"", b"1", b"hash")}
    stored: str | None = None
    for number in range(40):
        stored = marks.admitted(stored, "1", str(number).encode(), str(number + 1).encode())
    assert stored is not None

    assert len(made) == 9
    assert max(map(len, made)) == 22
    assert len(stored) <= 255
    assert marks.judge(stored, "1", b"40").same
    assert marks.admitted(stored, "1", b"somebody else's", b"new") is None
    for forged in ("", ".", "1.", "x.AAAAAAAAAAAAAAAA", "99999999999999999999.A", "65535.AAAAAAAAAAAAAAAA", "\ud800.x"):
        assert not marks.fits(forged, "1", b"")
