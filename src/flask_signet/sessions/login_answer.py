"""Log a user in by the request, and answer with the tokens of the session.

The views of this package and of the application use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypedDict
from uuid import UUID

from flask import Response, current_app, request
from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.sessions import cookie_mode
from flask_signet.sessions.login_step import Attempt, Transport
from flask_signet.sessions.route_services import Services
from flask_signet.sessions.session_tokens import Granted
from flask_signet.sessions.settings import SessionSettings
from flask_signet.web.answers import json_answer
from flask_signet.web.fields import Note


class _AlwaysThere(TypedDict):
    token: Annotated[str, Note(about="The access token.", example="eyJhbGciOiJFZERTQSIs…")]
    access_token: Annotated[str, Note(about="The same token under OAuth's name.", example="eyJhbGciOiJFZERTQSIs…")]
    token_type: Annotated[Literal["Bearer"], Note(example="Bearer")]
    expires_in: Annotated[
        int | None, Note(about="Lifetime of the access token in seconds; null if it never expires.", example=900)
    ]
    user_id: Annotated[int | str, Note(example=1)]


class TokenAnswer(_AlwaysThere, total=False):
    """The tokens of a session."""

    refresh_token: Annotated[str, Note(about="Absent if it is sent as a cookie.", example="sgr_…")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The tokens of a session that was just opened or refreshed.

    :param expires_in: lifetime of the access token in seconds; ``None`` if it never expires.
    """

    access_token: str
    refresh_token: str
    expires_in: int | None
    user_id: UserId
    session_id: str
    settings: SessionSettings
    #: Ends the session of a refresh token; called with the token that the browser holds before it gets a new cookie.
    end_replaced: Callable[[str], None] | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, granted: Granted, settings: SessionSettings, *, end_replaced: Callable[[str], None] | None = None
    ) -> Login:
        """Return the login for the tokens that the service granted."""
        return cls(
            access_token=granted.access_token,
            refresh_token=granted.refresh_token,
            expires_in=granted.expires_in,
            user_id=granted.user_id,
            session_id=granted.session_id,
            settings=settings,
            end_replaced=end_replaced,
        )

    def __repr__(self) -> str:
        """Return the user and the session; the tokens are secrets."""
        return f"Login(user_id={self.user_id!r}, session_id={self.session_id!r})"

    def response(self, transport: Transport = "body") -> Response:
        """Return the answer of ``POST /token``: tokens as JSON, or the refresh token as a cookie.

        :raises CSRFError: *transport* is ``"cookie"``, and the request does not come from this or a trusted origin.
        """
        if transport == "body":
            return _with_both(self)
        cookie_mode.check_origin(current_app, request, self.settings)
        response = json_answer(_payload(self))
        self.set_cookie(response)
        return response

    def set_cookie(self, response: Response) -> None:
        """Set the refresh token as a cookie on *response*, such as a redirect to the front end.

        Unlike ``response("cookie")``, this method does not check the origin of the request. Call it only in a view
        that has checked the request itself: an OAuth callback that compared ``state`` with the value that this
        browser was given, or a mailed link whose token was used up. Otherwise another site can log a visitor in as
        another user.

        The session that the browser held before ends.

        :raises Unavailable: the session that the browser held could not be ended: the store does not answer.
        """
        if self.end_replaced is not None:
            held = cookie_mode.read_any(current_app, request, self.settings)
            if held is not None:
                self.end_replaced(held)
        cookie_mode.put(current_app, request, self.settings, response, self.refresh_token)


def _payload(tokens: Granted | Login) -> TokenAnswer:
    return {
        "token": tokens.access_token,
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "user_id": str(tokens.user_id) if isinstance(tokens.user_id, UUID) else tokens.user_id,
    }


def _with_both(tokens: Granted | Login) -> Response:
    return json_answer({**_payload(tokens), "refresh_token": tokens.refresh_token})


def open_session(
    services: Services,
    user_id: UserId,
    since: int | None,
    *,
    transport: Transport,
    replaces: str | None = None,
    connection: Connection | None = None,
) -> Granted:
    """Run the login flow for a user whose password was checked.

    :raises MfaRequired: a step is pending; there is no session.
    """
    attempt = Attempt(
        user_id=user_id,
        device=request.headers.get("User-Agent"),
        address=request.remote_addr,
        since=since,
        replaces=replaces,
        transport=transport,
    )
    return services.login_flow.begin("pwd", attempt, connection)


def token_answer(services: Services, granted: Granted, transport: Transport) -> Response:
    """Return the answer with the tokens of a session."""
    if transport == "body":
        return _with_both(granted)
    return Login.of(granted, services.sessions.settings).response(transport)
