"""The page "Moving from Flask-JWT-Extended": its code runs and does what the page says."""

from __future__ import annotations

import subprocess
import sys
import warnings
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest

import flask_signet
from flask_signet import create_access_token, exceptions
from tests.compat.application import SECRET, bearer
from tests.docs.markdown import DOCS, blocks, code, rows

PAGE = DOCS / "moving.md"
BLOCKS = blocks(PAGE, "python")


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page takes its secret from the environment."""
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)


def run(number: int) -> dict[str, Any]:
    with warnings.catch_warnings():
        # Flask-RESTful's own imports.
        warnings.simplefilter("ignore", DeprecationWarning)
        names: dict[str, Any] = {"__name__": "documented"}
        exec(compile(BLOCKS[number].text, str(BLOCKS[number]), "exec"), names)  # noqa: S102  # our own page
    return names


def token_for(app: Any, identity: Any, **arguments: Any) -> str:
    with app.test_request_context():
        return create_access_token(identity, **arguments)


def test_the_first_block_serves_the_int_that_it_was_given() -> None:
    client = run(0)["app"].test_client()

    token = client.post("/login").json["access_token"]
    assert client.get("/protected", headers=bearer(token)).json == {"id": 1}
    assert client.get("/protected", headers=bearer("x")).status_code == 401


def test_the_setting_brings_the_old_statuses_and_bodies_back() -> None:
    app = run(1)["app"]
    app.add_url_rule("/x", view_func=flask_signet.jwt_required()(lambda: "ok"))

    answer = app.test_client().get("/x", headers=bearer("x"))
    assert (answer.status_code, answer.json) == (422, {"msg": "Not enough segments"})


def test_loaders_turn_a_user_into_an_identity_and_back() -> None:
    app = run(2)["app"]
    app.add_url_rule("/me", view_func=flask_signet.jwt_required()(lambda: dict(flask_signet.current_user)))

    token = token_for(app, {"id": 7, "name": "Ann"})
    assert app.test_client().get("/me", headers=bearer(token)).json == {"id": 7}


def test_a_dict_is_an_identity_with_the_setting() -> None:
    app = run(3)["app"]

    token = token_for(app, {"mail": "ann@example.com"})
    assert app.test_client().get("/me", headers=bearer(token)).json == {"mail": "ann@example.com"}


def test_a_token_of_a_kind_opens_the_view_that_asks_for_it_and_no_other() -> None:
    names = run(4)
    app = names["app"]
    app.add_url_rule("/x", view_func=flask_signet.jwt_required()(lambda: "ok"))
    with app.app_context():
        token = names["reset_token"](7)

    assert app.test_client().post("/password", headers=bearer(token)).json == {"changed_for": 7}
    assert app.test_client().get("/x", headers=bearer(token)).status_code == 401
    assert app.test_client().post("/password", headers=bearer(token_for(app, 7))).status_code == 401


def test_errors_are_caught_by_our_names() -> None:
    names = run(5)
    app, whose = names["app"], names["whose"]
    good, old = token_for(app, "ann"), token_for(app, "ann", expires_delta=timedelta(0))

    with app.app_context():
        assert [whose(good), whose(old), whose("x")] == ["ann", "formerly ann", "nobody"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_resources_are_guarded_by_decorator_and_by_hand() -> None:
    app = run(6)["app"]
    client = app.test_client()

    for path in ("/decorator", "/hand"):
        assert client.get(path, headers=bearer(token_for(app, 7))).json == {"id": 7}
        assert client.get(path).json == {"error": "missing_token", "msg": "Missing Authorization Header"}
        assert client.get(path).status_code == 401


def test_the_stand_in_serves_what_imports_it() -> None:
    code = BLOCKS[7].text + "\nprint(JWTManager.__module__, jwt_required.__module__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["flask_signet.web.manager", "flask_signet.web.guards"]


def test_every_block_has_a_test() -> None:
    # The last one, roles with a Signet, is tried in tests/docs/test_roles.py.
    assert len(BLOCKS) == 9


def test_the_map_of_exceptions_names_classes_that_there_are() -> None:
    table = rows(PAGE, within="PyJWT exceptions")
    assert len(table) == 11

    for theirs, ours in table:
        for name in code(theirs):
            assert issubclass(getattr(pyjwt.exceptions, name), pyjwt.PyJWTError)
        for name in code(ours)[:1]:
            assert issubclass(getattr(exceptions, name), exceptions.SignetError)
