"""What one application opened: each service once, and the ports through which the token layer asks.

Nothing is opened when the application starts. Database, root key and signing keys are opened by the first request,
command or call that needs them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from flask import Flask, appcontext_pushed, current_app, has_app_context, request_started

from flask_signet.accounts import AppAccounts, Passwords, Users
from flask_signet.accounts import settings as account_settings
from flask_signet.accounts.own_users import model_of
from flask_signet.accounts.service import accounts_of_application, built_in_accounts
from flask_signet.clock import Clock
from flask_signet.events import Events
from flask_signet.exceptions import NotReadyError, SettingsError
from flask_signet.findings import Check
from flask_signet.house_settings import longest_life
from flask_signet.per_process import PerProcess
from flask_signet.sessions.access_tokens import AccessTokens
from flask_signet.sessions.events import CleaningUp
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.login_flow import LoginFlow
from flask_signet.sessions.login_step import LoginStep
from flask_signet.sessions.marks import CLAIM as MARK_CLAIM
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.settings import CurrentSettings
from flask_signet.sessions.steady_time import SteadyTime
from flask_signet.sessions.token_users import TokenUsers
from flask_signet.signing_keys.ring import DatabaseRing
from flask_signet.signing_keys.table import KeyTable, has_keys
from flask_signet.store import RootKeyRing, Store, flask_migrate, open_root_keys
from flask_signet.store import settings as store_settings
from flask_signet.throttle import Throttle
from flask_signet.throttle.keys import LABEL as THROTTLE_LABEL
from flask_signet.throttle.memory import MemoryCounters
from flask_signet.throttle.ports import Counters
from flask_signet.throttle.sql import SqlCounters
from flask_signet.tokens.revocations import USER_CLAIM
from flask_signet.tokens.ring import Ring
from flask_signet.web.clashes import clashes_of
from flask_signet.web.csrf_extension import exempt
from flask_signet.web.token_layer import layer_of

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What one application opened: each service once."""

    store: Store
    root_keys: RootKeyRing
    keys: KeyTable
    ring: DatabaseRing
    users: AppAccounts
    throttle: Throttle
    feed: Feed
    sessions: Sessions
    login_flow: LoginFlow
    token_users: TokenUsers


class House:
    """The rooms of one application, opened at first use. Hangs on ``app.extensions["signet"]``."""

    def __init__(
        self,
        app: Flask,
        clock: Clock,
        users: Users | None,
        sharing: WeakSet[Flask],
        steps: tuple[LoginStep, ...] = (),
    ) -> None:
        self._app = app
        self._sharing = sharing  # the applications with the same users
        self._looked = False
        self._config = cast(Mapping[str, Any], app.config)
        self._clock = clock
        self._users = users
        self._model = model_of(users)
        #: What a login may be asked for after the first proof.
        self.steps = steps
        self._rooms: Rooms | None = None
        self._opening = PerProcess(threading.RLock)
        #: The settings of sessions that hold now.
        self.session_settings = CurrentSettings(self._config)

    @property
    def rooms(self) -> Rooms:
        """Every service, made when the first one is needed.

        :raises SettingsError: a setting is wrong, or two routes clash.
        """
        rooms = self._rooms
        if rooms is None:
            with self._opening():
                rooms = self._rooms = self._rooms or self._open_or_say_why()
                layer = layer_of(self._app)
                layer.replace_source(self, rooms.ring)
                layer.replace_revocations(self, rooms.feed)
        return rooms

    @property
    def store(self) -> Store:
        """The database."""
        return (self._rooms or self.rooms).store

    @property
    def users(self) -> AppAccounts:
        """The account service."""
        return (self._rooms or self.rooms).users

    @property
    def sessions(self) -> Sessions:
        """The session service."""
        return (self._rooms or self.rooms).sessions

    @property
    def login_flow(self) -> LoginFlow:
        """The one way to a session."""
        return (self._rooms or self.rooms).login_flow

    @property
    def throttle(self) -> Throttle:
        """How often a client may do what costs work."""
        return self.rooms.throttle

    @property
    def keys(self) -> KeyTable:
        """The signing keys."""
        return self.rooms.keys

    def forget(self) -> None:
        """Forget what was counted of clients, and close every connection: for tests."""
        if self._rooms is not None:
            self._rooms.throttle.forget()
        self.close()

    def close(self) -> None:
        """Close every connection; the next use opens anew."""
        with self._opening():
            rooms = self._rooms
            if rooms is not None:
                layer = layer_of(self._app)
                layer.replace_source(rooms.ring, self)
                layer.replace_revocations(rooms.feed, self)
                rooms.feed.close()
                rooms.store.dispose()
            self._rooms = None

    # --- The ports that the token layer asks through ------------------------------------------------

    # Asked by the first request only: once opened, feed and ring are asked themselves, see `rooms`.

    def is_revoked(self, claims: Mapping[str, Any], identity_claim: str) -> bool:
        """Return whether the session or the user of *claims* was signed out."""
        return self.rooms.feed.is_revoked(claims, identity_claim)

    def has_another_user(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the user of *claims* is deleted, or a later one with the same id.

        What a refresh JWT or a token of a kind of the application's own gives is not bound to it, as a session is: so
        the row is compared here already. Access tokens are many, and live for minutes.
        """
        return MARK_CLAIM in claims and self.rooms.token_users.row(claims, claims.get(USER_CLAIM)) is None

    def current(self) -> Ring:
        """Return the ring of signing keys."""
        return self.rooms.ring.current()

    def refresh(self) -> Ring:
        """Look for new signing keys at once."""
        return self.rooms.ring.refresh()

    def stamp(self, identity: Any, subject: Any) -> dict[str, Any]:
        """Return the claims that let a token be revoked although it belongs to no session."""
        return self.rooms.token_users.stamp(identity, subject)

    def load(self, claims: Mapping[str, Any], identity: Any = None) -> Any | None:
        """Return the user of verified claims, or ``None``; see :meth:`TokenUsers.load`."""
        return self.rooms.token_users.load(claims, identity)

    def user_id(self, claims: Mapping[str, Any], identity: Any = None) -> Any:
        """Return the id of the user that verified claims stand for; see :meth:`TokenUsers.user_id`."""
        return self.rooms.token_users.user_id(claims, identity)

    # --- What is told of users that the application deletes -----------------------------------------

    def deleting(self, user_ids: list[Any], connection: Connection) -> bool:
        """End the sessions of deleted users in the transaction that deletes them, if it is in our database."""
        try:
            if not self._concerns(connection.engine):
                return True
            if self.store.engine is not connection.engine:
                return False
            # A savepoint: what fails here must not spoil the application's transaction.
            with connection.begin_nested():
                for user_id in user_ids:
                    self.sessions.forget(user_id, connection=connection)
        except Exception as error:
            log.warning("Users were deleted; their sessions are ended after the commit: %s", error)
            return False
        return True

    def deleted(self, user_ids: list[Any]) -> None:
        """End the sessions of users whose deletion was committed to another database than ours."""
        for user_id in user_ids:
            try:
                self.sessions.forget(user_id)
            except Exception as error:
                log.error(
                    "The user %s was deleted, but the sessions could not be ended: %s. A refresh and a load of the "
                    "user are refused all the same. To end the sessions now: signet.revoke_all(%r).",
                    user_id,
                    error,
                    user_id,
                )

    def _concerns(self, engine: Engine) -> bool:
        """Return whether *engine* leads to the users of this application: others may share the model."""
        others = [app for app in self._sharing if app is not self._app]
        model = self._model
        if model is None or not others:
            return True
        if has_app_context():
            return cast(Any, current_app)._get_current_object() is self._app
        with self._app.app_context():
            own = model.engine
        return own is engine or (own.url == engine.url and engine.url.database not in (None, "", ":memory:"))

    def checks(self) -> tuple[Check, ...]:
        """Return what ``flask signet doctor`` looks at here. No room is opened for it, and nothing is made."""
        from flask_signet.house_checks import house_checks

        return house_checks(self._app, self._clock, self._model, _app_engine)

    def protect_tables(self, app: Flask) -> None:
        """Keep Flask-Migrate from offering to drop our tables; look at a model that was mapped late."""
        flask_migrate.protect(app)
        if not self._looked and self._rooms is None:
            try:
                self.look_at_model()
            except SettingsError as error:
                log.error("%s", error)

    def stop_protecting(self, app: Flask, **_: Any) -> None:
        """Protect them once more and for good: with the first request an application is complete."""
        self.protect_tables(app)
        appcontext_pushed.disconnect(self.protect_tables, app)
        request_started.disconnect(self.stop_protecting, app)

    def exempt_routes(self, app: Flask, **_: Any) -> None:
        """Let our routes work beside ``CSRFProtect``, which may be initialised after us: with the first request."""
        exempt(app, app.extensions["signet-apis"])
        request_started.disconnect(self.exempt_routes, app)

    def _open_or_say_why(self) -> Rooms:
        for name in self._app.extensions["signet-apis"]:
            clashes_of(self._app).protect(name)  # once more: not every way of adding a route is heard
        try:
            return self._open()
        except SettingsError as error:
            if error.status == 503:
                raise
            # Every route and guard then answers 503, and the log has the reason.
            raise NotReadyError(str(error)) from error

    def _open(self) -> Rooms:
        app, clock = self._app, self._clock
        self.protect_tables(app)
        settings = store_settings.read(app.config, app.instance_path)
        store = Store(settings, clock=clock, app_engine=partial(_app_engine, app))
        root_keys = open_root_keys(
            settings, clock=clock, server_database=store.dialect != "sqlite", in_use=partial(has_keys, store)
        )
        keys = KeyTable(store, root_keys)
        counters = self._open_counters(store)
        throttle = Throttle(counters, partial(root_keys.derive, THROTTLE_LABEL))
        users = self._open_users(store, throttle)
        feed = Feed(store, self.session_settings, clock)
        events = Events(store)
        sessions = Sessions(
            store=store,
            root_keys=root_keys,
            feed=feed,
            settings=self.session_settings,
            clock=clock,
            issue=AccessTokens(app),
            standing=users.standing,
            ask_on_refresh=users.asked_on_refresh,
            canonical=users.canonical,
            events=events,
            sender=app,
        )
        flow = LoginFlow(sessions, root_keys, self.steps)
        events.react(CleaningUp, lambda _, connection: flow.clean_up(connection))
        users.on_ended.append(lambda user_id, connection: sessions.end_all(user_id, connection=connection))
        events.react(CleaningUp, lambda _, connection: keys.remember_life(longest_life(self._config), connection))
        if isinstance(counters, SqlCounters):
            events.react(CleaningUp, lambda _, connection: counters.clean_up(connection))
        users.on_renewed.append(sessions.admit)
        self.look_at_model()
        return Rooms(
            store=store,
            root_keys=root_keys,
            keys=keys,
            ring=DatabaseRing(keys, clock),
            users=users,
            throttle=throttle,
            feed=feed,
            sessions=sessions,
            login_flow=flow,
            token_users=TokenUsers(
                users=users,
                sessions=sessions,
                feed=feed,
                identity_claim=lambda: self._config["JWT_IDENTITY_CLAIM"],
            ),
        )

    def _open_counters(self, store: Store) -> Counters | None:
        settings = account_settings.read(self._app.config)
        if not settings.throttle:
            return None
        if settings.throttle_store == "memory":
            return MemoryCounters(self._clock)
        return SqlCounters(store, now=SteadyTime(self._clock, None if store.in_memory else store.settings.folder).now)

    def _open_users(self, store: Store, throttle: Throttle) -> AppAccounts:
        passwords = Passwords(account_settings.read(self._app.config), clock=self._clock)
        if self._users is None:
            return built_in_accounts(store, passwords, throttle)
        return accounts_of_application(self._users, store, passwords, throttle)

    def id_of(self, user: Any) -> Any:
        """Return the id of a user object; an id is its own, and what is neither is returned as it is."""
        return self.users.id_meant(user)

    def look_at_model(self) -> None:
        """Check the application's model of users, and listen to deletions; once it is mapped, and without a connection.

        :raises SettingsError: the model cannot be used.
        """
        if self._looked or (self._model is not None and not self._model.check()):
            return
        if self._model is not None:
            self._model.watch(self)
        self._looked = True


def _app_engine(app: Flask) -> Engine | None:
    """Return the engine of the application's Flask-SQLAlchemy, if it has one."""
    extension = app.extensions.get("sqlalchemy")
    if extension is None:
        return None
    if has_app_context() and cast(Any, current_app)._get_current_object() is app:
        return cast("Engine", extension.engine)
    with app.app_context():
        return cast("Engine", extension.engine)
