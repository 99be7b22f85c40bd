"""The application of the rotation test: a route that returns a token to every client, and a guarded view."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask

from flask_signet import JWTManager, create_access_token, get_jwt_header, jwt_required


def create_app() -> Flask:
    """Return the application; its ring is in the file that ``RING`` names."""
    app = Flask(__name__)
    app.config.update(JWT_KEYS=os.environ["RING"], SIGNET_ROUTES=["jwks"])
    JWTManager(app)

    @app.get("/token")
    def token() -> dict[str, str]:
        return {"token": create_access_token("1")}

    @app.get("/protected")
    @jwt_required()
    def protected() -> dict[str, Any]:
        return {"kid": get_jwt_header()["kid"], "pid": os.getpid()}

    return app
