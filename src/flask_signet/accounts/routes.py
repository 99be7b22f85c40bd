"""``POST /account`` and ``GET /account``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, TypedDict

from flask import Response, current_app, request

from flask_signet import settings
from flask_signet.accounts import names
from flask_signet.accounts.service import Accounts
from flask_signet.accounts.settings import MAX_PASSWORD_LENGTH, REGISTRATION_OF_OWN_USERS
from flask_signet.exceptions import Conflict, NotFound, RevokedTokenError, WeakPassword
from flask_signet.throttle import Throttle
from flask_signet.web.answers import json_answer
from flask_signet.web.bodies import Body
from flask_signet.web.fields import Note
from flask_signet.web.guards import get_jwt
from flask_signet.web.routes import TOKEN, Call, Route
from flask_signet.web.surroundings import address_to_limit
from flask_signet.web.token_layer import layer_of


class Services(Protocol):
    """The part of ``app.extensions["signet"]`` that these routes use."""

    @property
    def users(self) -> Accounts:
        """The account service."""
        ...

    @property
    def throttle(self) -> Throttle:
        """The limits on how often a client may call expensive routes."""
        ...

    def load(self, claims: Mapping[str, Any], identity: Any = None) -> Any | None:
        """Return the user that verified claims name, or ``None``."""
        ...


class AccountAnswer(TypedDict):
    """An account, as the server shows it to its owner."""

    id: Annotated[int | str, Note(example=1)]
    username: Annotated[str, Note(example="alesanchezr")]
    email: Annotated[str | None, Note(example="alesanchezr@example.com")]
    email_verified: Annotated[bool, Note(example=False)]
    roles: Annotated[list[str], Note(example=["teacher"])]
    created_at: Annotated[
        str | None,
        Note(
            about="null where the application does not keep it.",
            format="date-time",
            example="2026-01-31T12:00:00.000000Z",
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Registration:
    """A new account. Other fields are ignored: a client gives itself no roles."""

    username: Annotated[str, Note(example="maria")]
    password: Annotated[str, Note(max_length=MAX_PASSWORD_LENGTH)]
    email: Annotated[str | None, Note(example="maria@example.com")] = None


def show_account(call: Call[Services, None]) -> Response:
    """Show the account of the user."""
    user = call.services.load(get_jwt())
    if user is None:
        raise RevokedTokenError
    return json_answer(call.services.users.profile(user).as_json())


def register(call: Call[Services, Registration]) -> Response:
    """Create an account; it does not log the user in.

    404 unless the setting `SIGNET_REGISTRATION` is on.
    """
    if not settings.boolean(current_app.config, "SIGNET_REGISTRATION", False):
        raise NotFound
    users = call.services.users
    if not users.editable:  # the application creates its users itself
        layer_of(current_app).say_once(REGISTRATION_OF_OWN_USERS, f"Flask-Signet: {REGISTRATION_OF_OWN_USERS}.")
        raise NotFound
    body = call.body()
    throttle = call.services.throttle
    with throttle.attempt("register", name=names.folded(body.username), network=address_to_limit(request)):
        user = users.create(body.username, body.password, email=body.email or None)
    return json_answer(users.profile(user).as_json(), 201)


ROUTES: Final[tuple[Route[Services, Any], ...]] = (
    Route(method="GET", path="/account", view=show_account, guard=TOKEN, answers={200: AccountAnswer}),
    Route(
        method="POST",
        path="/account",
        view=register,
        guard=None,
        body=Body(type=Registration),
        answers={201: AccountAnswer},
        errors=(NotFound, Conflict, WeakPassword),
        action="register",
    ),
)
