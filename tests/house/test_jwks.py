"""``GET /.well-known/jwks.json`` of a ``JWTManager``: present if it is configured, once, and without conflicts."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_signet import JWTManager
from flask_signet.exceptions import SettingsError

PATH = "/.well-known/jwks.json"


def make(**config: Any) -> Flask:
    app = Flask("published")
    app.config.update(JWT_SECRET_KEY="a secret that is long enough for this test", **config)
    JWTManager(app)
    return app


def test_it_is_there_when_it_is_asked_for_and_yours_to_write_otherwise() -> None:
    app = make()
    app.add_url_rule(PATH, "own", lambda: {"own": 1})

    assert make().test_client().get(PATH).status_code == 404
    assert app.test_client().get(PATH).json == {"own": 1}
    assert make(SIGNET_ROUTES=["jwks"]).test_client().get(PATH).json == {"keys": []}
    assert make(SIGNET_ROUTES="jwks").test_client().get(PATH).json == {"keys": []}


def test_a_later_manager_does_not_register_it_twice() -> None:
    app = make(SIGNET_ROUTES=["jwks"])
    JWTManager(app)

    assert app.test_client().get(PATH).status_code == 200


def test_another_group_of_routes_is_refused_with_the_reason() -> None:
    with pytest.raises(SettingsError, match="did you mean 'jwks'"):
        make(SIGNET_ROUTES=["jwk"])
    with pytest.raises(SettingsError, match="the other routes need Signet"):
        make(SIGNET_ROUTES=["jwks", "token"])
