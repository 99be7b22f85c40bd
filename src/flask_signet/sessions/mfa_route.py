"""``POST /token/mfa``: the answer to what a login still asks for. Served only where a step exists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, cast

from flask import Response, current_app, request

from flask_signet.sessions import cookie_mode
from flask_signet.sessions.login_answer import Login
from flask_signet.sessions.login_flow import LoginFlow
from flask_signet.sessions.login_step import Transport
from flask_signet.sessions.service import Sessions
from flask_signet.web.api import Api
from flask_signet.web.bodies import json_object, text_field
from flask_signet.web.surroundings import look_at_proxy
from flask_signet.web.token_layer import layer_of


class Services(Protocol):
    """What ``app.extensions["signet"]`` offers this route."""

    @property
    def sessions(self) -> Sessions:
        """The session service."""
        ...

    @property
    def login_flow(self) -> LoginFlow:
        """The one way to a session."""
        ...


def add_mfa_route(api: Api) -> None:
    """Add the route to *api*."""
    api.add_url_rule("/token/mfa", "finish_login", finish_login, methods=["POST"])


def finish_login() -> Response:
    """Take the answer of a step, and answer as ``POST /token`` does.

    The transport is the one that the login began with. A login that began without a cookie may ask for one here, as
    after ``signet.login()``, whose view decides that itself.
    """
    signet = cast(Services, current_app.extensions["signet"])
    settings = signet.sessions.settings
    look_at_proxy(layer_of(current_app), request)
    body: dict[str, Any] = json_object(request)
    token = text_field(body, "mfa_token", max_length=1_024)
    text_field(body, "method", max_length=64)
    wanted = cookie_mode.transport_of(body)
    pending = signet.login_flow.waiting(token or "")
    transport: Transport = "cookie" if "cookie" in (wanted, pending.attempt.transport) else "body"
    held = None
    if transport == "cookie":
        # Before the answer is looked at: another site must not even log a visitor in.
        cookie_mode.check_origin(current_app, request, settings)
        held = cookie_mode.read_any(current_app, request, settings)
    attempt = replace(
        pending.attempt,
        device=request.headers.get("User-Agent"),
        address=request.remote_addr,
        replaces=held,
        transport=transport,
    )
    return Login.of(signet.login_flow.solve(pending, body, attempt), settings).response(transport)
