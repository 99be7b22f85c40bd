"""Flask-JWT-Extended and Flask-Signet serve one application at the same time."""

from __future__ import annotations

from typing import Any

import flask_jwt_extended as theirs
import pytest
from flask import Flask, jsonify

import flask_signet as ours
from tests.compat.application import SECRET, bearer

PEER = "flask-jwt-extended"


def app_with(*managers: Any) -> tuple[Flask, list[Any]]:
    app = Flask("both")
    app.config["JWT_SECRET_KEY"] = SECRET
    made = [manager(app) for manager in managers]
    for library in (theirs, ours):

        def view(library: Any = library) -> Any:
            return jsonify(library.get_jwt_identity())

        name = library.__name__
        app.add_url_rule(f"/{name}", name, library.jwt_required()(view))
        app.add_url_rule(f"/{name}/refresh", f"{name} refresh", library.jwt_required(refresh=True)(view))
    return app, made


@pytest.mark.parametrize("managers", [(theirs, ours), (ours, theirs)], ids=["theirs first", "ours first"])
def test_each_manager_guards_its_own_views_in_either_order(managers: tuple[Any, Any]) -> None:
    app, _ = app_with(*(library.JWTManager for library in managers))
    client = app.test_client()
    with app.app_context():
        made = [(library.create_access_token("ann"), library.create_refresh_token("ann")) for library in managers]

    assert isinstance(app.extensions[PEER], theirs.JWTManager)
    for access, refresh in made:
        for library, bad in ((theirs, 422), (ours, 401)):
            path = f"/{library.__name__}"
            assert client.get(path, headers=bearer(access)).json == "ann"
            assert client.get(f"{path}/refresh", headers=bearer(refresh)).json == "ann"
            assert client.get(path, headers=bearer("foo")).status_code == bad
            assert client.get(path).status_code == 401


def test_a_later_manager_of_ours_takes_the_place_of_an_earlier_one() -> None:
    app, (_, second) = app_with(ours.JWTManager, ours.JWTManager)

    assert app.extensions[PEER] is second
