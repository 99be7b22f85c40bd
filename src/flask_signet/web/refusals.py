"""What a guard raises: an exception that carries its answer through whatever catches every error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import cache, partial
from typing import Any, cast

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing.exceptions import RoutingException

from flask_signet.exceptions import SignetError


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


def handlers_of_api(api: Any, error: SignetError) -> list[Callable[..., Any]]:
    """Return the handlers for the class of *error* that a Flask-RESTX API and its namespaces keep."""
    keepers = (api, *getattr(api, "namespaces", ()))
    return [handler for keeper in keepers for handler in handlers_for(error, getattr(keeper, "error_handlers", {}))]


def handlers_for(error: SignetError, handlers: Mapping[type[Exception], Any]) -> list[Callable[..., Any]]:
    """Return those of *handlers* that are for *error* itself and not for every error there is."""
    found = (handlers.get(kind) for kind in type(error).__mro__ if kind.__module__ != "builtins")
    return [handler for handler in found if handler is not None]
