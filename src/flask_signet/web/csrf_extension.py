"""Flask-WTF's ``CSRFProtect`` beside our routes, which have their own proof against other sites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask


def exempt(app: Flask, blueprints: Iterable[str]) -> None:
    """Exempt the *blueprints* of ours from the form token, as ``csrf.exempt(blueprint)`` does.

    A form token proves that a cookie was not used by another site. Our routes take what no other site can send, or
    what a browser does not send by itself: a password, a token in a header or body, a cookie with its own proof.
    """
    csrf: Any = app.extensions.get("csrf")
    if any(kind.__module__.partition(".")[0] == "flask_wtf" for kind in type(csrf).__mro__):
        for name in blueprints:
            csrf.exempt(app.blueprints[name])
