"""Answer 405 in our error format when the method does not match on one of our paths.

Flask calls ``raise_routing_exception`` only for requests that match no rule. Requests that match a route never run code
of this module.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from flask import Flask, Request, Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as RoutingMethodNotAllowed
from werkzeug.routing import Rule

from flask_signet.exceptions import MethodNotAllowed
from flask_signet.web.api import answer

_EXTENSION: Final = "signet-other-methods"
_VIEW: Final = "method_not_allowed"


def answer_other_methods(app: Flask, blueprint: str) -> None:
    """Answer 405 in our error format on the paths of *blueprint*. The first call for *app* installs the hook.

    On all other paths the application's own 405 responses stay.
    """
    known = app.extensions.get(_EXTENSION)
    names = cast("set[str]", set() if known is None else known)
    if known is None:
        app.extensions[_EXTENSION] = names
        hook = partial(_route_or_raise, app.raise_routing_exception, names)
        app.raise_routing_exception = hook  # type: ignore[method-assign]
    names.add(blueprint)
    app.view_functions[f"{blueprint}.{_VIEW}"] = _refuse


def _route_or_raise(raise_: Callable[[Request], Any], names: set[str], asked: Request) -> None:
    """Route the request to our 405 view if one of our paths matches, but not the method; else raise as Flask does."""
    refusal = asked.routing_exception
    if isinstance(refusal, RoutingMethodNotAllowed) and (adapter := current_app.create_url_adapter(asked)):
        for method in sorted(refusal.valid_methods or ()):
            try:
                rule, _ = adapter.match(method=method, return_rule=True)
            except HTTPException:
                continue
            blueprint = str(rule.endpoint).rpartition(".")[0]
            if blueprint in names:
                asked.url_rule = Rule(rule.rule, endpoint=f"{blueprint}.{_VIEW}")
                asked.view_args = {}
                return
    raise_(asked)


def _refuse() -> Response:
    """Answer 405 with the allowed methods."""
    response = answer(MethodNotAllowed())
    refusal = request.routing_exception
    valid = refusal.valid_methods if isinstance(refusal, RoutingMethodNotAllowed) else None
    response.headers["Allow"] = ", ".join(sorted(valid or ()))
    return response
