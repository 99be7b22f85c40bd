"""Turn an error into an answer: choose the handler, and choose the exception that a guard raises.

Flask chooses the handler of an error by its class. An extension that catches every exception prevents that. If such an
extension is active, a guard raises an exception that contains its answer: :class:`Refusal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import cache, partial
from typing import Any, cast

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing.exceptions import RoutingException
from werkzeug.wrappers import Response as BaseResponse

from flask_signet.exceptions import JWTExtendedException, SignetError, Unavailable, WeakKeyError
from flask_signet.web import callbacks
from flask_signet.web.answers import complete, error_answer
from flask_signet.web.token_layer import layer_of

# --- The exception that contains an answer ------------------------------------------------------------


# Flask passes an HTTP exception to the handlers of its status or of all errors, unless it is a routing exception: Flask
# treats those as finished answers.
class Refusal(HTTPException, RoutingException):
    """Base of the exceptions that contain a finished answer; each is an instance of the error's own class as well.

    ``code``, ``description`` and ``response`` are those of an HTTP exception: ``code`` is the status. ``error`` is the
    original error, and the exception has its message.
    """

    def __init__(self, error: SignetError, response: Response) -> None:
        # `super().__init__` is not called: the error's class may need other arguments.
        self.__dict__.update(error.__dict__)
        self.args = error.args
        self.description = str(error)
        self.response = response
        self.error = error
        self.code = response.status_code
        if response.direct_passthrough:
            # The body is a file: Flask-RESTX reads it below and may discard the response without closing it.
            with closing(cast(Any, response.response)) as file:
                response.set_data(b"".join(file))
            response.direct_passthrough = False
        # Flask-RESTX uses this as the body of its answer.
        data = response.get_json(silent=True)
        self.data: Any = response.get_data(as_text=True) if data is None else data

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as ``None``, so that Flask-Caching, which stores HTTP exceptions, does not cache the answer."""
        return type(None), ()

    def __str__(self) -> str:
        """Return the message of the error, which GraphQL and Socket.IO show."""
        return str(self.error)


def refusal(error: SignetError, response: Response) -> Refusal:
    """Return the exception to raise for *error*; it is answered with *response*."""
    if isinstance(error, Refusal):
        error = error.error
    return _also(type(error))(error, response)


@cache
def _also(kind: type[SignetError]) -> type[Refusal]:
    """Return the class of refusals that are instances of *kind* too."""
    return cast("type[Refusal]", type(kind.__name__, (Refusal, kind), {"__module__": __name__, "code": None}))


def origin(error: SignetError) -> SignetError:
    """Return the original error, without the classes that were added to it."""
    while (made_of := getattr(error, "error", None)) is not None:
        error = made_of
    return error


# --- Error handlers -----------------------------------------------------------------------------------


def handle(error: SignetError) -> Response:
    """Return the answer to *error*: from the application's callback if it has one, otherwise the default body."""
    return _answer(error)


def handle_in_api(error: SignetError) -> tuple[Any, int, Any]:
    """Return the answer to *error* in the form that a Flask-RESTX API expects: data, status, headers.

    :raises Refusal: the body is not a JSON object, so the API cannot add its message to it.
    """
    response = _answer(error, error.status)
    data = response.get_json(silent=True)
    if not isinstance(data, dict):
        raise refusal(error, response)
    return cast(Any, data), response.status_code, response.headers


def _answer(error: SignetError, status: int | None = None) -> Response:
    """Return the answer to *error*.

    :param status: the status if a callback returns only a body; ``None``: 200, as in Flask.
    """
    error = origin(error)
    layer = layer_of(current_app)
    found = layer.loaders.callback_for(error)
    if found is None or _is_default(found[0]):
        key = layer.settings.message_key
        return error_answer(error, message_key=key, status=layer.status_of(error), code=not layer.compat)
    callback, arguments = found
    result: Any = layer.loaders.call(callback, *arguments)
    says_its_status = isinstance(result, (tuple, BaseResponse))
    response = current_app.make_response(result)
    if status is not None and not says_its_status:
        response.status_code = status
    return complete(response, error)


def _is_default(callback: Any) -> bool:
    # The default callback gives the same answer, but slower.
    return getattr(callback, "__module__", None) == callbacks.__name__


# --- Exceptions that guards raise ---------------------------------------------------------------------


def refuse(error: SignetError) -> Exception:
    """Return the exception that a guard raises for *error*.

    Under plain Flask it is *error* itself, as with Flask-JWT-Extended: code between the guard and Flask, such as a
    decorator that caches answers, sees an error and no answer. An API extension that catches every exception would
    answer 500, so under such an extension it is a :class:`Refusal`. If the application has its own handler for the
    error, that handler answers.
    """
    if isinstance(error, Refusal):
        return error
    layer = layer_of(current_app)
    raised = layer.as_raised(error)
    if _has_a_handler(raised):
        return raised
    api = api_of_request()
    if api is not None and _is_answered_by(api, raised):
        return raised
    if current_app.config["TRAP_HTTP_EXCEPTIONS"]:
        return raised
    if not errors_are_wrapped():
        _reach_blueprints(layer.app, request.blueprints)
        return raised
    return refusal(raised, _answer(error, None if api is None else error.status))


def refuse_by_hand(error: SignetError) -> Exception:
    """Return the exception that ``verify_jwt_in_request()`` raises for *error*: one that the caller can catch by class.

    In a resource of Flask-RESTX or Flask-RESTful it may be a :class:`Refusal`: these extensions answer every unknown
    error with 500.
    """
    if error.status != 500 and api_of_request() is not None:
        return refuse(error)
    layer = layer_of(current_app)
    _reach_blueprints(layer.app, request.blueprints)
    return layer.as_raised(error)


def _is_answered_by(api: Any, error: SignetError) -> bool:
    """Return whether *api* has its own answer for *error*."""
    if type(error).__name__ in getattr(api, "errors", ()):  # Flask-RESTful has error names
        return True
    compat = layer_of(current_app).compat
    # With JWT_COMPAT the API adds its message to the answer of our handlers, as with Flask-JWT-Extended.
    return any(compat or not _is_ours(handler) for handler in _handlers_of_api(api, error))


def _has_a_handler(error: SignetError) -> bool:
    """Return whether Flask would pass *error* to a handler of the application for its class."""
    for name in (*request.blueprints, None):
        found = _handlers_for(error, current_app.error_handler_spec[name][None])
        if found:
            return not _is_ours(found[0])
    return False


def own_handler(error: SignetError, handlers: Mapping[type[Exception], Any]) -> Callable[..., Any] | None:
    """Return the application's handler among *handlers* for the class of *error*, but not one for all exceptions."""
    return next((handler for handler in _handlers_for(error, handlers) if not _is_ours(handler)), None)


def _is_ours(handler: Any) -> bool:
    return handler is handle or handler is handle_in_api


def _reach_blueprints(app: Flask, names: list[str]) -> None:
    """Add our handlers to each blueprint of *names* that has a handler for all exceptions.

    Flask calls the handlers of a blueprint first, and prefers the handler of the most specific class. A blueprint's own
    handler for our classes is kept.
    """
    for name in names:
        handlers = app.error_handler_spec[name][None]
        if (Exception in handlers or BaseException in handlers) and SignetError not in handlers:
            for kind in (JWTExtendedException, Unavailable, WeakKeyError):
                handlers.setdefault(kind, handle)


# --- Handlers of Flask and of API extensions ----------------------------------------------------------


def api_of_request() -> Any:
    """Return the API object of Flask-RESTX or Flask-RESTful that owns the resource of this request, or ``None``."""
    return next((api for api in _before_flask() if hasattr(api, "owns_endpoint") and _has_request(api)), None)


def errors_are_wrapped() -> bool:
    """Return whether another object, such as an API, handles the errors of this request before Flask."""
    router: Any = vars(current_app).get("handle_user_exception")
    if router is None:
        return False
    if not isinstance(router, partial):
        return True
    return any(not hasattr(api, "owns_endpoint") or _has_request(api) for api in _before_flask())


def _before_flask() -> Iterator[Any]:
    """Yield the owners of the handlers that wrap Flask's own: each API wraps the handler that it finds."""
    router: Any = current_app.handle_user_exception
    while isinstance(router, partial):
        yield getattr(router.func, "__self__", None)
        router = router.args[0] if router.args else None


def _has_request(api: Any) -> bool:
    return request.endpoint is not None and bool(api.owns_endpoint(request.endpoint))


def _handlers_of_api(api: Any, error: SignetError) -> list[Callable[..., Any]]:
    """Return the handlers of a Flask-RESTX API and its namespaces for the class of *error*."""
    keepers = (api, *getattr(api, "namespaces", ()))
    return [handler for keeper in keepers for handler in _handlers_for(error, getattr(keeper, "error_handlers", {}))]


def _handlers_for(error: SignetError, handlers: Mapping[type[Exception], Any]) -> list[Callable[..., Any]]:
    """Return the *handlers* for the class of *error*, without those for all exceptions."""
    found = (handlers.get(kind) for kind in type(error).__mro__ if kind.__module__ != "builtins")
    return [handler for handler in found if handler is not None]
