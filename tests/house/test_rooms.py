"""What a room declares is served where its setting turns it on, and nothing of it is there where it is off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from sqlalchemy import Column, Connection, Integer, MetaData, Table

from flask_signet import Signet
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
        ),
        "reactions": (Reaction(event=SessionOpened, react=opened),),
        "checks": (greeting_is_short,),
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
