"""Find the engine of an application's Flask-SQLAlchemy, so that one database has one pool."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine


def app_engine(app: Any) -> Engine | None:
    """Return the default engine of the application's Flask-SQLAlchemy, or ``None`` where there is none.

    :param app: the Flask application; only its ``extensions`` and its context are used.
    """
    extension = app.extensions.get("sqlalchemy")
    if extension is None:
        return None
    with app.app_context():
        engine = extension.engines.get(None)
    return engine if isinstance(engine, Engine) else None
