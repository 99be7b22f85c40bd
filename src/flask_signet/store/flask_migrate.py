"""Keep Flask-Migrate from offering to drop our tables.

Alembic's autogenerate drops every table that is missing from the application's metadata. Flask-Migrate passes
``configure_args`` to Alembic. The hook in it excludes our tables and asks the hook of the application about all
others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_signet.store.schema import is_ours

IncludeName = Callable[[str | None, str, Any], bool]


class LeaveOurTables:
    """An ``include_name`` hook that excludes our tables and asks another hook about all others."""

    def __init__(self, others: IncludeName | None) -> None:
        self._others = others

    def __call__(self, name: str | None, kind: str, parents: Any) -> bool:
        """Return whether Alembic compares this name."""
        if kind == "table" and is_ours(name):
            return False
        return self._others is None or self._others(name, kind, parents)


def protect(app: Any) -> bool:
    """Install the hook if Flask-Migrate is initialised, and return whether it is installed.

    It is cheap and idempotent. Flask-Migrate may be initialised after us, so this is called whenever an application
    context begins, until the first request is served.

    :param app: the Flask application; only its ``extensions`` are used.
    """
    migrate = app.extensions.get("migrate")
    arguments: dict[str, Any] | None = getattr(migrate, "configure_args", None)
    if arguments is None:
        return False
    found: Any = arguments.get("include_name")
    if not isinstance(found, LeaveOurTables):
        arguments["include_name"] = LeaveOurTables(found)
    return True
