"""A login that asks for more: shown by a step that exists here only."""

from __future__ import annotations

import ast
import base64
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, event, text
from werkzeug.test import TestResponse

from flask_signet import Signet, create_access_token, current_user, get_jwt, jwt_required
from flask_signet.exceptions import InvalidCredentials, MfaRequired
from flask_signet.room import AnyRoom, Room
from flask_signet.sessions.login_step import Attempt, Challenge, LoginStep, Proof
from flask_signet.sessions.login_token import LoginTokens
from tests.rooms.accounts.club import PASSWORD as CLUB_PASSWORD
from tests.rooms.accounts.club import Club
from tests.rooms.sessions.application import PASSWORD, ROOT_KEY, create_app

COOKIE_MODE = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}
SRC = Path(__file__).parents[3] / "src" / "flask_signet"


@dataclass
class Codes:
    """Asks each user who has a code for it."""

    codes: dict[Any, str] = field(default_factory=dict)
    seen: list[Attempt] = field(default_factory=list)
    together: threading.Barrier | None = None
    method: str = "totp"

    def pending(self, attempt: Attempt, connection: Connection, /) -> Challenge | None:
        assert connection.in_transaction()
        proved = any(proof.method == self.method for proof in attempt.proofs)
        return None if proved or attempt.user_id not in self.codes else Challenge(methods=(self.method, "paper"))

    def solve(self, attempt: Attempt, answer: Mapping[str, Any], /) -> Proof:
        self.seen.append(attempt)
        if self.together is not None:
            self.together.wait(10)
        if answer.get("code") != self.codes[attempt.user_id]:
            raise InvalidCredentials
        return Proof(method=self.method, at=0)


def room_with(*steps: LoginStep) -> AnyRoom:
    """Return a room that is on without a setting, and asks for *steps*."""
    return Room(
        name="steps",
        setting_keys=(),
        read=lambda config: True,
        open=lambda core, settings: steps,
        steps=lambda all: all,
    )


def signet_with(*steps: LoginStep) -> type[Signet]:
    class SignetWithSteps(Signet):
        _rooms = (room_with(*steps),)

    return SignetWithSteps


@dataclass
class Flow:
    app: Flask
    signet: Signet
    step: Codes

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def login(self, name: str = "ada", client: FlaskClient | None = None, **more: Any) -> TestResponse:
        body = {"username": name, "password": PASSWORD, **more}
        return (client or self.client()).post("/token", json=body)

    def begin(self, name: str = "ada") -> str:
        answer = self.login(name)
        assert answer.status_code == 401, answer.text
        return answer.get_json()["mfa_token"]

    def answer(self, token: str, code: str = "111", client: FlaskClient | None = None, **more: Any) -> TestResponse:
        body = {"mfa_token": token, "method": "totp", "code": code, **{k: v for k, v in more.items() if k != "headers"}}
        return (client or self.client()).post("/token/mfa", json=body, headers=more.get("headers"))

    def count(self, table: str) -> int:
        return self.sql(f"SELECT count(*) FROM signet_{table}")  # noqa: S608

    def sql(self, statement: str) -> Any:
        with self.app.extensions["signet"].store.write() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None

    @property
    def users(self) -> Any:
        return self.app.extensions["signet"].users


def build(folder: Path, database: str | None, *steps: LoginStep) -> tuple[Flask, Signet]:
    app = Flask("flow", instance_path=str(folder), static_folder=None)
    app.config["SIGNET_THROTTLE"] = False
    if database is not None:
        app.config.update(SIGNET_DATABASE_URL=database, SIGNET_ROOT_KEY=ROOT_KEY)
    signet = signet_with(*steps)(app)

    @app.get("/protected")
    @jwt_required()
    def protected() -> Any:
        return {"id": current_user.id, "sid": get_jwt().get("sid")}

    @app.post("/mine")
    def mine() -> Any:
        return signet.login(1).response()

    @app.post("/own-transaction")
    def own_transaction() -> Any:
        asked = None
        with signet.store.engine.begin() as connection:
            try:
                return signet.login(1, connection=connection).response()
            except MfaRequired as required:
                asked = required
        raise asked

    @app.get("/bare-token/<int:user_id>")
    def bare_token(user_id: int) -> Any:
        return {"access_token": create_access_token(user_id, fresh=True)}

    return app, signet


@pytest.fixture
def flow(tmp_path: Path, database: str | None) -> Iterator[Flow]:
    """Ada and Bob have a code, Cy has none."""
    step = Codes()
    app, signet = build(tmp_path, database, step)
    flow = Flow(app, signet, step)
    for name in ("ada", "bob", "cy"):
        flow.users.create(name, PASSWORD)
    step.codes = {1: "111", 2: "222"}
    yield flow
    app.extensions["signet"].close()


def error_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]


def bearer(tokens: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


# --- Pending, and solved ---------------------------------------------------------------------------------


def test_what_is_pending_is_said_before_any_session_exists(flow: Flow) -> None:
    answer = flow.login()

    body = answer.get_json()
    assert error_of(answer) == (401, "mfa_required")
    assert set(body) == {"error", "msg", "mfa_token", "methods", "expires_in"}
    assert body["mfa_token"].startswith("sgm_")
    assert (body["methods"], body["expires_in"]) == (["totp", "paper"], 300)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert (flow.count("sessions"), flow.count("pending_logins")) == (0, 1)


def test_the_right_answer_gives_what_a_login_gives(flow: Flow) -> None:
    tokens = flow.answer(flow.begin()).get_json()
    plain = flow.login("cy").get_json()

    assert set(tokens) == set(plain)
    assert tokens["user_id"] == 1
    assert flow.client().get("/protected", headers=bearer(tokens)).get_json()["id"] == 1
    refreshed = flow.client().post("/token/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 200
    [attempt] = flow.step.seen
    [proof] = attempt.proofs
    assert (proof.method, type(proof.at)) == ("pwd", int)
    assert abs(proof.at - flow.signet.clock.time()) < 300


def test_a_user_from_whom_nothing_is_asked_logs_in_at_once(flow: Flow) -> None:
    assert flow.login("cy").status_code == 200
    assert flow.count("pending_logins") == 0


def test_a_wrong_password_is_not_told_that_more_would_be_asked(flow: Flow) -> None:
    answer = flow.client().post("/token", json={"username": "ada", "password": "a wrong password"})

    assert error_of(answer) == (401, "invalid_credentials")
    assert flow.count("pending_logins") == 0


def test_two_steps_are_asked_one_after_the_other(tmp_path: Path) -> None:
    first, second = Codes({1: "111"}), Codes({1: "999"}, method="letter")
    app, signet = build(tmp_path, None, first, second)
    flow = Flow(app, signet, first)
    flow.users.create("ada", PASSWORD)
    between = flow.answer(flow.begin())
    assert error_of(between) == (401, "mfa_required")
    assert between.get_json()["methods"] == ["letter", "paper"]
    assert flow.count("sessions") == 0
    last = flow.answer(between.get_json()["mfa_token"], code="999", method="letter")
    app.extensions["signet"].close()

    assert last.status_code == 200
    assert [proof.method for proof in second.seen[0].proofs] == ["pwd", "totp"]


# --- One use, few tries, for minutes ---------------------------------------------------------------------


def test_a_token_is_good_for_one_login(flow: Flow) -> None:
    token = flow.begin()

    assert flow.answer(token).status_code == 200
    assert error_of(flow.answer(token)) == (401, "token_revoked")
    assert flow.count("sessions") == 1


def test_of_two_right_answers_at_once_one_opens_a_session(flow: Flow) -> None:
    token = flow.begin()
    flow.step.together = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: flow.answer(token), range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 401]
    assert flow.count("sessions") == 1


def test_after_five_wrong_answers_the_right_one_is_too_late(flow: Flow) -> None:
    token = flow.begin()

    assert [error_of(flow.answer(token, "000")) for _ in range(5)] == [(401, "invalid_credentials")] * 5
    assert error_of(flow.answer(token)) == (401, "token_revoked")
    assert len(flow.step.seen) == 5
    assert flow.answer(flow.begin()).status_code == 200


def test_five_tries_are_five_also_when_they_come_at_once(flow: Flow) -> None:
    token = flow.begin()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: flow.answer(token, "000"), range(12)))

    assert len(flow.step.seen) == 5


def test_a_method_that_is_not_asked_for_is_no_try(flow: Flow) -> None:
    token = flow.begin()
    for _ in range(6):
        answer = flow.answer(token, method="passkey")
        assert error_of(answer) == (400, "invalid_request")
        assert answer.get_json()["fields"] == {"method": "must be one of 'totp', 'paper'"}

    assert flow.answer(token).status_code == 200


def test_a_login_that_takes_longer_than_five_minutes_begins_again(flow: Flow) -> None:
    token = flow.begin()
    flow.sql("UPDATE signet_pending_logins SET expires_at = expires_at - 300000")

    assert error_of(flow.answer(token)) == (401, "token_expired")
    assert flow.step.seen == []
    flow.app.extensions["signet"].sessions.clean_up()
    assert flow.count("pending_logins") == 0
    assert error_of(flow.answer(token)) == (401, "token_expired")


def test_the_answer_of_another_user_is_wrong(flow: Flow) -> None:
    adas, bobs = flow.begin("ada"), flow.begin("bob")

    assert error_of(flow.answer(adas, "222")) == (401, "invalid_credentials")
    assert flow.answer(bobs, "222").get_json()["user_id"] == 2


def test_a_step_that_is_gone_meanwhile_gives_no_session(flow: Flow) -> None:
    token = flow.begin()
    flow.step.codes.clear()

    assert error_of(flow.answer(token)) == (401, "token_revoked")
    assert flow.count("sessions") == 0


# --- Forged ----------------------------------------------------------------------------------------------


def test_a_forged_token_is_refused_without_sql(flow: Flow) -> None:
    good = flow.begin()
    signet = flow.app.extensions["signet"]
    tokens = flow.login("cy").get_json()
    swapped = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
    renamed = "sgm_" + tokens["refresh_token"][4:]
    raw = base64.urlsafe_b64decode(good[4:] + "=" * (-len(good[4:]) % 4))
    of_no_key = "sgm_" + base64.urlsafe_b64encode(raw[:1] + b"\xff\xff" + raw[3:]).rstrip(b"=").decode()
    forged = (swapped, renamed, of_no_key, tokens["refresh_token"], "sgm_", good[:-1], "x" * 80)
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(signet.store.engine, "before_cursor_execute", note)
    answers = [flow.answer(each) for each in forged]
    event.remove(signet.store.engine, "before_cursor_execute", note)

    assert {error_of(answer) for answer in answers} == {(401, "invalid_token")}
    assert statements == []
    assert flow.answer(good).status_code == 200


def test_the_two_kinds_of_token_are_made_under_keys_of_their_own(flow: Flow) -> None:
    """A token of a pending login refreshes nothing, with any prefix."""
    token = flow.begin()
    for presented in (token, "sgr_" + token[4:]):
        answer = flow.client().post("/token/refresh", json={"refresh_token": presented})
        assert error_of(answer) == (401, "invalid_token")


def test_a_genuine_token_without_a_row_opens_nothing(flow: Flow) -> None:
    signet = flow.app.extensions["signet"]
    token = LoginTokens(signet.services.root_keys, flow.signet.clock).make(uuid4())

    assert error_of(flow.answer(token)) == (401, "token_expired")


# --- Bound to the user of the moment ---------------------------------------------------------------------


SINCE: dict[str, Callable[[Flow], Any]] = {
    "signed out everywhere": lambda flow: flow.signet.revoke_all(1),
    "another password": lambda flow: flow.users.set_password(1, "another long password"),
    "disabled": lambda flow: flow.users.disable(1),
    "deleted": lambda flow: flow.users.delete(1),
    "restored": lambda flow: flow.signet.sessions.restored(),
}


@pytest.mark.parametrize("since", SINCE)
def test_what_ends_a_user_s_sessions_ends_a_login_that_waits(flow: Flow, since: str) -> None:
    token = flow.begin()
    with flow.app.app_context():
        SINCE[since](flow)

    assert error_of(flow.answer(token)) == (401, "token_revoked")
    assert flow.count("sessions") == 0


@pytest.mark.parametrize("user_id", [1, 3], ids=["a code is asked for", "nothing is asked for"])
def test_a_sign_out_while_the_password_was_checked_leaves_no_pending_login_and_no_session(
    flow: Flow, user_id: int
) -> None:
    since = flow.signet.sessions.mark()
    flow.signet.sessions.end_all(user_id)
    with flow.app.app_context(), pytest.raises(InvalidCredentials):
        flow.app.extensions["signet"].login_flow.proceed(Attempt(user_id=user_id, since=since))

    assert (flow.count("pending_logins"), flow.count("sessions")) == (0, 0)


# --- Every way in ----------------------------------------------------------------------------------------


def test_a_form_is_asked_too(flow: Flow) -> None:
    answer = flow.client().post("/token", data={"username": "ada", "password": PASSWORD})

    assert error_of(answer) == (401, "mfa_required")
    assert flow.answer(answer.get_json()["mfa_token"]).status_code == 200


def test_cookie_mode_keeps_its_rules_through_the_flow(flow: Flow) -> None:
    client = flow.client()
    flow.step.codes.pop(2)
    body = {"username": "bob", "password": PASSWORD, "transport": "cookie"}
    assert client.post("/token", json=body, headers=COOKIE_MODE).status_code == 200
    begun = client.post("/token", json={**body, "username": "ada"}, headers=COOKIE_MODE)
    assert error_of(begun) == (401, "mfa_required")
    assert "Set-Cookie" not in begun.headers
    token = begun.get_json()["mfa_token"]
    elsewhere = {"X-Signet": "1", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for headers in ({}, elsewhere):
        for _ in range(3):
            assert error_of(flow.answer(token, client=client, headers=headers)) == (403, "csrf_failed")
    assert flow.step.seen == []
    # Nor can a script get at the refresh token by asking for the other transport.
    done = flow.answer(token, client=client, headers=COOKIE_MODE, transport="body")

    assert done.status_code == 200
    assert "refresh_token" not in done.get_json()
    assert "HttpOnly" in done.headers["Set-Cookie"]
    assert flow.signet.sessions.listing(2) == []  # the session that this browser held
    assert client.post("/token/refresh", headers=COOKIE_MODE).status_code == 200


def test_a_view_of_the_application_gets_the_body_by_raising(flow: Flow) -> None:
    for path in ("/mine", "/own-transaction"):
        answer = flow.client().post(path)
        assert error_of(answer) == (401, "mfa_required")
        assert flow.count("sessions") == 0
        token = answer.get_json()["mfa_token"]
        cookie = flow.answer(token, headers=COOKIE_MODE, transport="cookie")
        assert cookie.status_code == 200
        assert "refresh_token" not in cookie.get_json()
        flow.signet.sessions.end_all(1)
        flow.sql("DELETE FROM signet_sessions")


def test_a_change_of_password_without_a_session_is_done_and_asks_for_the_rest(flow: Flow) -> None:
    client = flow.client()
    tokens = client.get("/bare-token/1").get_json()
    body = {"current_password": PASSWORD, "password": "another long password"}
    answer = client.post("/account/password", json=body, headers=bearer(tokens))

    assert error_of(answer) == (401, "mfa_required")
    assert flow.count("sessions") == 0
    assert error_of(flow.login()) == (401, "invalid_credentials")
    assert flow.answer(answer.get_json()["mfa_token"]).status_code == 200


def test_a_change_of_password_within_a_session_goes_on_with_it(flow: Flow) -> None:
    tokens = flow.answer(flow.begin()).get_json()
    body = {"current_password": PASSWORD, "password": "another long password"}

    assert flow.client().post("/account/password", json=body, headers=bearer(tokens)).status_code == 200


def test_users_of_the_application_are_asked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Codes({1: "111"})
    monkeypatch.setattr(Signet, "_rooms", (room_with(step),))
    club = Club(tmp_path / "club")
    try:
        club.add()
        body = {"username": "mallory", "password": CLUB_PASSWORD}
        tokens = [club.client.post("/token", json=body).get_json()["mfa_token"] for _ in range(2)]
        answers = {"method": "totp", "code": "111"}
        first = club.client.post("/token/mfa", json={"mfa_token": tokens[0], **answers})
        assert first.status_code == 200
        # By now another user has the same id, and Flask-Signet was not told.
        club.raw("UPDATE member SET pw = 'pbkdf2:sha256:1000$x$00'")
        second = club.client.post("/token/mfa", json={"mfa_token": tokens[1], **answers})
    finally:
        club.close()

    assert error_of(second) == (401, "token_revoked")


def test_without_a_step_there_is_no_such_route_and_no_row(tmp_path: Path) -> None:
    app = create_app(tmp_path, {"SIGNET_THROTTLE": False})
    app.extensions["signet"].users.create("ada", PASSWORD)
    client = app.test_client()
    login = client.post("/token", json={"username": "ada", "password": PASSWORD})
    answer = client.post("/token/mfa", json={"mfa_token": "sgm_1", "method": "totp", "code": "111"})
    app.extensions["signet"].close()

    assert login.status_code == 200
    assert answer.status_code == 404


def test_the_flow_alone_opens_sessions() -> None:
    """Read in the source: another caller of `open` would skip every step."""
    callers = set()
    for file in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "open":
                owner = ast.unparse(node.value)
                if "sessions" in owner.lower() or "opening" in owner.lower():
                    callers.add((file.relative_to(SRC).as_posix(), owner))

    assert callers == {
        ("sessions/login_flow.py", "self._sessions"),
        ("sessions/service.py", "opening"),
    }


def test_the_token_stands_in_no_log_and_in_no_text_of_an_error(flow: Flow, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = flow.begin()
    flow.answer(token, "000")
    error = MfaRequired(mfa_token=token, methods=("totp",), expires_in=300)

    assert token not in caplog.text + str(error) + repr(error)
    assert "sgr_secret" not in repr(Attempt(user_id=1, replaces="sgr_secret"))
