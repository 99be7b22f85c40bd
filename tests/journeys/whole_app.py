"""An application of the three lines, with one guarded view; made by a factory, as servers start it."""

from __future__ import annotations

import os

from flask import Flask, jsonify

from flask_signet import Signet, current_user, jwt_required


def create_app() -> Flask:
    """Return the application; its data is in the folder ``WHOLE_INSTANCE``."""
    app = Flask(__name__, instance_path=os.environ["WHOLE_INSTANCE"])
    app.config.from_prefixed_env()
    Signet(app)

    @app.get("/protected")
    @jwt_required()
    def protected() -> object:
        return jsonify(id=current_user.id, username=current_user.username, worker=os.getpid())

    return app
