"""A credential that comes twice, with two values: which one counts cannot be known, so none does."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, jsonify

from flask_signet import (
    JWTManager,
    create_access_token,
    get_csrf_token,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
)
from flask_signet.exceptions import SettingsError

SECRET = "9c3f1f0e5d0b4c7aa1d2e3f405162738"


def application(**config: Any) -> Flask:
    app = Flask("shop")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_TOKEN_LOCATION=["cookies", "headers", "query_string"], **config)
    JWTManager(app)

    @app.route("/protected", methods=["GET", "POST"])
    @jwt_required()
    def protected() -> Any:
        return jsonify(id=get_jwt_identity())

    return app


def tokens(app: Flask) -> tuple[str, str]:
    with app.app_context():
        return create_access_token("ada"), create_access_token("eve")


@pytest.mark.parametrize("swapped", [False, True])
def test_two_cookies_with_two_tokens_are_refused(swapped: bool) -> None:
    app = application()
    ada, eve = reversed(tokens(app)) if swapped else tokens(app)
    cookie = f"access_token_cookie={ada}; access_token_cookie={eve}"
    answer = app.test_client(use_cookies=False).get("/protected", headers={"Cookie": cookie})

    assert (401, "invalid_token") == (answer.status_code, answer.get_json()["error"])


def test_the_same_cookie_twice_is_one() -> None:
    app = application()
    ada, _ = tokens(app)
    cookie = f"access_token_cookie={ada}; access_token_cookie={ada}"

    assert app.test_client(use_cookies=False).get("/protected", headers={"Cookie": cookie}).status_code == 200


def test_a_good_header_counts_beside_two_cookies() -> None:
    """As it does beside one cookie that is refused."""
    app = application()
    ada, eve = tokens(app)
    headers = {"Cookie": f"access_token_cookie={ada}; access_token_cookie={eve}", "Authorization": f"Bearer {ada}"}

    assert app.test_client(use_cookies=False).get("/protected", headers=headers).status_code == 200


def test_two_parameters_with_two_tokens_are_refused() -> None:
    app = application()
    ada, eve = tokens(app)
    answer = app.test_client().get(f"/protected?jwt={ada}&jwt={eve}")

    assert (401, "invalid_token") == (answer.status_code, answer.get_json()["error"])
    assert app.test_client().get(f"/protected?jwt={ada}&jwt={ada}").status_code == 200


def test_two_form_fields_with_two_proofs_are_refused() -> None:
    app = application(JWT_CSRF_CHECK_FORM=True)
    ada, _ = tokens(app)
    with app.app_context():
        proof = get_csrf_token(ada)
    client = app.test_client(use_cookies=False)
    headers = {"Cookie": f"access_token_cookie={ada}"}
    twice = client.post("/protected", headers=headers, data={"csrf_token": [proof, "x"]})

    assert (403, "csrf_failed") == (twice.status_code, twice.get_json()["error"])
    assert client.post("/protected", headers=headers, data={"csrf_token": proof}).status_code == 200


def test_partitioned_cookies_say_so_when_they_are_set_and_when_they_go() -> None:
    app = application(JWT_COOKIE_PARTITIONED=True, JWT_COOKIE_SECURE=True, JWT_COOKIE_SAMESITE="None")
    with app.test_request_context():
        answer = app.response_class()
        set_access_cookies(answer, create_access_token("ada"))

    lines = answer.headers.getlist("Set-Cookie")
    assert len(lines) == 2
    assert all("Partitioned" in line and "Secure" in line and "SameSite=None" in line for line in lines)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"JWT_COOKIE_SECURE": True},
        {"JWT_COOKIE_SAMESITE": "None"},
        {"JWT_COOKIE_SECURE": True, "JWT_COOKIE_SAMESITE": "Lax"},
    ],
)
def test_partitioned_cookies_that_no_browser_would_send_are_refused_at_start(config: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match='JWT_COOKIE_SECURE = True and JWT_COOKIE_SAMESITE = "None"'):
        application(JWT_COOKIE_PARTITIONED=True, **config)
