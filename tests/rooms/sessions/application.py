"""An application with sessions, put together from the rooms by hand; also what gunicorn serves in these tests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask, jsonify

from flask_signet.accounts import settings as account_settings
from flask_signet.accounts.passwords import Passwords
from flask_signet.accounts.service import Accounts
from flask_signet.accounts.throttle import Throttle
from flask_signet.clock import SYSTEM, Clock
from flask_signet.sessions import routes
from flask_signet.sessions import settings as session_settings
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.user_ids import UserId
from flask_signet.store import Store, open_root_keys
from flask_signet.store import settings as store_settings
from flask_signet.web.api import Api
from flask_signet.web.guards import get_jwt, get_jwt_identity, jwt_required
from flask_signet.web.issuing import IssuedToken, issue_access
from flask_signet.web.manager import JWTManager

ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
USERNAME, PASSWORD = "alesanchezr", "a long enough password"


def create_app(instance: Path, config: Mapping[str, Any] | None = None, *, clock: Clock = SYSTEM) -> Flask:
    """Return an application whose data lies below *instance*."""
    app = Flask(__name__, instance_path=str(instance), static_folder=None)
    app.config["JWT_SECRET_KEY"] = "a key for these tests alone, of enough bytes"
    app.config.update(config or {})
    manager = JWTManager(app, clock=clock)

    where = store_settings.read(app.config, app.instance_path)
    store = Store(where, clock=clock)
    root_keys = open_root_keys(where, clock=clock, server_database=where.url is not None)
    accounts = account_settings.read(app.config)
    throttle = Throttle(clock=clock) if accounts.throttle else None
    users = Accounts(store, Passwords(accounts, clock=clock), throttle)
    feed = Feed(store, lambda: session_settings.read(app.config), clock)

    def issue(user_id: UserId, *, fresh: bool, sid: str, epoch: int) -> IssuedToken:
        return issue_access(user_id, fresh=fresh, claims={"sid": sid, "epoch": epoch})

    sessions = Sessions(
        store=store,
        root_keys=root_keys,
        feed=feed,
        settings=lambda: session_settings.read(app.config),
        clock=clock,
        issue=issue,
        may_log_in=users.may_log_in,
        sender=app,
    )

    def end_sessions(user_id: int, connection: Any) -> None:
        sessions.end_all(user_id, reason="account", connection=connection)

    users.on_ended.append(end_sessions)
    manager.revocations = feed
    app.extensions["signet"] = SimpleNamespace(users=users, sessions=sessions, store=store, feed=feed)

    api = Api("signet", url_prefix=None)
    routes.add_token_routes(api)
    routes.add_account_routes(api)
    routes.add_health_route(api)
    app.register_blueprint(api)

    @app.get("/protected")
    @jwt_required()
    def protected() -> Any:
        return jsonify(id=get_jwt_identity(), pid=os.getpid(), sid=get_jwt()["sid"])

    return app


def serve() -> Flask:
    """Return the application for gunicorn: folder and database are named by the environment."""
    config: dict[str, Any] = {"SIGNET_THROTTLE": False}
    if url := os.environ.get("TEST_DATABASE_URL"):
        config["SIGNET_DATABASE_URL"] = url
        config["SIGNET_ROOT_KEY"] = ROOT_KEY
    for name in ("SIGNET_REFRESH_GRACE", "SIGNET_REVOCATION_MAX_AGE"):
        if name in os.environ:
            config[name] = int(os.environ[name])
    return create_app(Path(os.environ["TEST_INSTANCE"]), config)
