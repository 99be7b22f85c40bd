"""The rows of our routes, and the one hook for other methods on their paths."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from flask_signet import JWTManager, Signet
from flask_signet.cli.openapi import openapi_of
from flask_signet.house_routes import OF_STEPS, ROUTES, served_rows
from flask_signet.room import Room
from flask_signet.sessions.conflicts import GROUPS
from flask_signet.throttle import POLICIES
from flask_signet.web.fields import fields_of
from flask_signet.web.routes import Route, served_by

ROWS = [row for rows in ROUTES.values() for row in rows]


def name_of(row: Route[Any, Any]) -> str:
    return f"{row.method} {row.path}"


def make(**config: Any) -> Flask:
    app = Flask("rows")
    app.config.update(TESTING=True, **config)
    Signet(app)
    return app


def test_the_rows_are_all_routes_that_an_application_serves() -> None:
    app = make(SIGNET_URL_PREFIX="/auth")
    rules = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    }

    assert rules == {(each.route.method, each.prefix + each.route.path) for each in served_by(app)}
    assert served_rows(has_steps=False) == {
        group: tuple(each.route for each in served_by(app) if each.tag == group) for group in ROUTES
    }


class SignetThatAsks(Signet):
    _rooms = (Room(name="asking", setting_keys=(), read=lambda _: True, open=lambda core, _: core, steps=lambda _: ()),)


def test_the_rows_of_a_second_factor_are_served_and_described_only_where_a_login_step_exists() -> None:
    app = Flask("asking")
    app.config["TESTING"] = True
    SignetThatAsks(app)
    served = {group: tuple(each.route for each in served_by(app) if each.tag == group) for group in ROUTES}

    assert (served, [row.path for row in OF_STEPS]) == (dict(ROUTES), ["/token/mfa"])
    assert "MfaBody" in openapi_of(app)["components"]["schemas"]
    assert "MfaBody" not in openapi_of(make())["components"]["schemas"]


def test_there_is_a_row_for_each_group_of_the_setting() -> None:
    assert set(GROUPS) == set(ROUTES)


def test_a_group_that_is_left_out_serves_no_row() -> None:
    assert {"token"} == {each.tag for each in served_by(make(SIGNET_ROUTES=["token"]))}


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_every_row_has_a_docstring_of_which_the_first_line_is_a_sentence(row: Route[Any, Any]) -> None:
    first = (inspect.getdoc(row.view) or "").split("\n")[0]

    assert first.endswith(".")
    assert first[0].isupper()


@pytest.mark.parametrize("row", [row for row in ROWS if row.guard is not None], ids=name_of)
def test_every_guarded_row_refuses_a_request_without_a_token(row: Route[Any, Any]) -> None:
    answer = make().test_client().open(row.path.replace("<session_id>", "x"), method=row.method)

    assert (401, "missing_token") == (answer.status_code, answer.get_json()["error"])


@pytest.mark.parametrize("row", [row for row in ROWS if row.body is not None and row.body.form], ids=name_of)
def test_a_body_that_may_be_a_form_has_only_strings(row: Route[Any, Any]) -> None:
    assert row.body is not None
    assert all(field.choices or field.types == (str,) for field in fields_of(row.body.type))


@pytest.mark.parametrize("row", [row for row in ROWS if row.body is not None], ids=name_of)
def test_the_repr_of_a_body_shows_nothing_that_came(row: Route[Any, Any]) -> None:
    """A traceback with the values of local variables, as error trackers make, would hold a password."""
    assert row.body is not None
    fields = fields_of(row.body.type)
    body = row.body.parse({field.name: field.default if field.choices else "s3cret" for field in fields})

    assert "s3cret" not in repr(body)


def test_the_actions_of_the_rows_are_those_that_are_counted() -> None:
    assert set(POLICIES) == {row.action for row in ROWS if row.action is not None}
    for row in ROWS:
        calls = [
            ast.literal_eval(call.args[0])
            for call in ast.walk(ast.parse(inspect.getsource(row.view)))
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "attempt"
        ]
        # The check of a password counts a login itself.
        assert calls == ([] if row.action in (None, "login") else [row.action]), name_of(row)


# --- Other methods ----------------------------------------------------------------------------------------


def test_a_request_with_a_route_passes_no_hook_of_ours() -> None:
    app = make()

    assert app.before_request_funcs.get(None, []) == []
    assert app.raise_routing_exception.__class__.__name__ == "partial"


def test_two_groups_of_routes_have_one_hook() -> None:
    app = Flask("both")
    app.config.update(TESTING=True, SIGNET_ROUTES=["jwks"], JWT_SECRET_KEY="a" * 32)
    JWTManager(app)
    hook: Any = app.raise_routing_exception
    del app.config["SIGNET_ROUTES"]
    Signet(app)

    assert app.raise_routing_exception is hook
    assert [405, 405] == [app.test_client().put(path).status_code for path in ("/token", "/.well-known/jwks.json")]


def test_a_405_goes_through_the_hooks_of_the_application_and_names_our_view() -> None:
    app = make()
    seen: list[Any] = []

    @app.before_request
    def before() -> None:
        seen.append(request.endpoint)

    @app.after_request
    def after(response: Any) -> Any:
        seen.append((request.endpoint, request.url_rule and request.url_rule.rule))
        return response

    answer = app.test_client().put("/account/sessions/7")

    assert 405 == answer.status_code
    assert [None, ("signet.method_not_allowed", "/account/sessions/<session_id>")] == seen


def test_an_own_method_on_our_path_keeps_its_answer_and_a_third_one_gets_ours() -> None:
    app = make()
    app.add_url_rule("/token", "page", lambda: "own page", methods=["GET"])
    client = app.test_client()
    refused = client.put("/token")

    assert b"own page" == client.get("/token").data
    assert (405, "method_not_allowed") == (refused.status_code, refused.get_json()["error"])
    assert "DELETE, GET, HEAD, OPTIONS, POST" == refused.headers["Allow"]


def test_no_route_is_served_twice_where_one_application_is_initialised_beside_another(tmp_path: Path) -> None:
    signet = Signet()
    for name in ("one", "other"):
        app = Flask(name, instance_path=str(tmp_path / name))
        signet.init_app(app)
        rows = [(each.route.method, each.route.path) for each in served_by(app)]

        assert sorted(set(rows)) == sorted(rows)
