"""``flask signet openapi``: the document is valid, and says what the routes answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from flask_signet import JWTManager, Signet
from flask_signet.cli import signet as signet_group
from flask_signet.cli.openapi import openapi_of

PASSWORD = "correct horse"
COOKIE_MODE = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}


def make(**config: Any) -> Flask:
    app = Flask("shop")
    app.config.update(TESTING=True, SIGNET_REGISTRATION="account" in config.get("SIGNET_ROUTES", ["account"]))
    app.config.update(config)
    Signet(app)
    return app


def printed(app: Flask, *options: str) -> dict[str, Any]:
    result = app.test_cli_runner().invoke(args=["signet", "openapi", *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"SIGNET_URL_PREFIX": "/auth"},
        {"SIGNET_ROUTES": ["token"]},
        {"SIGNET_ROUTES": []},
        {"JWT_TOKEN_LOCATION": ["headers", "cookies", "query_string", "json"]},
        {"JWT_HEADER_NAME": "X-Token", "JWT_HEADER_TYPE": ""},
    ],
    ids=str,
)
def test_the_document_is_a_valid_one(config: dict[str, Any]) -> None:
    validate(printed(make(**config)))


def test_the_option_for_programs_changes_nothing() -> None:
    assert printed(make()) == printed(make(), "--json")


def test_it_has_the_routes_that_this_application_serves_and_no_other() -> None:
    app = make(SIGNET_URL_PREFIX="/auth", SIGNET_ROUTES=["account", "jwks"])
    app.add_url_rule("/own", "own", lambda: "own")
    document = printed(app)

    assert {
        "/auth/account",
        "/auth/account/password",
        "/auth/account/sessions",
        "/auth/account/sessions/{session_id}",
        "/.well-known/jwks.json",
    } == set(document["paths"])
    assert ["account", "jwks"] == [tag["name"] for tag in document["tags"]]
    assert ["bearer"] == [*document["components"]["securitySchemes"]]


def test_a_manager_alone_has_the_public_keys_or_nothing() -> None:
    for groups, paths in ((["jwks"], ["/.well-known/jwks.json"]), ([], [])):
        app = Flask("keys")
        app.config.update(JWT_SECRET_KEY="y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe", SIGNET_ROUTES=groups)
        JWTManager(app)

        assert paths == [*printed(app)["paths"]]


def test_without_an_application_it_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(signet_group, ["openapi"])

    assert 1 == result.exit_code
    assert "--app" in result.output


def test_it_opens_no_database(tmp_path: Path) -> None:
    app = Flask("shop", instance_path=str(tmp_path / "instance"))
    Signet(app)
    printed(app)

    assert [] == [*tmp_path.iterdir()]


def test_a_guarded_route_asks_for_a_token_and_a_public_one_does_not() -> None:
    asked = {f"{method} {path}": operation.get("security") for method, path, operation in operations(printed(make()))}

    assert {
        "POST /token": None,
        "DELETE /token": [{"bearer": []}, {"cookie": []}, {}],
        "POST /token/refresh": [{"cookie": []}, {}],
        "GET /account": [{"bearer": []}],
        "POST /account": None,
        "PATCH /account": [{"bearer": []}],
        "DELETE /account": [{"bearer": []}],
        "POST /account/password": [{"bearer": []}],
        "GET /account/sessions": [{"bearer": []}],
        "DELETE /account/sessions": [{"bearer": []}],
        "DELETE /account/sessions/{session_id}": [{"bearer": []}],
        "GET /.well-known/jwks.json": None,
        "GET /health": None,
    } == asked


def test_tokens_in_other_places_are_described_as_they_are_set() -> None:
    document = printed(make(JWT_TOKEN_LOCATION=["headers", "cookies", "query_string"], JWT_ACCESS_COOKIE_NAME="mine"))
    schemes = document["components"]["securitySchemes"]

    assert [{"bearer": []}, {"access_cookie": []}, {"query": []}] == document["paths"]["/account"]["get"]["security"]
    assert ("mine", "jwt") == (schemes["access_cookie"]["name"], schemes["query"]["name"])


def test_the_codes_are_closed_and_no_mistake_of_the_application_is_among_them() -> None:
    codes = printed(make())["components"]["schemas"]["ErrorAnswer"]["properties"]["error"]["enum"]

    assert [
        "conflict",
        "csrf_failed",
        "fresh_token_required",
        "invalid_credentials",
        "invalid_request",
        "invalid_token",
        "method_not_allowed",
        "mfa_required",
        "missing_token",
        "not_found",
        "rate_limited",
        "token_expired",
        "token_revoked",
        "too_large",
        "unavailable",
        "unsupported_media_type",
        "weak_password",
    ] == codes


def test_a_body_is_described_with_its_limits() -> None:
    schemas = printed(make())["components"]["schemas"]

    assert {"type": "string", "minLength": 1, "maxLength": 4_096} == schemas["LoginBody"]["properties"]["password"]
    assert ["username", "password"] == schemas["LoginBody"]["required"]
    assert ["body", "cookie"] == schemas["LoginBody"]["properties"]["transport"]["enum"]
    assert schemas["AccountChange"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Registration"]


def test_the_examples_hold_no_secret() -> None:
    """No whole token: what looks like one ends in dots. No password at all."""
    text = json.dumps(printed(make()), ensure_ascii=False)
    document = printed(make())

    assert re.findall(r'"(?:eyJ|sgr_)[^"]*"', text)
    assert all(found.endswith('…"') for found in re.findall(r'"(?:eyJ|sgr_)[^"]*"', text))
    for schema in document["components"]["schemas"].values():
        for name, field in schema["properties"].items():
            assert "password" not in name or "examples" not in field


# --- The answers are those of the document ----------------------------------------------------------------


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    app = make()
    yield app.test_client()
    app.extensions["signet"].close()


def check(client: FlaskClient, method: str, path: str, expected: int, template: str | None = None, **more: Any) -> Any:
    """Send a request, and compare the answer with the document."""
    document = openapi_of(client.application)
    answer = client.open(path, method=method, **more)
    described = document["paths"][template or path][method.lower()]["responses"][str(expected)]

    assert expected == answer.status_code, answer.text
    if "content" not in described:
        assert b"" == answer.data
        return None
    schema = described["content"][answer.content_type]["schema"]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    assert [] == [*validator.iter_errors(answer.get_json())]
    assert set(described.get("headers", ())) <= set(answer.headers.keys())
    return answer.get_json()


def test_what_the_routes_answer_is_what_the_document_says(client: FlaskClient) -> None:
    account = {"username": "ada", "password": PASSWORD}
    check(client, "POST", "/account", 201, json={**account, "email": "ada@example.com"})
    check(client, "POST", "/account", 409, json=account)
    check(client, "POST", "/account", 400, json={**account, "password": "short"})
    check(client, "POST", "/token", 400, json={})
    check(client, "POST", "/token", 401, json={**account, "password": "wrong"})
    check(client, "POST", "/token", 403, json={**account, "transport": "cookie"})
    check(client, "POST", "/token", 413, data=b" " * 20_000, content_type="application/json")
    check(client, "POST", "/token", 415, data=b"x", content_type="text/plain")
    by_cookie = check(client, "POST", "/token", 200, json={**account, "transport": "cookie"}, headers=COOKIE_MODE)
    check(client, "POST", "/token/refresh", 200, headers=COOKIE_MODE)
    check(client, "DELETE", "/token", 204, headers=COOKIE_MODE)
    tokens = check(client, "POST", "/token", 200, data=account)
    headers = {"Authorization": f"Bearer {tokens['token']}"}
    check(client, "GET", "/account", 200, headers=headers)
    check(client, "GET", "/account", 401)
    check(client, "PATCH", "/account", 200, json={"email": None}, headers=headers)
    check(client, "PATCH", "/account", 400, json={"roles": []}, headers=headers)
    (session,) = check(client, "GET", "/account/sessions", 200, headers=headers)
    gone = "/account/sessions/{session_id}"
    check(client, "DELETE", "/account/sessions/x", 404, gone, headers=headers)
    check(client, "DELETE", "/account/sessions", 204, headers=headers)
    change = {"current_password": PASSWORD, "password": "another long one"}
    tokens = check(client, "POST", "/account/password", 200, json=change, headers=headers)
    headers = {"Authorization": f"Bearer {tokens['token']}"}
    check(client, "GET", "/.well-known/jwks.json", 200)
    check(client, "GET", "/health", 200)
    check(client, "DELETE", f"/account/sessions/{session['id']}", 204, gone, headers=headers)
    check(client, "DELETE", "/account", 401, headers=headers)

    assert "refresh_token" not in by_cookie
