"""The lesson's app as a learner runs it: a real process, real requests, both servers, a real browser."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.http import Reply, request
from tests.support.processes import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

LESSON = Path(__file__).parent.parent.parent / "examples" / "lesson"
SERVERS = {
    "flask run": [sys.executable, "-m", "flask", "--app", "app", "run", "--port", "{port}"],
    "gunicorn": [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}", "app:app"],
    "gunicorn, preload": [
        *(sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:{port}", "app:app")
    ],
}
PASSWORD = "12341234"


@pytest.fixture(
    scope="module", params=[pytest.param("flask run", marks=pytest.mark.journey), "gunicorn", "gunicorn, preload"]
)
def lesson(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The lesson's app with its user, made by its own command."""
    folder = tmp_path_factory.mktemp("lesson")
    env = {"JWT_SECRET_KEY": secrets.token_urlsafe(32), "DATABASE_URL": f"sqlite:///{folder}/lesson.sqlite3"}
    server = Server(SERVERS[request.param], cwd=LESSON, env=env)
    made = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "create-user", "alesanchezr", "--password", PASSWORD],
        cwd=LESSON,
        env=server.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout == "User 1: alesanchezr\n"
    with server.start():
        yield server


def log_in(server: Server, username: object = "alesanchezr", password: object = PASSWORD) -> Reply:
    return request("POST", f"{server.url}/token", json_body={"username": username, "password": password})


def still_works(server: Server) -> bool:
    return log_in(server).status == 200


def test_name_and_password_give_a_token_that_opens_the_door(lesson: Server) -> None:
    """The two steps of the lesson; the id comes back as the number it is."""
    answer = log_in(lesson)
    assert answer.status == 200
    assert answer.json == {"token": answer.json["token"], "user_id": 1}

    guarded = request("GET", f"{lesson.url}/protected", token=answer.json["token"])

    assert guarded.status == 200
    assert guarded.json == {"id": 1, "username": "alesanchezr"}


def test_the_subject_is_a_string_on_the_wire(lesson: Server) -> None:
    """RFC 7519 section 4.1.2, though the identity given was an int."""
    payload = log_in(lesson).json["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    assert claims["sub"] == "1"


@pytest.mark.parametrize(("username", "password"), [("alesanchezr", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_name_or_password_is_refused_with_the_same_answer(lesson: Server, username: str, password: str) -> None:
    """Which of the two was wrong stays unsaid."""
    answer = log_in(lesson, username, password)

    assert answer.status == 401
    assert answer.json == {"msg": "Bad username or password"}


def test_without_a_token_the_door_stays_closed(lesson: Server) -> None:
    """The message is the one that users of Flask-JWT-Extended know."""
    answer = request("GET", f"{lesson.url}/protected")

    assert answer.status == 401
    assert answer.json["msg"] == "Missing Authorization Header"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


UNSIGNED = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded({'sub': '1', 'type': 'access', 'fresh': True})}."


@pytest.mark.parametrize("token", [UNSIGNED, "no.token.atall", "x", "a.b", "é.é.é".encode().decode("latin-1")])
def test_an_invented_token_does_not_open_it(lesson: Server, token: str) -> None:
    """Also the one that says of itself that it needs no signature."""
    answer = request("GET", f"{lesson.url}/protected", token=token)

    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_cut_signature_does_not_open_it(lesson: Server) -> None:
    """Neither one character less nor none at all."""
    token = log_in(lesson).json["token"]
    unsigned = token.rpartition(".")[0] + "."

    statuses = [request("GET", f"{lesson.url}/protected", token=cut).status for cut in (token[:-1], unsigned)]

    assert statuses == [401, 401]


def test_another_scheme_does_not_open_it(lesson: Server) -> None:
    """The right token under the wrong name is no token."""
    token = log_in(lesson).json["token"]

    answer = request("GET", f"{lesson.url}/protected", headers={"Authorization": f"Basic {token}"})

    assert answer.status == 401


JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        pytest.param(b"", JSON, 400, id="no body"),
        pytest.param(None, None, 415, id="no body, no type"),
        pytest.param(b"{", JSON, 400, id="not JSON"),
        pytest.param(b"\xff\xfe\x00", JSON, 400, id="not UTF-8"),
        pytest.param(b"username=alesanchezr&password=12341234", "application/x-www-form-urlencoded", 415, id="a form"),
        pytest.param(b'["alesanchezr", "12341234"]', JSON, 400, id="a list"),
        pytest.param(b"null", JSON, 400, id="null"),
        pytest.param(b'"alesanchezr"', JSON, 400, id="a text"),
        pytest.param(b"{}", JSON, 400, id="empty"),
        pytest.param(b'{"username": "alesanchezr"}', JSON, 400, id="no password"),
        pytest.param(b'{"username": "alesanchezr", "password": 12341234}', JSON, 400, id="a number as password"),
        pytest.param(b'{"username": ["alesanchezr"], "password": "12341234"}', JSON, 400, id="a list as name"),
        pytest.param(b'{"username": "\\ud800", "password": "12341234"}', JSON, 400, id="half a character as name"),
        pytest.param(b'{"username": "alesanchezr", "password": "\\udfff"}', JSON, 400, id="half a character"),
        pytest.param(b"[" * 9_000, JSON, 400, id="deeply nested"),
        pytest.param(b'{"username": ' + b"9" * 9_000 + b"}", JSON, 400, id="a number of 9,000 digits"),
        pytest.param(b'"' + b"x" * 1_000_000 + b'"', JSON, 413, id="1 MB"),
    ],
)
def test_bad_input_is_refused_in_json_and_the_next_good_request_is_answered(
    lesson: Server, body: bytes | None, content_type: str | None, status: int
) -> None:
    """What a client sends never makes the server answer 500."""
    headers = {} if content_type is None else {"Content-Type": content_type}

    answer = request("POST", f"{lesson.url}/token", body=body, headers=headers)

    assert answer.status == status
    assert list(answer.json) == ["msg"]
    assert still_works(lesson)


def test_a_name_of_another_alphabet_or_with_quotes_is_only_a_name(lesson: Server) -> None:
    """Neither the database nor the hash is troubled."""
    statuses = [log_in(lesson, name).status for name in ("Ålesänchez 🔑", "' or 1=1 --", "a\0b")]

    assert statuses == [401, 401, 401]


def test_a_second_user_of_the_same_name_is_not_made(lesson: Server) -> None:
    """The command says why in one line."""
    again = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "create-user", "alesanchezr", "--password", "other"],
        cwd=LESSON,
        env=lesson.env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert again.returncode == 1
    assert again.stderr == "Error: There is a user alesanchezr already\n"


@pytest.mark.browser
def test_the_page_logs_in_shows_what_is_guarded_and_logs_out(lesson: Server, page: Page) -> None:
    """Wrong password first, then the right one; a reload keeps the tab logged in."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(lesson.url)
    page.get_by_label("User name").fill("alesanchezr")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("Bad username or password").wait_for()

    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("You are alesanchezr, number 1.").wait_for()
    page.reload()
    page.get_by_text("You are alesanchezr, number 1.").wait_for()

    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in").wait_for()
    assert page.evaluate("sessionStorage.length") == 0
    assert problems == []


@pytest.mark.browser
def test_the_page_sends_the_user_back_to_the_form_when_the_token_no_longer_counts(lesson: Server, page: Page) -> None:
    """A token that the server refuses is thrown away, and the reason is shown."""
    page.goto(lesson.url)
    page.evaluate("sessionStorage.setItem('lesson-token', 'made.up.token')")
    page.reload()

    page.get_by_role("button", name="Log in").wait_for()

    assert page.evaluate("sessionStorage.length") == 0
    assert page.get_by_role("status").inner_text() != ""
