"""Exempt our routes from Flask-WTF's ``CSRFProtect``: they have their own CSRF protection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask


def exempt(app: Flask, blueprints: Iterable[str]) -> None:
    """Exempt our *blueprints* from the form token, as ``csrf.exempt(blueprint)`` does.

    A form token proves that a request with a cookie does not come from another site. Our routes do not need it: they
    accept only credentials that a browser does not send automatically (a password, a token in a header or body) and
    cookies with their own CSRF value.
    """
    csrf: Any = app.extensions.get("csrf")
    if any(kind.__module__.partition(".")[0] == "flask_wtf" for kind in type(csrf).__mro__):
        for name in blueprints:
            csrf.exempt(app.blueprints[name])
