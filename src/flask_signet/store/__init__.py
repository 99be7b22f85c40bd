"""The store: one database, one root key, one key table. SQLAlchemy Core, no Flask."""

from __future__ import annotations

from flask_signet.store.engine import Store as Store
from flask_signet.store.keys import KeyTable as KeyTable
from flask_signet.store.keys import StoredKey as StoredKey
from flask_signet.store.keys import has_keys as has_keys
from flask_signet.store.metadata import Identifier as Identifier
from flask_signet.store.metadata import Timestamp as Timestamp
from flask_signet.store.metadata import metadata as metadata
from flask_signet.store.rootkey import RootKeyRing as RootKeyRing
from flask_signet.store.rootkey import open_root_keys as open_root_keys
from flask_signet.store.settings import StoreSettings as StoreSettings
from flask_signet.store.start import check_settings as check_settings

__all__ = [
    "Identifier",
    "KeyTable",
    "RootKeyRing",
    "Store",
    "StoreSettings",
    "StoredKey",
    "Timestamp",
    "check_settings",
    "has_keys",
    "metadata",
    "open_root_keys",
]
