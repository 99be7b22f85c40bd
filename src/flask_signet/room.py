"""The declaration of an optional feature, and the services that it receives when it opens.

A room is data and functions. It is listed once, in :mod:`flask_signet.rooms`; nothing looks it up by its name, and no
room finds another one. What two rooms need becomes a field of :class:`Core`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Table

from flask_signet.accounts import AppAccounts, UserId
from flask_signet.clock import Clock
from flask_signet.events import Event, Events
from flask_signet.findings import Finding
from flask_signet.sessions.login_flow import LoginFlow
from flask_signet.sessions.login_step import LoginStep
from flask_signet.sessions.service import Sessions
from flask_signet.store import RootKeyRing, Store
from flask_signet.throttle import Throttle
from flask_signet.web.routes import Route

S = TypeVar("S")
R = TypeVar("R")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,30}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The services that a room receives when it opens: its only access to the rest of the application.

    :param export: returns what the rooms hold about a user: name of a room → its :attr:`Room.export`.
    """

    store: Store
    root_keys: RootKeyRing
    clock: Clock
    users: AppAccounts
    sessions: Sessions
    login_flow: LoginFlow
    events: Events
    throttle: Throttle
    export: Callable[[UserId], dict[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction(Generic[R]):
    """A function that a room runs within the transaction of an event.

    :param event: the class of the event.
    :param react: called with the service of the room, the event and the connection of the transaction.
    """

    event: type[Event]
    react: Callable[[R, Any, Connection], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room(Generic[S, R]):
    """One optional feature.

    :param name: such as ``"totp"``. Its tables are named ``signet_totp…``, its settings ``SIGNET_TOTP…``.
    :param setting_keys: every setting that it reads.
    :param read: returns its settings, or ``None`` where the ability is off. It then adds nothing: no route, no import,
        no cost to a request.
    :param open: returns its service. Called once for each application, when the first service is needed.
    :param tables: its tables. They exist whether the room is on or off, so turning it on needs no migration.
    :param routes: its routes. Their views are handed the service.
    :param steps: returns what it may ask of a user after the first proof of a login.
    :param reactions: what it does within transactions of others.
    :param checks: what ``flask signet doctor`` looks at, given the settings.
    :param commands: name of a command, such as ``"audit"``, or ``"users roles"`` for one of an existing group → where
        it is, such as ``"flask_signet.features.audit.commands:audit_group"``. Imported when it is called.
    :param claims: returns claims for the access tokens of a session, at each login and refresh. They replace those of
        the application's loaders. The connection is a transaction that is still open, or ``None``: read in your own.
    :param export: returns what the room holds about a user, as JSON and without secrets. What a room holds about a
        user who is deleted, it removes in a reaction to :class:`~flask_signet.accounts.events.UserDeleted`.
    :raises ValueError: a name does not follow these rules.
    """

    name: str
    setting_keys: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], S | None]
    open: Callable[[Core, S], R]
    tables: tuple[Table, ...] = ()
    routes: tuple[Route[R, Any], ...] = ()
    steps: Callable[[R], Iterable[LoginStep]] | None = None
    reactions: tuple[Reaction[R], ...] = ()
    checks: tuple[Callable[[S], Iterable[Finding]], ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict[str, str])
    claims: Callable[[R, UserId, Connection | None], Mapping[str, Any]] | None = None
    export: Callable[[R, UserId], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        """Check the names: migrations and messages rely on the rules."""
        if _NAME(self.name) is None:
            raise ValueError(f"the name of a room must be lower case letters, digits and _, not {self.name!r}")
        for key in self.setting_keys:
            if not re.match(rf"SIGNET_{self.name.upper()}(_|$)", key):
                raise ValueError(f"{key} must begin with SIGNET_{self.name.upper()}: it is a setting of {self.name!r}")
        for table in self.tables:
            if not re.match(rf"signet_{self.name}(_|$)", table.name):
                raise ValueError(f"{table.name} must begin with signet_{self.name}: it is a table of {self.name!r}")


AnyRoom = Room[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRoom(Generic[S, R]):
    """A room that is on in one application, with its settings."""

    room: Room[S, R]
    settings: S


def rooms_on(rooms: Iterable[AnyRoom], config: Mapping[str, Any]) -> tuple[OnRoom[Any, Any], ...]:
    """Return the rooms that the settings turn on, in their order.

    :raises SettingsError: a setting of a room is wrong.
    :raises ValueError: two rooms have one name.
    """
    found: list[OnRoom[Any, Any]] = []
    names: set[str] = set()
    for room in rooms:
        if room.name in names:
            raise ValueError(f"two rooms are named {room.name!r}")
        names.add(room.name)
        settings = room.read(config)
        if settings is not None:
            found.append(OnRoom(room=room, settings=settings))
    return tuple(found)
