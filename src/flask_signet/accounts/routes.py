"""``POST /account`` and ``GET /account``."""

from __future__ import annotations

from flask import Response, current_app, request

from flask_signet import settings
from flask_signet.accounts import names
from flask_signet.accounts.service import Accounts
from flask_signet.accounts.settings import MAX_PASSWORD_LENGTH, REGISTRATION_OF_OWN_USERS
from flask_signet.exceptions import NotFound, RevokedTokenError
from flask_signet.throttle import Throttle
from flask_signet.web.answers import json_answer
from flask_signet.web.api import Api
from flask_signet.web.bodies import json_object, text_field
from flask_signet.web.guards import get_jwt, jwt_required
from flask_signet.web.surroundings import address_to_limit
from flask_signet.web.token_layer import layer_of


def add_routes(api: Api) -> None:
    """Add the two routes to *api*."""
    api.add_url_rule("/account", view_func=show_account, methods=["GET"])
    api.add_url_rule("/account", view_func=register, methods=["POST"])


@jwt_required()
def show_account() -> Response:
    """Answer who the token belongs to."""
    user = current_app.extensions["signet"].load(get_jwt())
    if user is None:
        raise RevokedTokenError
    return json_answer(_users().profile(user).as_json())


def register() -> Response:
    """Make an account, where anyone may."""
    if not settings.boolean(current_app.config, "SIGNET_REGISTRATION", False):
        raise NotFound
    users = _users()
    if not users.editable:  # the application makes its users itself
        layer_of(current_app).say_once(REGISTRATION_OF_OWN_USERS, f"Flask-Signet: {REGISTRATION_OF_OWN_USERS}.")
        raise NotFound
    body = json_object(request)
    # Fields are taken by name and nothing else of the body is: no one registers roles for himself.
    username = text_field(body, "username") or ""
    password = text_field(body, "password", max_length=MAX_PASSWORD_LENGTH) or ""
    email = text_field(body, "email", required=False) or None
    throttle: Throttle = current_app.extensions["signet"].throttle
    with throttle.attempt("register", name=names.folded(username), network=address_to_limit(request)):
        user = users.create(username, password, email=email)
    return json_answer(users.profile(user).as_json(), 201)


def _users() -> Accounts:
    return current_app.extensions["signet"].users
