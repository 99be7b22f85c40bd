"""Signet, one guarded route that says who sent what, the page, and a log of every request that came."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, redirect, request, send_from_directory

from flask_signet import Signet, get_jwt_identity, jwt_required
from tests.browser.client_app.recorder import Recorder

HERE = Path(__file__).parent
DIST = HERE.parents[2] / "js" / "dist"
USERS = {"maria": "a long sentence", "tomas": "another sentence"}


def create_app() -> Flask:
    """Return the application; ``CLIENT_APP`` holds settings as JSON, ``CLIENT_APP_INSTANCE`` names its folder."""
    app = Flask(__name__, static_folder=None, instance_path=os.environ["CLIENT_APP_INSTANCE"])
    app.config.update(json.loads(os.environ.get("CLIENT_APP") or "{}"))
    signet = Signet(app)
    app.wsgi_app = recorder = Recorder(app.wsgi_app)
    with app.app_context():
        for username, password in USERS.items():
            signet.users.create(username, password)

    @app.post("/tasks")
    @jwt_required()
    def tasks() -> dict[str, Any]:
        return {"user": get_jwt_identity(), "body": request.get_data(as_text=True)}

    @app.get("/away")
    def away() -> Any:
        return redirect(request.args["to"])

    @app.get("/")
    def page() -> Response:
        return send_from_directory(HERE, "page.html")

    @app.get("/page.js")
    def script() -> Response:
        return send_from_directory(HERE, "page.js")

    @app.get("/dist/<name>")
    def dist(name: str) -> Response:
        return send_from_directory(DIST, name)

    @app.get("/elsewhere")
    def elsewhere() -> str:
        return "<!doctype html><title>Elsewhere</title><p>Nothing here knows of tokens.</p>"

    add_controls(app, signet, recorder)
    return app


def add_controls(app: Flask, signet: Signet, recorder: Recorder) -> None:
    """Add what is for the tests alone; the log does not show it."""

    @app.get("/test/log")
    def log() -> list[dict[str, Any]]:
        return recorder.seen

    @app.post("/test/reset")
    def reset() -> tuple[str, int]:
        """Begin as if nothing had happened: no session, no request, no trick."""
        recorder.reset()
        app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(minutes=15)
        for username in USERS:
            signet.revoke_all(signet.users.find(username).id)
        return "", 204

    @app.post("/test/lifetime")
    def lifetime() -> tuple[str, int]:
        app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(seconds=request.get_json()["seconds"])
        return "", 204

    @app.post("/test/trick")
    def trick() -> tuple[str, int]:
        recorder.prepare(**request.get_json())
        return "", 204

    @app.post("/test/release")
    def release() -> tuple[str, int]:
        recorder.release.set()
        return "", 204
