"""Keep Flask-Migrate from offering to drop our tables.

Alembic's autogenerate takes every table that the application's metadata does not know for one to drop. Flask-Migrate
hands ``configure_args`` to Alembic; there our names are left out, and what the application put there is asked as
before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_signet.store.schema import is_ours

IncludeName = Callable[[str | None, str, Any], bool]


class LeaveOurTables:
    """The hook ``include_name`` that knows our tables and asks another hook about all others."""

    def __init__(self, others: IncludeName | None) -> None:
        self._others = others

    def __call__(self, name: str | None, kind: str, parents: Any) -> bool:
        """Say whether Alembic is to look at this name."""
        if kind == "table" and is_ours(name):
            return False
        return self._others is None or self._others(name, kind, parents)


def protect(app: Any) -> bool:
    """Put the hook in where Flask-Migrate is initialised, and say whether it is there now.

    Cheap, and may be called as often as one likes: Flask-Migrate may be initialised after us, so it is called
    whenever an application context begins until the first request is served.

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
