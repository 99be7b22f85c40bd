"""Two views on one path and method: ours and one of the application.

Routes that are defined after ``init_app`` are looked at when they are defined, so that a clash is heard where the
application is loaded: by ``flask run``, by gunicorn, by a test.
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

# A variable of a path, by whatever name; those with another converter match in another order.
_VARIABLE = re.compile(r"<(?:(?:default|string):)?[^<>:]+>")


class Clashes:
    """Knows the places of our own routes.

    :param app: the application.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._ours: dict[Place, str] = {}
        on_new_rule(app, self._refuse)

    def protect(self, blueprint: str) -> None:
        """Refuse other rules on the places of *blueprint*, those that are there and those that come.

        :raises SettingsError: one is there.
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
    """Return what watches the routes of *app*; the first call begins to watch."""
    known = app.extensions.get("signet-clashes")
    if known is None:
        known = app.extensions["signet-clashes"] = Clashes(app)
    return cast(Clashes, known)
