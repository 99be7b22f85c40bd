"""What is looked at once, before the first request is answered.

Extensions are often initialised before the settings are complete, so nothing final can be said in ``init_app``. A
secret that is set there already is judged there; one that is set later, with the next route that is defined, or with
the first request at the latest.
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
    """Watches one application until its first request.

    :param app: the application; its token layer may be replaced while it is put together.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        #: Find what does not fit together, by the settings as they are then.
        self.finders: list[Finder] = [partial(_of_tokens, app), partial(_without_signet, app)]
        on_new_rule(app, lambda _: self._judge_secret())
        request_started.connect(self._first_request, app)
        if app.config["JWT_SECRET_KEY"]:  # Flask's own may only stand there until JWT_SECRET_KEY is set
            self._judge_secret()

    def conflicts(self) -> list[Conflict]:
        """Return what does not fit together now."""
        config = cast(Mapping[str, Any], self._app.config)
        return [conflict for find in self.finders for conflict in find(config)]

    def _judge_secret(self) -> None:
        try:
            layer_of(self._app).judge_secret()
        except SettingsError:
            pass  # another setting is wrong, which its reader says

    def _first_request(self, app: Flask, **_: Any) -> None:
        request_started.disconnect(self._first_request, app)
        layer = layer_of(app)
        try:
            assert layer.settings  # each valid by itself
            self._judge_secret()
            layer.check_keys()
            for conflict in self.conflicts():
                level = logging.ERROR if conflict.certain else logging.WARNING
                layer.say_once(conflict.message, f"Flask-Signet: {conflict.message}.", level)
        except (SettingsError, Unavailable) as error:
            # What needs it answers with an error; a route that needs nothing of it goes on.
            layer.say_once(str(error), f"Flask-Signet: {error}", logging.ERROR)


def startup_of(app: Flask) -> Startup:
    """Return what watches *app*; the first call begins to watch."""
    known = app.extensions.get(_EXTENSION)
    if known is None:
        known = app.extensions[_EXTENSION] = Startup(app)
    return cast(Startup, known)


def on_new_rule(app: Flask, look: Callable[[Rule], None]) -> None:
    """Call *look* with each rule before it joins the routes of *app*."""

    def add(joins: Callable[[Any], None], rule: Any) -> None:
        if isinstance(rule, Rule):
            look(rule)
        joins(rule)

    # Flask sends no signal for a new route, and this method is the way of all of them.
    app.url_map.add = partial(add, app.url_map.add)  # type: ignore[method-assign]


def _of_tokens(app: Flask, config: Mapping[str, Any]) -> Iterable[Conflict]:
    from flask_signet.web import conflicts  # not before the first request: it would cost each start

    return conflicts.found(config, keys_loaded=layer_of(app).loaders.decode_key_callback is not None)


def _without_signet(app: Flask, config: Mapping[str, Any]) -> Iterable[Conflict]:
    from flask_signet.web.conflicts import doubtful

    if "signet" in app.extensions:
        return
    for key in config:
        if key.startswith("SIGNET_") and key != "SIGNET_ROUTES":
            yield doubtful(
                key,
                because=f"{key} has no effect with a JWTManager. Write: signet = Signet(app) in its place, "
                f"or remove {key}",
            )
