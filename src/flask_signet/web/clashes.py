"""Detect that the application defines a route on the same path and method as one of ours.

Routes defined after ``init_app`` are checked when they are defined. So the error appears when the application is
loaded: in ``flask run``, in gunicorn, in a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

from flask import Flask
from werkzeug.routing import Rule

from flask_signet.exceptions import SettingsError
from flask_signet.web.startup import on_new_rule

Place = tuple[str | None, str, str, str]

# A path variable with any name. Variables with other converters have another match order.
_VARIABLE = re.compile(r"<(?:(?:default|string):)?[^<>:]+>")


class Clashes:
    """The paths and methods of our routes.

    :param app: the application.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._ours: dict[Place, str] = {}
        on_new_rule(app, self._refuse)

    def protect(self, blueprint: str) -> None:
        """Refuse other rules on the paths and methods of *blueprint*, both existing rules and those added later.

        :raises SettingsError: such a rule exists.
        """
        rules = list(self._app.url_map.iter_rules())
        for rule in rules:
            if rule.endpoint.rpartition(".")[0] == blueprint:
                for place in self._places(rule):
                    self._ours[place] = rule.endpoint
        for rule in rules:
            self._refuse(rule)

    def _refuse(self, rule: Rule) -> None:
        for place in self._places(rule):
            ours = self._ours.get(place)
            if ours is not None and rule.endpoint != ours:
                raise SettingsError(
                    f"{place[3]} {rule.rule} is defined twice: by Flask-Signet ({ours!r}) and by your own view "
                    f"({rule.endpoint!r}). Rename your route, or set SIGNET_URL_PREFIX, or leave the group out of "
                    "SIGNET_ROUTES."
                )

    def _places(self, rule: Rule) -> Iterable[Place]:
        subdomain = rule.subdomain if rule.subdomain is not None else self._app.url_map.default_subdomain
        path = _VARIABLE.sub("<>", rule.rule)
        for method in rule.methods or ():
            if method not in ("HEAD", "OPTIONS"):
                yield rule.host, subdomain, path, method


def clashes_of(app: Flask) -> Clashes:
    """Return the clash detector of *app*. The first call installs it."""
    known = app.extensions.get("signet-clashes")
    if known is None:
        known = app.extensions["signet-clashes"] = Clashes(app)
    return cast(Clashes, known)
