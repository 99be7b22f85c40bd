"""Add CORS headers to the answers of our routes for pages on ``SIGNET_TRUSTED_ORIGINS``.

An application without trusted origins calls nothing in this module for its own views.

Source: Fetch standard, "CORS protocol". Flask-CORS may run as well, before or after this module, for the application or
for a blueprint. Its headers are replaced and never duplicated. Additional methods and headers that it allows or exposes
are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from flask import Flask, Response, request

from flask_signet.web.origins import HEADER

#: The request and answer headers of our routes that a page cannot send or read without permission.
ALLOW_HEADERS = ("Authorization", "Content-Type", HEADER)
EXPOSE_HEADERS = ("Retry-After", "WWW-Authenticate")
MAX_AGE = 600  # seconds that a browser caches the answer to a preflight request


def answer_origins(app: Flask, blueprints: Iterable[str], trusted: Callable[[], frozenset[str]]) -> None:
    """Add the CORS headers to the answers of *app* for the routes of *blueprints*.

    :param blueprints: the names of our blueprints.
    :param trusted: returns the current trusted origins, in lower case.
    """
    ours = frozenset(blueprints)
    config = cast(Mapping[str, Any], app.config)

    def add_headers(response: Response) -> Response:
        if ours.isdisjoint(request.blueprints):
            return response
        origins = trusted()
        if not origins:
            return response
        # Also for an origin that is not trusted: a cache must not send this answer to another origin.
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if origin.lower() not in origins:
            return response
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Credentials"] = "true"
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            methods = _joined(headers.getlist("Access-Control-Allow-Methods"), sorted(response.allow))
            headers["Access-Control-Allow-Methods"] = methods
            allowed = _joined(headers.getlist("Access-Control-Allow-Headers"), ALLOW_HEADERS)
            headers["Access-Control-Allow-Headers"] = allowed
            headers.setdefault("Access-Control-Max-Age", str(MAX_AGE))
            response.vary.update(("Access-Control-Request-Method", "Access-Control-Request-Headers"))
        else:
            exposed = _joined(headers.getlist("Access-Control-Expose-Headers"), EXPOSE_HEADERS)
            headers["Access-Control-Expose-Headers"] = exposed
        return response

    def watch(response: Response) -> Response:
        if not config.get("SIGNET_TRUSTED_ORIGINS"):
            return response
        whole = app.after_request_funcs.setdefault(None, [])
        if add_headers not in whole and trusted():
            # Flask runs this list from the end, so other code that adds CORS headers has run before. Flask reads this
            # list after the list with `watch`, so the function also runs for the current answer.
            whole.insert(0, add_headers)
        return response

    for name in ours:
        app.after_request_funcs.setdefault(name, []).append(watch)


def _joined(given: Iterable[str], ours: Iterable[str]) -> str:
    """Return one comma-separated list without duplicates; case is ignored."""
    names = [name.strip() for line in given for name in line.split(",")]
    return ", ".join({name.lower(): name for name in (*names, *ours) if name}.values())
