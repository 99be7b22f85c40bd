"""``Signet(app)``: connects accounts, sessions, routes and the token layer.

``init_app`` only registers: routes, handlers, commands. Database, root key and signing keys are
opened when the first request, command or call needs them.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, overload
from uuid import UUID
from weakref import WeakSet

from flask import Flask, appcontext_pushed, current_app, has_app_context, request, request_started

from flask_signet.accounts import Accounts, AppAccounts, Users, own_users
from flask_signet.accounts import settings as account_settings
from flask_signet.accounts.user_ids import spellings
from flask_signet.clock import SYSTEM, Clock
from flask_signet.exceptions import SettingsError, UserLookupError
from flask_signet.house import House
from flask_signet.house_routes import register_routes
from flask_signet.house_settings import check_names, database_conflicts
from flask_signet.room import AnyRoom
from flask_signet.rooms import ROOMS
from flask_signet.sessions import conflicts as session_conflicts
from flask_signet.sessions import settings as session_settings
from flask_signet.sessions.login_answer import Login
from flask_signet.sessions.login_step import Attempt
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.session_tokens import MARK_CLAIM
from flask_signet.store import Store, check_settings
from flask_signet.store import settings as store_settings
from flask_signet.tokens.revocations import USER_CLAIM
from flask_signet.tokens.verifier import Verified
from flask_signet.web.conflicts import refuse
from flask_signet.web.cors import answer_origins
from flask_signet.web.guards import get_jwt
from flask_signet.web.manager import JWTManager
from flask_signet.web.startup import startup_of
from flask_signet.web.token_layer import EXTENSION, itself

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from typing_extensions import TypeVar as TypeVarWithDefault

    # A bare `Signet` in an annotation says nothing of the users, so nothing of them is refused.
    A = TypeVarWithDefault("A", bound=AppAccounts, default=Any, covariant=True)
else:
    A = TypeVar("A")


class Signet(JWTManager, Generic[A]):
    """Accounts, sessions, refresh and revocation for one application or several.

    It is a :class:`JWTManager`: the same guards, callbacks and settings.

    :param app: the application, or ``None`` to call :meth:`init_app` later.
    :param users: the application's own users; ``None`` for the built-in accounts.
    :param add_context_processor: put ``current_user`` into templates.
    :param clock: source of time and random bytes; tests can replace it.
    """

    # Not for applications to set: tests add a room of their own.
    _rooms: ClassVar[tuple[AnyRoom, ...]] = ROOMS

    @overload
    def __init__(
        self: Signet[Accounts],
        app: Flask | None = None,
        *,
        users: None = None,
        add_context_processor: bool = False,
        clock: Clock = SYSTEM,
    ) -> None: ...
    @overload
    def __init__(
        self: Signet[AppAccounts],
        app: Flask | None = None,
        *,
        users: Users,
        add_context_processor: bool = False,
        clock: Clock = SYSTEM,
    ) -> None: ...
    def __init__(
        self,
        app: Flask | None = None,
        *,
        users: Users | None = None,
        add_context_processor: bool = False,
        clock: Clock = SYSTEM,
    ) -> None:
        self._own_users = own_users.checked(users)
        # Who makes many applications (tests do) must not have all of them kept alive by one object; the one that was
        # given here is kept, because nothing else may refer to it.
        self._app = app
        self._apps: WeakSet[Flask] = WeakSet()
        super().__init__(None, clock=clock)
        if app is not None:
            self.init_app(app, add_context_processor)

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        """Register with *app*: routes, handlers, commands. No I/O, no thread, no connection.

        :raises SettingsError: a setting is wrong; the message says which value would be right.
        """
        app = itself(app)
        check_names(app, self._rooms)
        for read in (account_settings.read, session_settings.read):
            read(app.config)
        check_settings(store_settings.read(app.config, app.instance_path))
        find = partial(session_conflicts.found, own_users=self._own_users is not None)
        refuse(session_conflicts.of_chosen_algorithm(app.config, first=EXTENSION not in app.extensions))
        clock = replace(self.clock)
        house = House(app, clock, self._own_users, self._apps, self._rooms)
        house.look_at_model()
        layer = self._register(app, add_context_processor, clock, house)
        refuse(find(app.config))
        startup_of(app).finders += [find, partial(database_conflicts, app)]
        layer.revocations = house
        layer.has_another_user = house.has_another_user
        layer.stamp = house.stamp
        layer.reserved = {
            "sid": "signet.login",
            "epoch": "nothing: it counts how often a user was signed out",
            USER_CLAIM: "nothing: it is the id of the user for whom the token is made",
            MARK_CLAIM: "nothing: it tells a user from a later one with the same id",
        }
        app.extensions["signet"] = house
        self._apps.add(app)
        register_routes(app)
        answer_origins(app, app.extensions["signet-apis"], house.session_settings.trusted_origins)
        # Flask-Migrate may be initialised after us; its commands begin with an application context.
        appcontext_pushed.connect(house.protect_tables, app)
        request_started.connect(house.stop_protecting, app)
        request_started.connect(house.exempt_routes, app)

    @property
    def users(self) -> A:
        """The account service of the current application."""
        return cast(A, self._house().users)

    @property
    def sessions(self) -> Sessions:
        """The session service of the current application."""
        return self._house().sessions

    @property
    def store(self) -> Store:
        """The database of the current application."""
        return self._house().store

    def login(self, user: Any, *, connection: Connection | None = None) -> Login:
        """Open a session for a user whom your view has checked, and return its tokens.

        :param user: an object with an ``id``, or the id itself.
        :param connection: join this transaction; the caller commits.
        :raises InvalidCredentials: the user may not log in.
        :raises MfaRequired: the login asks for more. With a *connection*: commit it before you answer, since the
            login that waits is a row of it.
        """
        house, sessions = self._house(), self.sessions
        attempt = Attempt(
            user_id=house.id_of(user),
            device=request.headers.get("User-Agent") if request else None,
            address=request.remote_addr if request else None,
        )
        granted = house.login_flow.proceed(attempt, connection)
        # In the caller's transaction the other session would have to wait for the caller's own lock.
        return Login.of(granted, sessions.settings, end_replaced=sessions.end_replaced if connection is None else None)

    def logout(self) -> None:
        """End the session of the current request."""
        sid = get_jwt().get("sid")
        if isinstance(sid, str):
            self.sessions.end(sid, reason="logout")

    def revoke_session(self, session_id: str, *, connection: Connection | None = None) -> None:
        """End one session; every worker refuses its access tokens within a second."""
        self.sessions.end(session_id, reason="revoked", connection=connection)

    def revoke_all(self, user_id: int | str | UUID, *, connection: Connection | None = None) -> None:
        """End every session of a user; every worker refuses their access tokens within a second.

        :param connection: join this transaction; the caller commits. Make new tokens after the commit: tokens that
            were made before are refused too.
        """
        known = self.users.canonical(user_id)
        # For a deleted user the spelling of the id is unknown, so each one is tried.
        for each in spellings(user_id) if known is None else [known]:
            self.sessions.end_all(each, reason="revoked", connection=connection)

    def load_user(self, verified: Verified) -> Any:
        """Return the user of a verified token, loaded when first asked for.

        :raises UserLookupError: the account is gone.
        """
        user = self._house().load(verified.claims, verified.identity)
        if user is None:
            raise UserLookupError(
                f"Error loading the user {verified.identity}", verified.header, verified.copy_claims()
            )
        return user

    def check_user(self, verified: Verified) -> None:
        """Refuse a token whose user is gone or disabled, where only the application's own row says so.

        What ends a built-in account ends its tokens at the same moment, so there is nothing to ask.

        :raises UserLookupError: the user is gone or disabled.
        """
        if self._own_users is not None:
            self.load_user(verified)

    def _house(self) -> House:
        if has_app_context() and "signet" in current_app.extensions:
            return cast(House, current_app.extensions["signet"])
        apps = list(self._apps)
        if len(apps) == 1:
            return cast(House, apps[0].extensions["signet"])
        if not apps:
            raise SettingsError("Signet has no application: call signet.init_app(app) first")
        raise SettingsError("Signet serves several applications: use it within `with app.app_context():`")
