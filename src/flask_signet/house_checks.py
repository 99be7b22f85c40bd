"""All checks of a ``Signet`` for ``flask signet doctor``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import Engine

# Imported so that every table is known: the tables of the database are compared with all of them.
import flask_signet.sessions.tables as _tables  # noqa: F401  # pyright: ignore[reportUnusedImport]
from flask_signet.accounts import settings as account_settings
from flask_signet.accounts.own_users import UserModel
from flask_signet.clock import Clock
from flask_signet.exceptions import SettingsError
from flask_signet.findings import Check, Finding, ok
from flask_signet.room import OnRoom
from flask_signet.sessions import checks as session_checks
from flask_signet.signing_keys import checks as key_checks
from flask_signet.store import settings as store_settings
from flask_signet.store.checks import StoreChecks
from flask_signet.web.clashes import clashes_of
from flask_signet.web.token_layer import layer_of


def house_checks(
    app: Flask,
    clock: Clock,
    model: UserModel | None,
    app_engine: Callable[[Flask], Engine | None],
    rooms: Iterable[OnRoom[Any, Any]] = (),
) -> tuple[Check, ...]:
    """Return the checks of an application.

    :param model: checks the mapped class of the application's users, if they have one.
    :param app_engine: gives the engine of an application's Flask-SQLAlchemy.
    :param rooms: the optional abilities that are on.
    """

    def store(app: Flask) -> StoreChecks:
        settings = store_settings.read(app.config, app.instance_path)
        return StoreChecks(
            settings=settings, clock=clock, app_engine=partial(app_engine, app), holds_keys=key_checks.holds_keys
        )

    def of_store(check: Callable[[StoreChecks], Iterable[Finding]]) -> Check:
        def look(app: Flask) -> Iterable[Finding]:
            return check(store(app))

        look.__name__ = check.__name__
        return look

    def signing_keys(app: Flask) -> Iterable[Finding]:
        return key_checks.signing_keys(store(app)) if layer_of(app).has_own_keys else ()

    def refresh_cookie(app: Flask) -> Iterable[Finding]:
        return session_checks.cookie_mode(app.config, debug=app.debug)

    def steady_clock(app: Flask) -> Iterable[Finding]:
        return session_checks.steady_clock(store_settings.read(app.config, app.instance_path).folder, clock)

    def own_users(_app: Flask) -> Iterable[Finding]:
        return () if model is None else model.findings()

    return (
        routes,
        accounts,
        *map(of_store, (StoreChecks.folder, StoreChecks.root_key, StoreChecks.database)),
        signing_keys,
        of_store(StoreChecks.clocks),
        steady_clock,
        refresh_cookie,
        own_users,
        *(_of_room(on, check) for on in rooms for check in on.room.checks),
    )


def _of_room(on: OnRoom[Any, Any], check: Callable[[Any], Iterable[Finding]]) -> Check:
    def look(_app: Flask) -> Iterable[Finding]:
        return check(on.settings)

    look.__name__ = f"{on.room.name}_{check.__name__}"
    return look


def routes(app: Flask) -> Iterator[Finding]:
    """Find a route of the application on one of our paths."""
    try:
        for name in app.extensions["signet-apis"]:
            clashes_of(app).protect(name)
    except SettingsError as error:
        yield Finding(
            code="route_served_twice",
            level="error",
            summary=str(error),
            line_to_write='app.config["SIGNET_URL_PREFIX"] = "/auth"    # or rename your view',
            page="settings.md#routes",
        )


def accounts(app: Flask) -> Iterator[Finding]:
    """Check the account settings."""
    settings = account_settings.read(app.config)
    if not settings.throttle:
        yield Finding(
            code="throttle_off",
            level="warning",
            summary="SIGNET_THROTTLE = False: passwords can be guessed as fast as the server answers.",
            line_to_write='app.config["SIGNET_THROTTLE"] = True',
            page="deploy.md#throttling",
        )
    elif settings.throttle_store == "memory":
        yield Finding(
            code="throttle_in_memory",
            level="note",
            summary='SIGNET_THROTTLE_STORE = "memory": each worker process keeps its own count, so with several '
            "workers a client has as many times the attempts.",
            line_to_write='app.config["SIGNET_THROTTLE_STORE"] = "store"',
            page="deploy.md#throttling",
        )
    else:
        yield ok("throttle", "Failed logins are counted in the database, for all workers together.")
    yield ok("registration", f"Registration by POST /account is {'on' if settings.registration else 'off'}.")
