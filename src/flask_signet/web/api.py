"""The blueprint of our routes: one error format on all our paths.

The application can answer our errors itself with an ``errorhandler`` for one of our classes. Its handlers for
``Exception``, ``HTTPException`` or a status are not called: clients rely on our error format.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from flask_signet.exceptions import (
    InvalidRequest,
    NotReadyError,
    SettingsError,
    SignetError,
    TooLarge,
)
from flask_signet.web.answers import complete, error_answer
from flask_signet.web.refusals import own_handler


class Api(Blueprint):
    """A blueprint that answers every :class:`SignetError` of its views in our error format.

    :param name: unique name; an endpoint is ``<name>.<view>``.
    :param url_prefix: path before every route, or ``None``.
    """

    def __init__(self, name: str, *, url_prefix: str | None = None) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix)
        self.register_error_handler(SignetError, answer)
        self.register_error_handler(RequestEntityTooLarge, _too_large)
        self.register_error_handler(BadRequest, _bad_request)


def answer(error: SignetError) -> Response:
    """Return the response of the application's handler for this class, or else a response in our error format."""
    handler = own_handler(error, current_app.error_handler_spec[None][None])
    if handler is None:
        if isinstance(error, SettingsError) and error.status != 503:
            # A configuration error is answered with 503; the reason is in the log.
            error = NotReadyError(str(error))
        return error_answer(error)
    # The application's handler may be a coroutine function.
    return complete(current_app.make_response(current_app.ensure_sync(handler)(error)), error)


def _too_large(_error: HTTPException) -> Response:
    return answer(TooLarge())


def _bad_request(_error: HTTPException) -> Response:
    return answer(InvalidRequest())
