"""An application with sessions; also what gunicorn serves in these tests."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, jsonify

from flask_signet import Signet, get_jwt, get_jwt_identity, jwt_required
from flask_signet.clock import SYSTEM, Clock

ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
USERNAME, PASSWORD = "alesanchezr", "a long enough password"


def create_app(instance: Path, config: Mapping[str, Any] | None = None, *, clock: Clock = SYSTEM) -> Flask:
    """Return an application whose data lies below *instance*."""
    app = Flask(__name__, instance_path=str(instance), static_folder=None)
    app.config.update(config or {})
    Signet(app, clock=clock)

    @app.get("/protected")
    @jwt_required()
    def protected() -> Any:
        return jsonify(id=get_jwt_identity(), pid=os.getpid(), sid=get_jwt()["sid"])

    return app


def serve() -> Flask:
    """Return the application for gunicorn: folder and database are named by the environment."""
    config: dict[str, Any] = {"SIGNET_THROTTLE": False}
    if key := os.environ.get("TEST_ROOT_KEY"):
        config["SIGNET_ROOT_KEY"] = key
    if url := os.environ.get("TEST_DATABASE_URL"):
        config["SIGNET_DATABASE_URL"] = url
        config["SIGNET_ROOT_KEY"] = ROOT_KEY
    for name in ("SIGNET_REFRESH_GRACE", "SIGNET_REVOCATION_MAX_AGE", "JWT_ACCESS_TOKEN_EXPIRES"):
        if name in os.environ:
            config[name] = int(os.environ[name])
    step = os.environ.get("TEST_CLOCK_STEP")  # a file of seconds: a test sets the clock of a running process by it
    clock = SYSTEM if step is None else Clock(time=lambda: time.time() + float(Path(step).read_text() or 0))
    return create_app(Path(os.environ["TEST_INSTANCE"]), config, clock=clock)
