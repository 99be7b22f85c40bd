"""The services of one application, and the functions that the token layer calls.

Nothing is opened when the application starts. Database, root key and signing keys are opened by the first request,
command or call that needs them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from flask import Flask, appcontext_pushed, current_app, has_app_context, request_started

from flask_signet.accounts import AppAccounts, Users
from flask_signet.accounts.events import UserDeleted
from flask_signet.accounts.own_users import model_of
from flask_signet.clock import Clock
from flask_signet.exceptions import NotReadyError, SettingsError
from flask_signet.findings import Check
from flask_signet.house_services import Services, open_services
from flask_signet.per_process import PerProcess
from flask_signet.room import AnyRoom, rooms_on
from flask_signet.rooms import ROOMS
from flask_signet.sessions.login_flow import LoginFlow
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.session_tokens import MARK_CLAIM
from flask_signet.sessions.settings import CurrentSettings
from flask_signet.signing_keys.table import KeyTable
from flask_signet.store import Store, flask_migrate
from flask_signet.throttle import Throttle
from flask_signet.tokens.revocations import USER_CLAIM
from flask_signet.tokens.ring import Ring
from flask_signet.web.clashes import clashes_of
from flask_signet.web.csrf_extension import exempt
from flask_signet.web.token_layer import layer_of

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class House:
    """The services of one application, opened at first use; kept in ``app.extensions["signet"]``."""

    def __init__(
        self,
        app: Flask,
        clock: Clock,
        users: Users | None,
        sharing: WeakSet[Flask],
        rooms: Iterable[AnyRoom] = ROOMS,
    ) -> None:
        self._app = app
        self._sharing = sharing  # the applications with the same users
        self._looked = False
        self._config = cast(Mapping[str, Any], app.config)
        self._clock = clock
        self._users = users
        self._model = model_of(users)
        #: The optional abilities that the settings turn on.
        self.on = rooms_on(rooms, self._config)
        self._services: Services | None = None
        self._opening = PerProcess(threading.RLock)
        #: The current session settings.
        self.session_settings = CurrentSettings(self._config)

    @property
    def services(self) -> Services:
        """Return every service; they are created at first use.

        :raises SettingsError: a setting is wrong, or two routes clash.
        """
        services = self._services
        if services is None:
            with self._opening():
                services = self._services = self._services or self._open_or_say_why()
                layer = layer_of(self._app)
                layer.replace_source(self, services.ring)
                layer.replace_revocations(self, services.feed)
        return services

    @property
    def store(self) -> Store:
        """The database."""
        return (self._services or self.services).store

    @property
    def users(self) -> AppAccounts:
        """The account service."""
        return (self._services or self.services).users

    @property
    def sessions(self) -> Sessions:
        """The session service."""
        return (self._services or self.services).sessions

    @property
    def login_flow(self) -> LoginFlow:
        """The one way to a session."""
        return (self._services or self.services).login_flow

    @property
    def throttle(self) -> Throttle:
        """The rate limits of clients."""
        return self.services.throttle

    @property
    def keys(self) -> KeyTable:
        """The signing keys."""
        return self.services.keys

    @property
    def has_steps(self) -> bool:
        """Return whether a login may require a second factor."""
        return any(on.room.steps is not None for on in self.on)

    @property
    def commands(self) -> Mapping[str, str]:
        """The commands of the rooms that are on: name → where it is."""
        return {name: place for on in self.on for name, place in on.room.commands.items()}

    def service_of(self, room: AnyRoom) -> Any:
        """Return the service of a room that is on."""
        return self.services.of_rooms[room.name]

    def forget(self) -> None:
        """Reset the rate limits and close every connection; for tests."""
        if self._services is not None:
            self._services.throttle.forget()
        self.close()

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        with self._opening():
            services = self._services
            if services is not None:
                layer = layer_of(self._app)
                layer.replace_source(services.ring, self)
                layer.replace_revocations(services.feed, self)
                services.feed.close()
                services.store.dispose()
            self._services = None

    # --- The ports that the token layer asks through ------------------------------------------------

    # Asked by the first request only: once opened, feed and ring are asked themselves, see `services`.

    def is_revoked(self, claims: Mapping[str, Any], identity_claim: str) -> bool:
        """Return whether the session or the user of *claims* was signed out."""
        return self.services.feed.is_revoked(claims, identity_claim)

    def has_another_user(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the user of *claims* was deleted, even if a new user has the same id.

        What a refresh JWT or a token of a kind of the application's own gives is not bound to it, as a session is: so
        the row is compared here already. Access tokens are many, and live for minutes.
        """
        return MARK_CLAIM in claims and self.services.token_users.row(claims, claims.get(USER_CLAIM)) is None

    def current(self) -> Ring:
        """Return the ring of signing keys."""
        return self.services.ring.current()

    def refresh(self) -> Ring:
        """Reload the signing keys now."""
        return self.services.ring.refresh()

    def stamp(self, identity: Any, subject: Any) -> dict[str, Any]:
        """Return the claims that let a token be revoked although it belongs to no session."""
        return self.services.token_users.stamp(identity, subject)

    def load(self, claims: Mapping[str, Any], identity: Any = None) -> Any | None:
        """Return the user of verified claims, or ``None``; see :meth:`TokenUsers.load`."""
        return self.services.token_users.load(claims, identity)

    def user_id(self, claims: Mapping[str, Any], identity: Any = None) -> Any:
        """Return the id of the user that verified claims stand for; see :meth:`TokenUsers.user_id`."""
        return self.services.token_users.user_id(claims, identity)

    # --- Users that the application deletes --------------- -----------------------------------------

    def deleting(self, user_ids: list[Any], connection: Connection) -> bool:
        """Emit the event of deleted users in the transaction that deletes them, if it is in our database."""
        try:
            if not self._concerns(connection.engine):
                return True
            if self.store.engine is not connection.engine:
                return False
            # A savepoint: a failure here must not abort the application's transaction.
            with connection.begin_nested():
                for user_id in user_ids:
                    self.services.events.emit(UserDeleted(user_id=user_id), connection)
        except Exception as error:
            log.warning("Users were deleted; their sessions are ended after the commit: %s", error)
            return False
        return True

    def deleted(self, user_ids: list[Any]) -> None:
        """Emit the event of users whose deletion was committed to another database than ours."""
        for user_id in user_ids:
            try:
                gone = UserDeleted(user_id=user_id)
                self.store.retrying(partial(self.services.events.emit, gone))
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
        """Return the checks of ``flask signet doctor``. They open no service and create nothing."""
        from flask_signet.house_checks import house_checks

        return house_checks(self._app, self._clock, self._model, _app_engine, self.on)

    def protect_tables(self, app: Flask) -> None:
        """Keep Flask-Migrate from dropping our tables, and check a user model that was mapped late."""
        flask_migrate.protect(app)
        if not self._looked and self._services is None:
            try:
                self.look_at_model()
            except SettingsError as error:
                log.error("%s", error)

    def stop_protecting(self, app: Flask, **_: Any) -> None:
        """Protect the tables a last time: with the first request the set-up of the application is complete."""
        self.protect_tables(app)
        appcontext_pushed.disconnect(self.protect_tables, app)
        request_started.disconnect(self.stop_protecting, app)

    def exempt_routes(self, app: Flask, **_: Any) -> None:
        """Let our routes work beside ``CSRFProtect``, which may be initialised after us: with the first request."""
        exempt(app, app.extensions["signet-apis"])
        request_started.disconnect(self.exempt_routes, app)

    def _open_or_say_why(self) -> Services:
        for name in self._app.extensions["signet-apis"]:
            clashes_of(self._app).protect(name)  # again: not every way of adding a route is noticed
        try:
            return self._open()
        except SettingsError as error:
            if error.status == 503:
                raise
            # Every route and guard then answers 503, and the log has the reason.
            raise NotReadyError(str(error)) from error

    def _open(self) -> Services:
        self.protect_tables(self._app)
        services = open_services(
            self._app, self._clock, self._users, self.session_settings, self.on, partial(_app_engine, self._app)
        )
        self.look_at_model()
        return services

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
