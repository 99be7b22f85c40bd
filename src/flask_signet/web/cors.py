"""Answers of our own routes to pages of trusted origins: ``SIGNET_TRUSTED_ORIGINS`` alone is enough for them.

An application without trusted origins calls nothing of this module for its own views.

Source: Fetch standard, "CORS protocol". Flask-CORS may be there as well, before or after us, for the application or for
a blueprint: its headers are replaced, never doubled, and what it allows or exposes beside ours stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flask import Flask, Response, request

from flask_signet.web.origins import HEADER

#: What is ours beyond what a page may send and read by itself.
ALLOW_HEADERS = ("Authorization", "Content-Type", HEADER)
EXPOSE_HEADERS = ("Retry-After", "WWW-Authenticate")
MAX_AGE = 600  # seconds that a browser keeps the answer to a preflight


def answer_origins(app: Flask, blueprints: Iterable[str], trusted: Callable[[], frozenset[str]]) -> None:
    """Add the headers to what *app* answers on the paths of *blueprints*.

    :param blueprints: the names of our blueprints.
    :param trusted: returns the origins that are trusted now, in lower case.
    """
    ours = frozenset(blueprints)

    def add_headers(response: Response) -> Response:
        if ours.isdisjoint(request.blueprints):
            return response
        origins = trusted()
        if not origins:
            return response
        # Also where nothing is allowed: a cache must not give this answer to another origin.
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
        whole = app.after_request_funcs.setdefault(None, [])
        if add_headers not in whole and trusted():
            # First in the list is last to run: what else adds such headers has added them by then. Flask reads this
            # list after the one that holds `watch`, so it counts for this answer already.
            whole.insert(0, add_headers)
        return response

    for name in ours:
        app.after_request_funcs.setdefault(name, []).append(watch)


def _joined(given: Iterable[str], ours: Iterable[str]) -> str:
    """Return one list of names, each once in whatever case."""
    names = [name.strip() for line in given for name in line.split(",")]
    return ", ".join({name.lower(): name for name in (*names, *ours) if name}.values())
