"""The store: one database and one root key. SQLAlchemy Core, no Flask."""

from __future__ import annotations

from flask_signet.store.database import Store as Store
from flask_signet.store.metadata import Identifier as Identifier
from flask_signet.store.metadata import Timestamp as Timestamp
from flask_signet.store.metadata import metadata as metadata
from flask_signet.store.rootkey import RootKeyRing as RootKeyRing
from flask_signet.store.rootkey import open_root_keys as open_root_keys
from flask_signet.store.setting_checks import check_settings as check_settings
from flask_signet.store.settings import StoreSettings as StoreSettings

__all__ = [
    "Identifier",
    "RootKeyRing",
    "Store",
    "StoreSettings",
    "Timestamp",
    "check_settings",
    "metadata",
    "open_root_keys",
]
