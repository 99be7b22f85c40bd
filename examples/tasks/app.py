"""The demo: a task list for signed-in users, and a page that shows what their tokens do.

One line, ``Signet(app)``, adds login, refresh, logout and accounts. The rest of this file is the
application's own: its routes, protected by ``@jwt_required()``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from measure import Meter
from page import page
from tasks import prepare, tasks

from flask_signet import Signet, create_access_token, get_jwt_identity, jwt_required

HERE = Path(__file__).resolve().parent


def data_folder() -> str:
    """Return the folder of the data: ``TASKS_INSTANCE``, or ``instance`` beside this file."""
    return os.environ.get("TASKS_INSTANCE") or str(HERE / "instance")


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the application. It creates its own table here; Signet creates its tables at the first use."""
    app = Flask(__name__, static_folder=None, instance_path=data_folder())
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    app.config["SIGNET_REGISTRATION"] = os.environ.get("REGISTRATION") == "1"
    # No cache of verified tokens, so that "Signature checked" in the log is true for every request.
    app.config["JWT_VERIFIED_CACHE_BYTES"] = 0
    app.config.update(config or {})

    Meter(app)
    signet = Signet(app)
    prepare(app.instance_path)
    app.register_blueprint(tasks)
    app.register_blueprint(page)

    @app.get("/protected")
    @jwt_required()
    def protected() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction] - Flask keeps it
        user = signet.users.get(get_jwt_identity())
        return {"id": user.id, "username": user.username}

    @app.get("/demo/about")
    def about() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return {"registration": app.config["SIGNET_REGISTRATION"]}

    @app.post("/demo/expire")
    @jwt_required()
    def expire() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        """Return an expired token of the same user, for the button "Use an expired token"."""
        return {"token": create_access_token(identity=get_jwt_identity(), expires_delta=timedelta(0))}

    return app
