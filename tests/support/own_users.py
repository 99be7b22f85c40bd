"""An application that keeps its users itself, with Flask-SQLAlchemy, and `Signet` over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask
from flask_sqlalchemy import SQLAlchemy

from flask_signet import Signet
from flask_signet.accounts import SQLAlchemyUsers
from flask_signet.store import schema
from flask_signet.testing import reset


class AppWithUsers:
    """What every such application has; a subclass makes the model and hands in *users* over it."""

    def __init__(
        self, db: SQLAlchemy, users: SQLAlchemyUsers, name: str, folder: Path, url: str, **config: Any
    ) -> None:
        self.db = db
        self.signet = Signet(users=users)
        self.app = self.create_app(name, folder, url, **config)
        self.client = self.app.test_client()

    def create_app(self, name: str, folder: Path, url: str, **config: Any) -> flask.Flask:
        """Make an application; all of them share the model. A setting that is ``None`` is left out."""
        folder.mkdir(parents=True, exist_ok=True)
        app = flask.Flask(name, instance_path=str(folder))
        settings: dict[str, Any] = {"SQLALCHEMY_DATABASE_URI": url, "SIGNET_DATABASE_URL": "app", **config}
        app.config.update({key: value for key, value in settings.items() if value is not None})
        # Ours first: the order does not matter.
        self.signet.init_app(app)
        self.db.init_app(app)
        self.add_views(app)
        with app.app_context():
            self.db.create_all()
            schema.upgrade(app.extensions["signet"].store)
        return app

    def add_views(self, app: flask.Flask) -> None:
        """Add what the application serves beside our routes."""

    def add_user(self, model: Any, **values: Any) -> None:
        with self.app.app_context():
            self.db.session.add(model(**values))
            self.db.session.commit()

    def close(self) -> None:
        reset(self.app)
        with self.app.app_context():
            self.db.session.remove()
            for engine in self.db.engines.values():
                engine.dispose()
