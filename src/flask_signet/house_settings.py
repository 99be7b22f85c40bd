"""The settings of ``Signet`` as a whole: their names, and checks for values that contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, cast

from flask import Flask

from flask_signet.accounts import settings as account_settings
from flask_signet.exceptions import SettingsError
from flask_signet.room import AnyRoom
from flask_signet.rooms import ROOMS
from flask_signet.sessions import settings as session_settings
from flask_signet.settings import nearest
from flask_signet.store import settings as store_settings
from flask_signet.web.conflicts import Config, Conflict, doubtful
from flask_signet.web.settings import expires

KEYS = (
    "SIGNET_ROUTES",
    "SIGNET_URL_PREFIX",
    *account_settings.KEYS,
    *session_settings.KEYS,
    *store_settings.KEYS,
)


def check_names(app: Flask, rooms: Iterable[AnyRoom] = ROOMS) -> None:
    """Report unknown names of settings: as an error in debug mode and tests, in the log elsewhere.

    :raises SettingsError: an unknown name, in debug mode or in tests.
    """
    known = (*KEYS, *(key for room in rooms for key in room.setting_keys))
    for key in cast(Mapping[str, Any], app.config):
        if key.startswith("SIGNET_") and key not in known:
            unknown = f"There is no setting {key}{nearest(key, known)}"
            if app.debug or app.testing:
                raise SettingsError(unknown)
            app.logger.warning(unknown)


def database_conflicts(app: Flask, config: Config) -> Iterator[Conflict]:
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


def longest_life(config: Config) -> int | None:
    """Return the longest token lifetime of the current settings in seconds; ``None`` if some tokens never expire."""
    lives = [expires(config[name], name) for name in ("JWT_ACCESS_TOKEN_EXPIRES", "JWT_REFRESH_TOKEN_EXPIRES")]
    ending = [life for life in lives if isinstance(life, timedelta)]
    return max(int(life.total_seconds()) for life in ending) if len(ending) == len(lives) else None
