"""Check settings and keys once, before the first request is answered.

Extensions are often initialised before the settings are complete, so ``init_app`` cannot check everything. A secret
that is set by then is checked in ``init_app``. A secret that is set later is checked when the next route is defined, or
at the first request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from flask import Flask, request_started
from werkzeug.routing import Rule

from flask_signet.exceptions import SettingsError, Unavailable
from flask_signet.web.token_layer import layer_of

if TYPE_CHECKING:
    from flask_signet.web.conflicts import Conflict

_EXTENSION: Final = "flask-signet-startup"
Finder = Callable[[Mapping[str, Any]], "Iterable[Conflict]"]


class Startup:
    """Checks one application until its first request.

    :param app: the application; its token layer may be replaced before the first request.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        #: Functions that find conflicts in the current settings.
        self.finders: list[Finder] = [partial(_of_tokens, app), partial(_without_signet, app)]
        on_new_rule(app, lambda _: self._judge_secret())
        request_started.connect(self._first_request, app)
        if app.config["JWT_SECRET_KEY"]:  # SECRET_KEY is not checked yet: JWT_SECRET_KEY may follow
            self._judge_secret()

    def conflicts(self) -> list[Conflict]:
        """Return the conflicts in the current settings."""
        config = cast(Mapping[str, Any], self._app.config)
        return [conflict for find in self.finders for conflict in find(config)]

    def _judge_secret(self) -> None:
        try:
            layer_of(self._app).judge_secret()
        except SettingsError:
            pass  # another setting is invalid, and its own check reports it

    def _first_request(self, app: Flask, **_: Any) -> None:
        request_started.disconnect(self._first_request, app)
        layer = layer_of(app)
        try:
            assert layer.settings  # each setting is valid by itself
            self._judge_secret()
            layer.check_keys()
            for conflict in self.conflicts():
                level = logging.ERROR if conflict.certain else logging.WARNING
                layer.say_once(conflict.message, f"Flask-Signet: {conflict.message}.", level)
        except (SettingsError, Unavailable) as error:
            # Routes that need this setting answer with an error. Other routes continue to work.
            layer.say_once(str(error), f"Flask-Signet: {error}", logging.ERROR)


def startup_of(app: Flask) -> Startup:
    """Return the checks of *app*; the first call starts them."""
    known = app.extensions.get(_EXTENSION)
    if known is None:
        known = app.extensions[_EXTENSION] = Startup(app)
    return cast(Startup, known)


def on_new_rule(app: Flask, look: Callable[[Rule], None]) -> None:
    """Call *look* with each rule before it is added to the routes of *app*."""

    def add(joins: Callable[[Any], None], rule: Any) -> None:
        if isinstance(rule, Rule):
            look(rule)
        joins(rule)

    # Flask has no signal for a new route, and every route is added by this method.
    app.url_map.add = partial(add, app.url_map.add)  # type: ignore[method-assign]


def _of_tokens(app: Flask, config: Mapping[str, Any]) -> Iterable[Conflict]:
    from flask_signet.web import setting_conflicts  # imported late, to keep the start of a process fast

    return setting_conflicts.found(config, keys_loaded=layer_of(app).loaders.decode_key_callback is not None)


def _without_signet(app: Flask, config: Mapping[str, Any]) -> Iterable[Conflict]:
    from flask_signet.web.conflicts import doubtful

    if "signet" in app.extensions:
        return
    for key in config:
        if key.startswith("SIGNET_") and key != "SIGNET_ROUTES":
            yield doubtful(
                key,
                because=f"{key} has no effect with a JWTManager. Write: signet = Signet(app) instead, or remove {key}",
            )
