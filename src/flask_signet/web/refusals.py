"""How an error becomes an answer: who answers it, and what a guard raises so that the answer reaches the client.

Flask gives an error to a handler by its class. Extensions that catch every exception stand in the way of that, so under
one of them a guard raises an exception that carries its answer: :class:`Refusal`.
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

# --- The exception that carries an answer ---------------------------------------------------------


# Flask gives an HTTP exception to the handlers of its status or of every error, unless it is one of routing: those
# are answers already.
class Refusal(HTTPException, RoutingException):
    """Base of what a guard raises: an instance of the error's own class as well, with the finished answer.

    ``code``, ``description`` and ``response`` are those of an HTTP exception: ``code`` is the status. The text of the
    exception is that of the error, which is ``error``.
    """

    def __init__(self, error: SignetError, response: Response) -> None:
        # No `super().__init__`: that of the error's class may ask for other arguments.
        self.__dict__.update(error.__dict__)
        self.args = error.args
        self.description = str(error)
        self.response = response
        self.error = error
        self.code = response.status_code
        if response.direct_passthrough:
            # A file: Flask-RESTX reads the body below, and may drop the response without closing it.
            with closing(cast(Any, response.response)) as file:
                response.set_data(b"".join(file))
            response.direct_passthrough = False
        # Flask-RESTX writes this as its body.
        data = response.get_json(silent=True)
        self.data: Any = response.get_data(as_text=True) if data is None else data

    def __reduce__(self) -> tuple[Any, ...]:
        """Become ``None``, no entry, where a cache writes it down: Flask-Caching keeps HTTP exceptions."""
        return type(None), ()

    def __str__(self) -> str:
        """Return the text of the error: GraphQL and Socket.IO show it."""
        return str(self.error)


def refusal(error: SignetError, response: Response) -> Refusal:
    """Return what to raise for *error*, to be answered with *response*."""
    if isinstance(error, Refusal):
        error = error.error
    return _also(type(error))(error, response)


@cache
def _also(kind: type[SignetError]) -> type[Refusal]:
    """Return the class of refusals that are instances of *kind* too."""
    return cast("type[Refusal]", type(kind.__name__, (Refusal, kind), {"__module__": __name__, "code": None}))


def origin(error: SignetError) -> SignetError:
    """Return the error that *error* was made of, where other classes were put to it."""
    while (made_of := getattr(error, "error", None)) is not None:
        error = made_of
    return error


# --- What the handlers answer -------------------------------------------------------------------------


def handle(error: SignetError) -> Response:
    """Return the answer to *error*: the application's callback where there is one, else the one shape."""
    return _answer(error)


def handle_in_api(error: SignetError) -> tuple[Any, int, Any]:
    """Return the answer to *error* as a Flask-RESTX API takes it: data, status, headers.

    :raises Refusal: the body is no JSON object, and the API would fail to write its message into it.
    """
    response = _answer(error, error.status)
    data = response.get_json(silent=True)
    if not isinstance(data, dict):
        raise refusal(error, response)
    return cast(Any, data), response.status_code, response.headers


def _answer(error: SignetError, status: int | None = None) -> Response:
    """Return the answer to *error*.

    :param status: the status where a callback returns a body alone; ``None``: 200, as in Flask.
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
    # It would answer the same in a slower way.
    return getattr(callback, "__module__", None) == callbacks.__name__


# --- What a guard raises ------------------------------------------------------------------------------


def refuse(error: SignetError) -> Exception:
    """Return what a guard raises for *error*.

    Under plain Flask it is *error* itself, as with Flask-JWT-Extended: what stands between guard and Flask, such as a
    decorator that caches answers, sees an error and no answer. An API extension that catches every exception would
    make a 500 of it, so under one it is a refusal that carries its answer. Where the application has a handler of its
    own for the error, that handler answers.
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
    """Return what ``verify_jwt_in_request()`` raises for *error*: its class, for the caller to catch.

    A resource of Flask-RESTX or Flask-RESTful is the exception: these turn every error that they do not know into a
    500, so the answer is carried there too.
    """
    if error.status != 500 and api_of_request() is not None:
        return refuse(error)
    layer = layer_of(current_app)
    _reach_blueprints(layer.app, request.blueprints)
    return layer.as_raised(error)


def _is_answered_by(api: Any, error: SignetError) -> bool:
    """Return whether *api* has an answer of its own for *error*."""
    if type(error).__name__ in getattr(api, "errors", ()):  # Flask-RESTful's, by their names
        return True
    compat = layer_of(current_app).compat
    # With Flask-JWT-Extended the API adds its message to what our handlers return.
    return any(compat or not _is_ours(handler) for handler in _handlers_of_api(api, error))


def _has_a_handler(error: SignetError) -> bool:
    """Return whether Flask would give *error* to a handler of the application for its class."""
    for name in (*request.blueprints, None):
        found = _handlers_for(error, current_app.error_handler_spec[name][None])
        if found:
            return not _is_ours(found[0])
    return False


def own_handler(error: SignetError, handlers: Mapping[type[Exception], Any]) -> Callable[..., Any] | None:
    """Return the application's handler among *handlers* that is for *error* itself and not for every error."""
    return next((handler for handler in _handlers_for(error, handlers) if not _is_ours(handler)), None)


def _is_ours(handler: Any) -> bool:
    return handler is handle or handler is handle_in_api


def _reach_blueprints(app: Flask, names: list[str]) -> None:
    """Let our errors reach our handlers although a blueprint of *names* catches every exception.

    Flask asks the blueprint's handlers first. A handler for the very class of ours, put beside one that catches all, is
    the more specific one. A blueprint's own handler for our classes stays.
    """
    for name in names:
        handlers = app.error_handler_spec[name][None]
        if (Exception in handlers or BaseException in handlers) and SignetError not in handlers:
            for kind in (JWTExtendedException, Unavailable, WeakKeyError):
                handlers.setdefault(kind, handle)


# --- The handlers that Flask and an API would ask -----------------------------------------------------


def api_of_request() -> Any:
    """Return the API object of Flask-RESTX or Flask-RESTful whose resource this request is for, or ``None``."""
    return next((api for api in _before_flask() if hasattr(api, "owns_endpoint") and _has_request(api)), None)


def errors_are_wrapped() -> bool:
    """Return whether something stands before Flask's own handler of errors in this request, such as an API object."""
    router: Any = vars(current_app).get("handle_user_exception")
    if router is None:
        return False
    if not isinstance(router, partial):
        return True
    return any(not hasattr(api, "owns_endpoint") or _has_request(api) for api in _before_flask())


def _before_flask() -> Iterator[Any]:
    """Yield the owner of each handler of all errors: an API puts itself before the one that it finds."""
    router: Any = current_app.handle_user_exception
    while isinstance(router, partial):
        yield getattr(router.func, "__self__", None)
        router = router.args[0] if router.args else None


def _has_request(api: Any) -> bool:
    return request.endpoint is not None and bool(api.owns_endpoint(request.endpoint))


def _handlers_of_api(api: Any, error: SignetError) -> list[Callable[..., Any]]:
    """Return the handlers for the class of *error* that a Flask-RESTX API and its namespaces keep."""
    keepers = (api, *getattr(api, "namespaces", ()))
    return [handler for keeper in keepers for handler in _handlers_for(error, getattr(keeper, "error_handlers", {}))]


def _handlers_for(error: SignetError, handlers: Mapping[type[Exception], Any]) -> list[Callable[..., Any]]:
    """Return those of *handlers* that are for *error* itself and not for every error."""
    found = (handlers.get(kind) for kind in type(error).__mro__ if kind.__module__ != "builtins")
    return [handler for handler in found if handler is not None]
