"""``POST /token/mfa``: send the second proof of a login. Served only if a login step exists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from flask import Response, current_app, request

from flask_signet.exceptions import InvalidCredentials, JWTDecodeError, RevokedTokenError, TokenExpired
from flask_signet.sessions import cookie_mode
from flask_signet.sessions.login_answer import TokenAnswer, token_answer
from flask_signet.sessions.login_step import Transport
from flask_signet.sessions.route_services import Services
from flask_signet.web.bodies import Body, json_object
from flask_signet.web.fields import Note
from flask_signet.web.routes import Call, Route
from flask_signet.web.surroundings import look_at_proxy
from flask_signet.web.token_layer import layer_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MfaBody:
    """The second proof of a login. The other fields depend on the method."""

    mfa_token: Annotated[str, Note(example="sgm_…")]
    method: Annotated[str, Note(about="One of the `methods` of the error.", max_length=64, example="totp")]
    code: Annotated[str | None, Note(about="The code, if the method has one.")] = None
    transport: Annotated[Transport, Note(about="As in POST /token; a login that began with a cookie keeps it.")] = (
        "body"
    )


def finish_login(call: Call[Services, MfaBody]) -> Response:
    """Send a second proof and finish the login.

    The transport is the one that the login began with. A login that began without a cookie may ask for one here, for
    example after ``signet.login()``, where the view chooses the transport.
    """
    services = call.services
    settings = services.sessions.settings
    look_at_proxy(layer_of(current_app), request)
    body = call.body()
    pending = services.login_flow.waiting(body.mfa_token)
    transport: Transport = "cookie" if "cookie" in (body.transport, pending.attempt.transport) else "body"
    held = None
    if transport == "cookie":
        # Before the answer is checked: another site must not be able to log a visitor in.
        cookie_mode.check_origin(current_app, request, settings)
        held = cookie_mode.read_any(current_app, request, settings)
    attempt = replace(
        pending.attempt,
        device=request.headers.get("User-Agent"),
        address=request.remote_addr,
        replaces=held,
        transport=transport,
    )
    # Pass the whole JSON object: the step reads its own fields from it.
    granted = services.login_flow.solve(pending, json_object(request), attempt)
    return token_answer(services, granted, transport)


ROUTE: Final[Route[Any, MfaBody]] = Route(
    method="POST",
    path="/token/mfa",
    view=finish_login,
    guard=None,
    body=Body(type=MfaBody),
    answers={200: TokenAnswer},
    errors=(InvalidCredentials, JWTDecodeError, TokenExpired, RevokedTokenError),
)
