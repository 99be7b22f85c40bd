"""The blueprint of our own routes: one shape of errors on all of our paths.

The application may answer our errors itself, by an ``errorhandler`` for one of our classes. A handler for every
``Exception``, every ``HTTPException`` or a status is not asked: it would take our shape from the clients that read it.
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
    """A blueprint whose views may raise any :class:`SignetError` and so give the one error shape.

    :param name: unique name; the routes are known as ``<name>.<view>``.
    :param url_prefix: path before every route, or ``None``.
    """

    def __init__(self, name: str, *, url_prefix: str | None = None) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix)
        self.register_error_handler(SignetError, answer)
        self.register_error_handler(RequestEntityTooLarge, _too_large)
        self.register_error_handler(BadRequest, _bad_request)


def answer(error: SignetError) -> Response:
    """Return what the application's own handler for this class answers, else our shape."""
    handler = own_handler(error, current_app.error_handler_spec[None][None])
    if handler is None:
        if isinstance(error, SettingsError) and error.status != 503:
            # What the operator must put right is 503, and the reason is in the log.
            error = NotReadyError(str(error))
        return error_answer(error)
    # The handler of an application may be a coroutine function.
    return complete(current_app.make_response(current_app.ensure_sync(handler)(error)), error)


def _too_large(_error: HTTPException) -> Response:
    return answer(TooLarge())


def _bad_request(_error: HTTPException) -> Response:
    return answer(InvalidRequest())
