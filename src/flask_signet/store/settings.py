"""``SIGNET_DATABASE_URL``, ``SIGNET_ROOT_KEY`` and ``SIGNET_ROOT_KEY_FILE``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask_signet import settings
from flask_signet.exceptions import SettingsError

LOCK_NAME = ".lock"  # in our folder: one process at a time creates keys and tables
KEYS = ("SIGNET_DATABASE_URL", "SIGNET_ROOT_KEY", "SIGNET_ROOT_KEY_FILE")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the database and the root key are.

    :param folder: our private folder (``instance/signet``).
    :param url: an SQLAlchemy URL, ``"app"``, or ``None`` for our own database.
    :param root_key: the root keys as a string (format: :mod:`flask_signet.store.rootkey`), or ``None``.
    :param root_key_file: a file with the same content, or ``None`` for ``root.key`` in *folder*.
    :param in_memory: keep what is not configured in memory, where it is lost when the process ends.
    """

    folder: Path
    url: str | None = field(default=None, repr=False)  # may hold a password
    root_key: str | None = field(default=None, repr=False)
    root_key_file: Path | None = None
    in_memory: bool = False

    def __post_init__(self) -> None:
        if self.root_key is not None and self.root_key_file is not None:
            raise SettingsError("Set SIGNET_ROOT_KEY or SIGNET_ROOT_KEY_FILE, not both")


def read(config: Mapping[str, Any], instance_path: str | Path) -> StoreSettings:
    """Return the settings of the store.

    :param instance_path: Flask's ``app.instance_path``; our folder is in it.
    :raises SettingsError: a value is wrong.
    """
    file = settings.text(config, "SIGNET_ROOT_KEY_FILE")
    return StoreSettings(
        folder=Path(instance_path) / "signet",
        url=settings.text(config, "SIGNET_DATABASE_URL") or None,
        root_key=settings.text(config, "SIGNET_ROOT_KEY") or None,
        root_key_file=Path(file) if file else None,
        in_memory=bool(config.get("TESTING", False)),
    )
