"""What a room declares is served where its setting turns it on, and nothing of it is there where it is off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask, Response
from flask.cli import ScriptInfo
from sqlalchemy import Column, Connection, Integer, MetaData, Table

from flask_signet import Signet, decode_token
from flask_signet.accounts import UserId
from flask_signet.accounts.events import UserDeleted
from flask_signet.commands import signet as signet_group
from flask_signet.exceptions import SettingsError
from flask_signet.findings import Finding, ok
from flask_signet.house_routes import ROUTES
from flask_signet.room import AnyRoom, Core, Reaction, Room, rooms_on
from flask_signet.rooms import ROOMS
from flask_signet.sessions.events import SessionOpened
from flask_signet.web.answers import json_answer
from flask_signet.web.routes import TOKEN, Call, Route, served_by

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestbookSettings:
    greeting: str


@dataclass
class Guestbook:
    """Counts the logins of this application."""

    core: Core
    settings: GuestbookSettings
    seen: list[Any] = field(default_factory=list[Any])


def read(config: Mapping[str, Any]) -> GuestbookSettings | None:
    greeting = config.get("SIGNET_GUESTBOOK")
    if greeting is None:
        return None
    if not isinstance(greeting, str):
        raise SettingsError('SIGNET_GUESTBOOK must be a string, such as "Welcome"')
    return GuestbookSettings(greeting=greeting)


def greet(call: Call[Guestbook, None]) -> Response:
    """Greet the visitor."""
    return json_answer({"greeting": call.services.settings.greeting, "logins": len(call.services.seen)})


def hidden(call: Call[Guestbook, None]) -> Response:
    """List who was here."""
    return json_answer(call.services.seen)


def opened(guestbook: Guestbook, event: SessionOpened, connection: Connection) -> None:
    assert connection.in_transaction()
    if event.user_id == 666:
        raise RuntimeError("not this one")
    guestbook.seen.append(event.user_id)


def visits(guestbook: Guestbook, user_id: UserId, connection: Connection | None) -> dict[str, Any]:
    """Return how often the user was here, and whether a transaction is open; the other claims are not for a room."""
    return {"visits": guestbook.seen.count(user_id), "open": connection is not None, "sid": "x", "epoch": 99}


def removed(guestbook: Guestbook, event: UserDeleted, connection: Connection) -> None:
    assert connection.in_transaction()
    guestbook.seen.remove(event.user_id)


def held(guestbook: Guestbook, user_id: UserId) -> dict[str, Any]:
    return {"logins": guestbook.seen.count(user_id)}


def export(call: Call[Guestbook, None]) -> Response:
    """Return what is held about the user."""
    return json_answer(call.services.core.export(1))


def greeting_is_short(settings: GuestbookSettings) -> Iterator[Finding]:
    yield ok("greeting", f"The greeting has {len(settings.greeting)} characters.")


def guestbook(**changed: Any) -> AnyRoom:
    values: dict[str, Any] = {
        "name": "guestbook",
        "setting_keys": ("SIGNET_GUESTBOOK",),
        "read": read,
        "open": lambda core, settings: Guestbook(core, settings),
        "routes": (
            Route(method="GET", path="/guestbook", view=greet, guard=None, answers={200: dict[str, Any]}),
            Route(method="GET", path="/guestbook/all", view=hidden, guard=TOKEN, answers={200: list[Any]}),
            Route(method="GET", path="/guestbook/export", view=export, guard=TOKEN, answers={200: dict[str, Any]}),
        ),
        "reactions": (Reaction(event=SessionOpened, react=opened), Reaction(event=UserDeleted, react=removed)),
        "checks": (greeting_is_short,),
        "commands": {
            "guestbook": "tests.support.guestbook:guestbook",
            "users greet": "tests.support.guestbook:greet",
        },
        "claims": visits,
        "export": held,
        **changed,
    }
    return Room(**values)


def make(tmp_path: Path, *rooms: AnyRoom, **config: Any) -> tuple[Flask, Signet]:
    class SignetWithRooms(Signet):
        _rooms = rooms

    app = Flask("rooms", instance_path=str(tmp_path), static_folder=None)
    app.config.update(TESTING=True, **config)
    signet = SignetWithRooms(app)
    return app, signet


def paths(app: Flask) -> list[str]:
    """Return the paths of the OpenAPI document."""
    return [served.prefix + served.route.path for served in served_by(app)]


def test_a_room_serves_its_routes_and_reacts_within_the_transaction(tmp_path: Path) -> None:
    app, signet = make(tmp_path, guestbook(), SIGNET_GUESTBOOK="Welcome", SIGNET_URL_PREFIX="/auth")
    client = app.test_client()
    with app.app_context():
        signet.users.create("ada", PASSWORD)
    token = client.post("/auth/token", json={"username": "ada", "password": PASSWORD}).get_json()["token"]

    assert client.get("/auth/guestbook").get_json() == {"greeting": "Welcome", "logins": 1}
    assert client.get("/auth/guestbook/all").status_code == 401
    assert client.get("/auth/guestbook/all", headers={"Authorization": f"Bearer {token}"}).get_json() == [1]
    refused = client.post("/auth/guestbook")
    assert (refused.status_code, refused.get_json()["error"]) == (405, "method_not_allowed")
    assert "/auth/guestbook" in paths(app)


def test_a_reaction_that_fails_undoes_what_it_reacts_to(tmp_path: Path) -> None:
    def refuse(service: Guestbook, event: SessionOpened, connection: Connection) -> None:
        raise SettingsError("no")

    room = guestbook(reactions=(Reaction(event=SessionOpened, react=refuse),))
    app, signet = make(tmp_path, room, SIGNET_GUESTBOOK="Welcome")
    with app.app_context():
        user = signet.users.create("ada", PASSWORD)
        with pytest.raises(SettingsError, match=r"^no$"):
            signet.login(user)

        assert signet.sessions.listing() == []


def test_a_room_brings_commands_of_its_own_and_of_an_existing_group(tmp_path: Path) -> None:
    app, _ = make(tmp_path, guestbook(), SIGNET_GUESTBOOK="Welcome")
    off, _ = make(tmp_path / "off", guestbook())

    def run(app: Flask, *words: str) -> tuple[int, str]:
        done = CliRunner().invoke(signet_group, words, obj=ScriptInfo(create_app=lambda: app))
        return done.exit_code, done.output

    assert (run(app, "guestbook"), run(app, "users", "greet", "ada")) == ((0, "Welcome\n"), (0, "Welcome, ada\n"))
    assert "Say the greeting." in run(app, "--help")[1]
    assert "Greet the user USERNAME." in run(app, "users", "--help")[1]
    assert "Create the account USERNAME." in run(app, "users", "--help")[1]
    for words in (("guestbook",), ("users", "greet", "ada")):
        assert (run(off, *words)[0], "No such command" in run(off, *words)[1]) == (2, True)
    assert "greet" not in run(off, "--help")[1] + run(off, "users", "--help")[1]


def test_a_room_adds_claims_to_the_access_tokens_of_sessions(tmp_path: Path) -> None:
    app, signet = make(tmp_path, guestbook(), SIGNET_GUESTBOOK="Welcome")

    @signet.additional_claims_loader
    def add(identity: Any) -> dict[str, Any]:
        return {"visits": "of the loader", "plan": "free"}

    with app.app_context():
        user = signet.users.create("ada", PASSWORD)
        first = signet.login(user)
        with signet.store.write() as connection:
            joined = signet.login(user, connection=connection)
        assert first.refresh_token is not None
        refreshed = signet.sessions.rotate(first.refresh_token)
        claims = [decode_token(each.access_token) for each in (first, joined, refreshed)]

    assert [(each["visits"], each["open"], each["plan"]) for each in claims] == [
        (1, False, "free"),
        (2, True, "free"),
        (2, False, "free"),
    ]
    assert [each["epoch"] for each in claims] == [0, 0, 0]
    assert "x" not in [each["sid"] for each in claims]


def test_an_application_with_an_error_leaves_the_commands_that_need_none(tmp_path: Path) -> None:
    def broken() -> Flask:
        raise SettingsError("JWT_KEYS is wrong")

    done = [
        CliRunner().invoke(signet_group, words, obj=ScriptInfo(create_app=broken))
        for words in (["--help"], ["keys", "generate", "--secret"])
    ]

    assert [each.exit_code for each in done] == [0, 0]
    assert "commands may be missing here: JWT_KEYS is wrong" in done[0].output
    assert "JWT_KEYS" not in done[1].output


@pytest.mark.parametrize("words", [("doctr",), ("users", "creat")])
def test_a_mistyped_command_is_named_also_in_an_application_with_an_error(words: tuple[str, ...]) -> None:
    def broken() -> Flask:
        raise SettingsError("JWT_KEYS is wrong")

    done = CliRunner().invoke(signet_group, words, obj=ScriptInfo(create_app=broken))

    assert (done.exit_code, f"No such command '{words[-1]}'" in done.output) == (2, True)
    assert "commands may be missing here: JWT_KEYS is wrong" in done.output


def test_a_room_exports_what_it_holds_about_a_user_and_removes_it_with_the_user(tmp_path: Path) -> None:
    app, signet = make(tmp_path, guestbook(), SIGNET_GUESTBOOK="Welcome")
    with app.app_context():
        token = signet.login(signet.users.create("ada", PASSWORD)).access_token
    answer = app.test_client().get("/guestbook/export", headers={"Authorization": f"Bearer {token}"})
    with app.app_context():
        signet.users.delete(1)

    assert answer.get_json() == {"guestbook": {"logins": 1}}
    assert app.test_client().get("/guestbook").get_json()["logins"] == 0


def test_a_room_removes_what_it_holds_about_a_user_whom_the_application_deletes(tmp_path: Path) -> None:
    gone: list[Any] = []

    def remove(guestbook: Guestbook, event: UserDeleted, connection: Connection) -> None:
        gone.append(event.user_id)

    room = guestbook(reactions=(Reaction(event=UserDeleted, react=remove),))
    app, _ = make(tmp_path, room, SIGNET_GUESTBOOK="Welcome")
    house = app.extensions["signet"]
    with house.store.write() as connection:
        assert house.deleting([7], connection)
    house.deleted([8])

    assert gone == [7, 8]


def test_a_room_that_is_off_adds_nothing_and_is_never_opened(tmp_path: Path) -> None:
    def never(core: Core, settings: GuestbookSettings) -> Guestbook:
        raise AssertionError("opened")

    app, signet = make(tmp_path, guestbook(open=never))
    plain, _ = make(tmp_path / "plain")
    with app.app_context():
        signet.users.create("ada", PASSWORD)

    assert app.test_client().get("/guestbook").status_code == 404
    assert {str(rule) for rule in app.url_map.iter_rules()} == {str(rule) for rule in plain.url_map.iter_rules()}
    assert paths(app) == paths(plain)


def test_a_room_opens_once_and_again_after_a_close(tmp_path: Path) -> None:
    times: list[int] = []

    def count(core: Core, settings: GuestbookSettings) -> Guestbook:
        times.append(1)
        return Guestbook(core, settings)

    app, _ = make(tmp_path, guestbook(open=count), SIGNET_GUESTBOOK="Welcome")
    client = app.test_client()
    assert times == []
    for _ in range(3):
        client.get("/guestbook")
    assert len(times) == 1
    app.extensions["signet"].close()
    client.get("/guestbook")

    assert len(times) == 2


def test_a_wrong_setting_of_a_room_is_an_error_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match='SIGNET_GUESTBOOK must be a string, such as "Welcome"'):
        make(tmp_path, guestbook(), SIGNET_GUESTBOOK=7)


def test_the_name_of_a_setting_is_known_if_a_room_has_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="There is no setting SIGNET_GUESTBOOK"):
        make(tmp_path, SIGNET_GUESTBOOK="Welcome")
    with pytest.raises(SettingsError, match=r"There is no setting SIGNET_GUESTBOK.*SIGNET_GUESTBOOK"):
        make(tmp_path, guestbook(), SIGNET_GUESTBOK="Welcome")


def test_the_doctor_looks_at_a_room_that_is_on(tmp_path: Path) -> None:
    app, _ = make(tmp_path, guestbook(), SIGNET_GUESTBOOK="Welcome")
    checks = {check.__name__: check for check in app.extensions["signet"].checks()}

    found = [finding.summary for finding in checks["guestbook_greeting_is_short"](app)]

    assert found == ["The greeting has 7 characters."]
    off, _ = make(tmp_path / "off", guestbook())
    assert not [check for check in off.extensions["signet"].checks() if "guestbook" in check.__name__]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "Guest book"}, "lower case letters"),
        ({"setting_keys": ("SIGNET_BOOK",)}, "SIGNET_BOOK must begin with SIGNET_GUESTBOOK"),
        ({"setting_keys": ("SIGNET_GUESTBOOKS",)}, "must begin with SIGNET_GUESTBOOK"),
        (
            {"tables": (Table("signet_visits", MetaData(), Column("id", Integer)),)},
            "signet_visits must begin with signet_guestbook",
        ),
    ],
)
def test_the_names_of_a_room_are_held_to_its_own(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        guestbook(**changed)


def test_two_rooms_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="two rooms are named 'guestbook'"):
        rooms_on((guestbook(), guestbook()), {})


def test_the_rooms_of_the_package_have_names_of_their_own() -> None:
    names = [room.name for room in ROOMS]

    assert len(set(names)) == len(names)
    assert not set(names) & set(ROUTES)
