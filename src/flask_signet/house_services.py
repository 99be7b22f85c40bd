"""Create and connect the services of one application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, current_app, has_app_context
from sqlalchemy import Connection, Engine

from flask_signet.accounts import AppAccounts, Passwords, UserId, Users
from flask_signet.accounts import settings as account_settings
from flask_signet.accounts.events import AccountEnded, EvidenceRenewed, UserDeleted
from flask_signet.accounts.service import accounts_of_application, built_in_accounts
from flask_signet.clock import Clock, SteadyTime
from flask_signet.events import Event, Events
from flask_signet.house_settings import longest_life
from flask_signet.room import Core, OnRoom, Reaction
from flask_signet.sessions.events import CleaningUp
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.login_flow import LoginFlow
from flask_signet.sessions.login_step import LoginStep
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.session_tokens import Claims
from flask_signet.sessions.settings import CurrentSettings
from flask_signet.sessions.token_users import TokenUsers
from flask_signet.signing_keys.ring import DatabaseRing
from flask_signet.signing_keys.table import KeyTable, has_keys
from flask_signet.store import RootKeyRing, Store, open_root_keys
from flask_signet.store import settings as store_settings
from flask_signet.store.app_transaction import blocks_writing
from flask_signet.store.clock_offset import steady_time
from flask_signet.throttle import Throttle
from flask_signet.throttle.attempts import LABEL as THROTTLE_LABEL
from flask_signet.throttle.memory import MemoryCounters
from flask_signet.throttle.sql import SqlCounters
from flask_signet.throttle.substitute import Substitute
from flask_signet.web.issuing import issue_access

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What the rooms bring for services that are opened before them: filled while the rooms open.

    :param exports: name of a room → what it holds about a user.
    """

    steps: list[LoginStep] = field(default_factory=list[LoginStep])
    claims: list[Claims] = field(default_factory=list[Claims])
    exports: dict[str, Callable[[UserId], Mapping[str, Any]]] = field(
        default_factory=dict[str, Callable[[UserId], Mapping[str, Any]]]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The open services of one application.

    :param of_rooms: name of a room that is on → its service.
    """

    store: Store
    root_keys: RootKeyRing
    events: Events
    keys: KeyTable
    ring: DatabaseRing
    users: AppAccounts
    throttle: Throttle
    feed: Feed
    sessions: Sessions
    login_flow: LoginFlow
    token_users: TokenUsers
    of_rooms: Mapping[str, Any]


def open_services(
    app: Flask,
    clock: Clock,
    own_users: Users | None,
    session_settings: CurrentSettings,
    rooms: Iterable[OnRoom[Any, Any]],
    app_engine: Callable[[], Engine | None],
) -> Services:
    """Open the services of *app*.

    :param own_users: the application's own users; ``None`` for the built-in accounts.
    :param rooms: the optional abilities that are on.
    :param app_engine: gives the engine of the application's Flask-SQLAlchemy, or ``None`` if it has none.
    :raises SettingsError: a setting is wrong.
    """
    config = cast(Mapping[str, Any], app.config)
    settings = store_settings.read(app.config, app.instance_path)
    store = Store(settings, clock=clock, app_engine=app_engine)
    root_keys = open_root_keys(
        settings, clock=clock, server_database=store.dialect != "sqlite", in_use=partial(has_keys, store)
    )
    keys = KeyTable(store, root_keys)
    events = Events(store)
    events.react(CleaningUp, lambda _, connection: keys.remember_life(longest_life(config), connection))
    time = steady_time(clock, None if store.in_memory else settings.folder)
    throttle = _throttle(app, store, root_keys, clock, time, events)
    users = _users(config, store, own_users, throttle, clock, events)
    brought = Brought()
    feed = Feed(store, session_settings, clock)
    sessions = Sessions(
        store=store,
        root_keys=root_keys,
        feed=feed,
        settings=session_settings,
        clock=clock,
        time=time,
        issue=partial(issue_access, app),
        claims=brought.claims,
        standing=users.standing,
        ask_on_refresh=users.asked_on_refresh,
        canonical=users.canonical,
        events=events,
        sender=app,
    )
    _connect_accounts(events, sessions, built_in=own_users is None)
    flow = LoginFlow(sessions, root_keys, brought.steps)
    events.react(CleaningUp, lambda _, connection: flow.clean_up(connection))
    core = Core(
        store=store,
        root_keys=root_keys,
        clock=clock,
        users=users,
        sessions=sessions,
        login_flow=flow,
        events=events,
        throttle=throttle,
        export=lambda user_id: {name: held(user_id) for name, held in brought.exports.items()},
    )
    return Services(
        store=store,
        root_keys=root_keys,
        events=events,
        keys=keys,
        ring=DatabaseRing(keys, clock),
        users=users,
        throttle=throttle,
        feed=feed,
        sessions=sessions,
        login_flow=flow,
        token_users=TokenUsers(
            users=users, sessions=sessions, feed=feed, identity_claim=lambda: config["JWT_IDENTITY_CLAIM"]
        ),
        of_rooms=_open_rooms(core, rooms, brought),
    )


def _open_rooms(core: Core, rooms: Iterable[OnRoom[Any, Any]], brought: Brought) -> Mapping[str, Any]:
    """Open each room, add to *brought* what it brings, and connect its reactions."""
    opened: dict[str, Any] = {}
    for on in rooms:
        service = opened[on.room.name] = on.room.open(core, on.settings)
        if on.room.steps is not None:
            brought.steps.extend(on.room.steps(service))
        if on.room.claims is not None:
            brought.claims.append(partial(on.room.claims, service))
        if on.room.export is not None:
            brought.exports[on.room.name] = partial(on.room.export, service)
        for reaction in on.room.reactions:
            core.events.react(reaction.event, _bound(reaction, service))
    return MappingProxyType(opened)


def _bound(reaction: Reaction[Any], service: Any) -> Callable[[Event, Connection], None]:
    return lambda event, connection: reaction.react(service, event, connection)


def _connect_accounts(events: Events, sessions: Sessions, *, built_in: bool) -> None:
    """Let the sessions react to what happens to accounts."""
    events.react(AccountEnded, lambda ended, own: sessions.end_all(ended.user_id, connection=own))
    events.react(EvidenceRenewed, lambda new, own: sessions.admit(new.user_id, new.before, new.after, connection=own))
    if not built_in:
        # A built-in account that is deleted has ended too, and its id is never used again.
        events.react(UserDeleted, lambda gone, own: sessions.forget(gone.user_id, connection=own))


def _throttle(
    app: Flask, store: Store, root_keys: RootKeyRing, clock: Clock, time: SteadyTime, events: Events
) -> Throttle:
    settings = account_settings.read(app.config)
    counters = None
    if settings.throttle and settings.throttle_store == "memory":
        counters = MemoryCounters(clock)
    elif settings.throttle:
        counters = SqlCounters(store, now=time.now, instead=None if store.own_file else _substitute(app, store, clock))
        clean_up = counters.clean_up
        events.react(CleaningUp, lambda _, connection: clean_up(connection))
    return Throttle(counters, partial(root_keys.derive, THROTTLE_LABEL))


def _substitute(app: Flask, store: Store, clock: Clock) -> Substitute:
    return Substitute(clock, lambda: blocks_writing(_app_session(app, store.engine), store))


def _app_session(app: Flask, engine: Engine) -> Session | None:
    """Return the session that the application's Flask-SQLAlchemy has open here, if *engine* is its engine."""
    extension = app.extensions.get("sqlalchemy")
    if extension is None or not has_app_context() or cast(Any, current_app)._get_current_object() is not app:
        return None
    sessions = extension.session
    if extension.engine is not engine or not sessions.registry.has():
        return None
    return cast("Session", sessions())


def _users(
    config: Mapping[str, Any],
    store: Store,
    own_users: Users | None,
    throttle: Throttle,
    clock: Clock,
    events: Events,
) -> AppAccounts:
    passwords = Passwords(account_settings.read(config), clock=clock)
    if own_users is None:
        return built_in_accounts(store, passwords, throttle, events)
    return accounts_of_application(own_users, store, passwords, throttle, events)
