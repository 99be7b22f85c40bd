"""``Signet(app)``: puts the rooms together, by hand, in a page of code.

``init_app`` only registers: routes, handlers, commands. Database, root key and signing keys are
opened when the first request, command or call needs them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload
from uuid import UUID
from weakref import WeakSet

from flask import Flask, appcontext_pushed, current_app, has_app_context, request, request_started

from flask_signet.accounts import Accounts, AppAccounts, Passwords, Throttle, Users
from flask_signet.accounts import routes as account_routes
from flask_signet.accounts import settings as account_settings
from flask_signet.accounts.identities import is_canonical, spellings
from flask_signet.accounts.limits import Limits
from flask_signet.clock import SYSTEM, Clock
from flask_signet.exceptions import NotReadyError, SettingsError, UserLookupError
from flask_signet.findings import Check
from flask_signet.per_process import PerProcess
from flask_signet.sessions import conflicts as session_conflicts
from flask_signet.sessions import routes as session_routes
from flask_signet.sessions import settings as session_settings
from flask_signet.sessions.conflicts import GROUPS
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.login_answer import Login
from flask_signet.sessions.marks import CLAIM as MARK_CLAIM
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.settings import SessionSettings
from flask_signet.settings import copied, nearest, text
from flask_signet.signing_keys.ring import DatabaseRing
from flask_signet.signing_keys.table import KeyTable, has_keys
from flask_signet.store import RootKeyRing, Store, check_settings, flask_migrate, open_root_keys
from flask_signet.store import settings as store_settings
from flask_signet.tokens.revocations import USER_CLAIM
from flask_signet.tokens.ring import Ring
from flask_signet.tokens.verifier import Verified
from flask_signet.web.api import Api, is_ours
from flask_signet.web.clashes import clashes_of
from flask_signet.web.conflicts import Config, Conflict, doubtful, refuse
from flask_signet.web.cors import answer_origins
from flask_signet.web.csrf_extension import exempt
from flask_signet.web.guards import get_jwt
from flask_signet.web.issuing import IssuedToken, issue_access
from flask_signet.web.jwks import add_jwks_route
from flask_signet.web.manager import JWTManager
from flask_signet.web.settings import expires
from flask_signet.web.startup import startup_of
from flask_signet.web.token_layer import EXTENSION, itself

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from typing_extensions import TypeVar as TypeVarWithDefault

    # A bare `Signet` in an annotation says nothing of the users, so nothing of them is refused.
    A = TypeVarWithDefault("A", bound=Accounts | AppAccounts, default=Any, covariant=True)
else:
    A = TypeVar("A")

KEYS = (
    "SIGNET_ROUTES",
    "SIGNET_URL_PREFIX",
    *account_settings.KEYS,
    *session_settings.KEYS,
    *store_settings.KEYS,
)
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What one application opened: each service once."""

    store: Store
    root_keys: RootKeyRing
    keys: KeyTable
    ring: DatabaseRing
    users: Accounts | AppAccounts
    limits: Limits
    feed: Feed
    sessions: Sessions


class House:
    """The rooms of one application, opened at first use. Hangs on ``app.extensions["signet"]``."""

    def __init__(self, app: Flask, clock: Clock, users: Users | None, sharing: WeakSet[Flask]) -> None:
        self._app = app
        self._sharing = sharing  # the applications with the same users
        self._looked = False
        self._config = cast(Mapping[str, Any], app.config)
        self._clock = clock
        self._users = users
        self._rooms: Rooms | None = None
        self._opening = PerProcess(threading.RLock)
        self._session_settings = _Current(app, session_settings.KEYS, session_settings.read)

    @property
    def rooms(self) -> Rooms:
        """Every service, made when the first one is needed.

        :raises SettingsError: a setting is wrong, or two routes clash.
        """
        rooms = self._rooms
        if rooms is None:
            with self._opening():
                rooms = self._rooms = self._rooms or self._open_or_say_why()
        return rooms

    @property
    def store(self) -> Store:
        """The database."""
        return self.rooms.store

    @property
    def users(self) -> Accounts | AppAccounts:
        """The account service."""
        return self.rooms.users

    @property
    def sessions(self) -> Sessions:
        """The session service."""
        return self.rooms.sessions

    @property
    def limits(self) -> Limits:
        """How often a client may do what costs work."""
        return self.rooms.limits

    @property
    def keys(self) -> KeyTable:
        """The signing keys."""
        return self.rooms.keys

    def close(self) -> None:
        """Close every connection; the next use opens anew."""
        with self._opening():
            if self._rooms is not None:
                self._rooms.feed.close()
                self._rooms.store.dispose()
            self._rooms = None

    # --- The ports that the token layer asks through ------------------------------------------------

    def is_revoked(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the session or the user of *claims* was signed out."""
        if (self._rooms or self.rooms).feed.is_revoked(claims, self._config["JWT_IDENTITY_CLAIM"]):
            return True
        # What a refresh JWT or a token of a kind of the application's own gives is not bound to it, as a session is: so
        # the row is compared here already. Access tokens are many, and live for minutes.
        return (
            claims.get("type", "access") != "access"
            and MARK_CLAIM in claims
            and self._row(claims, claims.get(USER_CLAIM)) is None
        )

    def current(self) -> Ring:
        """Return the ring of signing keys."""
        return (self._rooms or self.rooms).ring.current()

    def refresh(self) -> Ring:
        """Look for new signing keys at once."""
        return self.rooms.ring.refresh()

    def stamp(self, identity: Any, subject: Any) -> dict[str, Any]:
        """Return the claims that let a token be revoked although it belongs to no session.

        :param identity: who the token is for, as the application gave it.
        :param subject: what its ``user_identity_loader`` made of that.
        """
        rooms = self.rooms
        user_id = self._user_meant(identity, subject)
        written = str(subject)
        if user_id is not None and written != str(user_id) and not self._names(identity, user_id):
            # A loose spelling is good for revocation only. Where a loader made another string of it, nobody could
            # tell it from an id any more.
            other = rooms.users.canonical(subject)
            user_id = user_id if other is not None and str(other) == str(user_id) else None
        key = written if user_id is None else str(user_id)
        claims: dict[str, Any] = {"epoch": rooms.feed.epoch(key)}
        if key != written:
            claims[USER_CLAIM] = key
        # The ids of built-in accounts are never given again.
        user = rooms.users.get(cast(Any, user_id)) if user_id is not None and rooms.users.asked_on_refresh else None
        if user is not None:
            claims[MARK_CLAIM] = rooms.sessions.marks.make(key, rooms.users.evidence(user))
        return claims

    def _user_meant(self, identity: Any, subject: Any) -> int | str | UUID | None:
        """Return the id of the user for whom a token is made, however it is spelled, or ``None``."""
        users = self.rooms.users
        scalars = (int, str, UUID, float)
        meant = identity if isinstance(identity, scalars) else _id_of(users, identity)
        for candidate in (meant, subject):
            found = users.canonical(candidate) if isinstance(candidate, scalars) else None
            if found is not None:
                return found
        return None

    def _names(self, identity: Any, user_id: int | str | UUID) -> bool:
        """Return whether *identity* is the user, or the canonical spelling of the id."""
        if isinstance(identity, (int, str, UUID, float)):
            return is_canonical(identity, user_id)
        return is_canonical(_id_of(self.rooms.users, identity), user_id)

    def user_id(self, claims: Mapping[str, Any], identity: Any = None) -> Any:
        """Return the id of the user that verified claims stand for; ``sub`` itself if it is only a loose spelling.

        ``"0x1"`` may be a user name. So it is revoked together with the user 1, and is never taken for that user.
        """
        if identity is None:
            identity = claims.get(self._config["JWT_IDENTITY_CLAIM"])
        meant = claims.get(USER_CLAIM)
        if not meant:
            return identity
        found = self.users.canonical(identity)
        return identity if found is not None and str(found) == meant else meant

    def load(self, claims: Mapping[str, Any], identity: Any = None) -> Any | None:
        """Return the user of verified claims; ``None`` if they are gone or disabled, or the row is another user's.

        :param identity: what the token names the user by; found in the claims if absent.
        """
        return self._row(claims, self.user_id(claims, identity))

    def _row(self, claims: Mapping[str, Any], user_id: Any) -> Any | None:
        users = self.users
        named = user_id or claims.get(self._config["JWT_IDENTITY_CLAIM"])
        if isinstance(named, bool) or not isinstance(named, (int, str, UUID)):
            return None  # with another claim the identity may be anything, and names nobody
        user = users.get(cast(Any, named))
        if user is None or not users.is_active(user):
            return None
        mark = claims.get(MARK_CLAIM)
        if not isinstance(mark, str):
            return user
        user_id = users.id_of(user)
        if self.sessions.marks.fits(mark, str(user_id), users.evidence(user)):
            return user
        return user if self.sessions.is_same_user(user_id, mark) else None

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
        if not others:
            return True
        if has_app_context():
            return cast(Any, current_app)._get_current_object() is self._app
        with self._app.app_context():
            own = cast(Any, self._users).engine
        return own is engine or (own.url == engine.url and engine.url.database not in (None, "", ":memory:"))

    def trusted_origins(self) -> frozenset[str]:
        """Return the origins whose pages may use our routes."""
        return self._session_settings().trusted_origins

    def checks(self) -> tuple[Check, ...]:
        """Return what ``flask signet doctor`` looks at here. No room is opened for it, and nothing is made."""
        from flask_signet.house_checks import house_checks

        return house_checks(self._app, self._clock, self._users, _app_engine)

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
        users = self._open_users(store)
        feed = Feed(store, self._session_settings, clock)
        sessions = Sessions(
            store=store,
            root_keys=root_keys,
            feed=feed,
            settings=self._session_settings,
            clock=clock,
            issue=self._issue,
            standing=users.standing,
            ask_on_refresh=users.asked_on_refresh,
            canonical=lambda user_id: user_id if (found := users.canonical(user_id)) is None else found,
            sender=app,
        )
        users.on_ended.append(lambda user_id, connection: sessions.end_all(user_id, connection=connection))
        sessions.on_clean_up.append(lambda connection: _remember_life(keys, app, connection))
        if isinstance(users, AppAccounts):
            users.on_renewed.append(sessions.admit)
            self.look_at_model()
        return Rooms(
            store=store,
            root_keys=root_keys,
            keys=keys,
            ring=DatabaseRing(keys, clock),
            users=users,
            limits=Limits(clock=clock, enabled=account_settings.read(app.config).throttle),
            feed=feed,
            sessions=sessions,
        )

    def _open_users(self, store: Store) -> Accounts | AppAccounts:
        settings = account_settings.read(self._app.config)
        passwords = Passwords(settings, clock=self._clock)
        throttle = Throttle(clock=self._clock) if settings.throttle else None
        if self._users is None:
            return Accounts(store, passwords, throttle)
        return AppAccounts(self._users, store, passwords, throttle)

    def id_of(self, user: Any) -> Any:
        """Return the id of a user object; an id is its own, and what is neither is returned as it is."""
        return _id_of(self.users, user)

    def look_at_model(self) -> None:
        """Check the application's model of users, and listen to deletions; once it is mapped, and without a connection.

        :raises SettingsError: the model cannot be used.
        """
        check, watch = getattr(self._users, "check", None), getattr(self._users, "watch", None)
        if not self._looked and (check is None or check()):
            if watch is not None:
                watch(self)
            self._looked = True

    def _issue(self, user_id: int | str | UUID, *, fresh: bool, sid: str, epoch: int, mark: str | None) -> IssuedToken:
        identity = str(user_id) if isinstance(user_id, UUID) else user_id
        claims: dict[str, Any] = {"sid": sid, "epoch": epoch}
        if mark is not None:
            claims[MARK_CLAIM] = mark
        if has_app_context() and cast(Any, current_app)._get_current_object() is self._app:
            return issue_access(identity, fresh=fresh, claims=claims)
        with self._app.app_context():
            return issue_access(identity, fresh=fresh, claims=claims)


class Signet(JWTManager, Generic[A]):
    """Accounts, sessions, refresh and revocation for one application or several.

    It is a :class:`JWTManager`: the same guards, callbacks and settings.

    :param app: the application, or ``None`` to call :meth:`init_app` later.
    :param users: the application's own users; ``None`` for the built-in accounts.
    :param add_context_processor: put ``current_user`` into templates.
    :param clock: time and chance; a test hands in its own.
    """

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
        finds = all(callable(getattr(users, name, None)) for name in ("get", "find"))
        if users is not None and (isinstance(users, type) or not finds):
            raise SettingsError(
                "users= takes an object that finds users, not a model or a session. "
                "Write: Signet(app, users=SQLAlchemyUsers(db.session, User))"
            )
        self._own_users = users
        # Who makes many applications (tests do) must not have all of them kept alive by one object; the one that was
        # given here is kept, for nobody else may hold it.
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
        _check_names(app)
        for read in (account_settings.read, session_settings.read):
            read(app.config)
        check_settings(store_settings.read(app.config, app.instance_path))
        find = partial(session_conflicts.found, own_users=self._own_users is not None)
        refuse(session_conflicts.of_chosen_algorithm(app.config, first=EXTENSION not in app.extensions))
        clock = replace(self.clock)
        house = House(app, clock, self._own_users, self._apps)
        house.look_at_model()
        layer = self._register(app, add_context_processor, clock, house)
        refuse(find(app.config))
        startup_of(app).finders += [find, partial(_databases, app)]
        layer.revocations = house
        layer.stamp = house.stamp
        layer.reserved = {
            "sid": "signet.login",
            "epoch": "nothing: it counts how often a user was signed out",
            USER_CLAIM: "nothing: it is the id of the user for whom the token is made",
            MARK_CLAIM: "nothing: it tells a user from a later one with the same id",
        }
        app.extensions["signet"] = house
        self._apps.add(app)
        _register_routes(app)
        answer_origins(app, partial(is_ours, app.extensions["signet-apis"]), house.trusted_origins)
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
        """Open a session for *user*, who has proved who they are, and return its tokens.

        :param user: an object with an ``id``, or the id itself.
        :param connection: join this transaction; the caller commits.
        :raises InvalidCredentials: the user may not log in.
        """
        sessions = self.sessions
        granted = sessions.open(
            self._house().id_of(user),
            device=request.headers.get("User-Agent") if request else None,
            address=request.remote_addr if request else None,
            connection=connection,
        )
        # In the caller's transaction the other session would have to wait for the caller's own lock.
        return Login.of(granted, sessions.settings, end_replaced=sessions.end_replaced if connection is None else None)

    def logout(self) -> None:
        """End the session of the guarded request that runs."""
        sid = get_jwt().get("sid")
        if isinstance(sid, str):
            self.sessions.end(sid, reason="logout")

    def revoke_session(self, session_id: str, *, connection: Connection | None = None) -> None:
        """End one session; every worker refuses its access tokens within a second."""
        self.sessions.end(session_id, reason="revoked", connection=connection)

    def revoke_all(self, user_id: int | str | UUID, *, connection: Connection | None = None) -> None:
        """End every session of a user; every worker refuses their access tokens within a second.

        :param connection: the caller's own, in whose transaction it happens. Make new tokens after its commit: those
            that were made before are refused with all others.
        """
        known = self.users.canonical(user_id)
        # Of a user who is gone already nobody knows how the id is written.
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


def _remember_life(keys: KeyTable, app: Flask, connection: Connection) -> None:
    """Keep for the key table how long tokens live now: a retired key verifies for so long, whatever is set later."""
    lives = [expires(app.config[name], name) for name in ("JWT_ACCESS_TOKEN_EXPIRES", "JWT_REFRESH_TOKEN_EXPIRES")]
    ending = [life for life in lives if isinstance(life, timedelta)]
    longest = max(int(life.total_seconds()) for life in ending) if len(ending) == len(lives) else None
    keys.remember_life(longest, connection)


def _id_of(users: Any, user: Any) -> Any:
    """Return the id of a user object; an id is its own, and what is neither is returned as it is."""
    if isinstance(user, (int, str, UUID)):
        return user
    try:
        return users.id_of(user)
    except (AttributeError, SettingsError):
        return getattr(user, "id", user)


class _Current:
    """Settings as they are now: read again when one of their values in ``app.config`` is another one."""

    def __init__(self, app: Flask, keys: tuple[str, ...], read: Callable[[Mapping[str, Any]], SessionSettings]) -> None:
        self._app = app
        self._keys = (*keys, *session_settings.TOKEN_KEYS)
        self._read = read
        self._seen: tuple[tuple[Any, ...], SessionSettings] | None = None

    def __call__(self) -> SessionSettings:
        config = cast(Mapping[str, Any], self._app.config)
        values = tuple(config.get(key) for key in self._keys)
        seen = self._seen
        if seen is None or seen[0] != values:
            seen = self._seen = (copied(values), self._read(config))
        return seen[1]


def _register_routes(app: Flask) -> None:
    prefix = text(app.config, "SIGNET_URL_PREFIX") or None
    if prefix is not None and not prefix.startswith("/"):
        raise SettingsError(f"SIGNET_URL_PREFIX must begin with a slash: {'/' + prefix!r}, not {prefix!r}")
    groups = session_conflicts.groups(app.config)
    for group in groups:
        if group not in GROUPS:
            known = ", ".join(map(repr, GROUPS))
            raise SettingsError(f"SIGNET_ROUTES can hold {known}, not {group!r}{nearest(group, GROUPS)}")
    api = Api("signet", url_prefix=prefix)
    if "token" in groups:
        session_routes.add_token_routes(api)
    if "account" in groups:
        account_routes.add_routes(api)
        session_routes.add_account_routes(api)
    if "health" in groups:
        session_routes.add_health_route(api)
    app.register_blueprint(api)
    clashes_of(app).protect(api.name)
    app.extensions["signet-apis"] = [api.name]
    if "jwks" in groups:
        # Where everybody looks for it, whatever the prefix (RFC 8615).
        app.extensions["signet-apis"].append(add_jwks_route(app))


def _check_names(app: Flask) -> None:
    """Hear of a slip in the name of a setting: at start where somebody develops, in the log elsewhere."""
    for key in cast(Mapping[str, Any], app.config):
        if key.startswith("SIGNET_") and key not in KEYS:
            slip = f"There is no setting {key}{nearest(key, KEYS)}"
            if app.debug or app.testing:
                raise SettingsError(slip)
            app.logger.warning(slip)


def _databases(app: Flask, config: Config) -> Iterator[Conflict]:
    """Compare our database with that of the application's Flask-SQLAlchemy, which may be initialised after us."""
    url, theirs = config.get("SIGNET_DATABASE_URL"), config.get("SQLALCHEMY_DATABASE_URI")
    if url == "app" and "sqlalchemy" not in app.extensions:
        yield doubtful(
            "SIGNET_DATABASE_URL",
            because='SIGNET_DATABASE_URL is "app", but the application has no Flask-SQLAlchemy. Write: '
            "db.init_app(app), or give a URL",
        )
    elif url and url != "app" and url == theirs and "sqlalchemy" in app.extensions:
        yield doubtful(
            "SIGNET_DATABASE_URL",
            "SQLALCHEMY_DATABASE_URI",
            because="SIGNET_DATABASE_URL is the same database as SQLALCHEMY_DATABASE_URI, by connections of its own. "
            'Write: SIGNET_DATABASE_URL = "app"',
        )


def _app_engine(app: Flask) -> Engine | None:
    """Return the engine of the application's Flask-SQLAlchemy, if it has one."""
    extension = app.extensions.get("sqlalchemy")
    if extension is None:
        return None
    if has_app_context() and cast(Any, current_app)._get_current_object() is app:
        return cast("Engine", extension.engine)
    with app.app_context():
        return cast("Engine", extension.engine)
