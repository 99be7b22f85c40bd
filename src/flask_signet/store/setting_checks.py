"""Check the settings of the store when an application starts, before anything is opened."""

from __future__ import annotations

from flask_signet.store import engines, rootkey
from flask_signet.store.settings import StoreSettings


def check_settings(settings: StoreSettings) -> None:
    """Check the values that need no file and no connection.

    :raises SettingsError: a value is invalid.
    """
    if settings.url not in (None, "app"):
        engines.parse(settings.url)
    if settings.root_key is not None:
        rootkey.parse(settings.root_key, source="SIGNET_ROOT_KEY")
