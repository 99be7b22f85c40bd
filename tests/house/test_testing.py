"""``flask_signet.testing``: what the tests of an application lean on."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from types import SimpleNamespace
from uuid import UUID

import pytest
from flask import Flask, jsonify

from flask_signet import JWTManager, Signet, create_access_token, get_jwt, get_jwt_identity, jwt_required
from flask_signet.exceptions import SettingsError
from flask_signet.testing import frozen, reset, signed_in


def make(manager: type[JWTManager] = JWTManager, **config: object) -> Flask:
    app = Flask("tested")
    app.config.update(JWT_SECRET_KEY="a secret that is long enough for this test", **config)
    manager(app)

    @app.get("/in")
    @jwt_required()
    def inside() -> object:
        return jsonify(id=get_jwt_identity(), team=get_jwt().get("team"))

    @app.get("/fresh")
    @jwt_required(fresh=True)
    def fresh() -> str:
        return "fresh"

    return app


def test_signed_in_lets_every_request_of_the_block_in_and_none_after_it() -> None:
    client = make().test_client()

    with signed_in(client, 5, claims={"team": "red"}):
        assert client.get("/in").get_json() == {"id": 5, "team": "red"}
        assert client.get("/fresh").status_code == 200
    assert client.get("/in").status_code == 401


def test_signed_in_takes_an_object_with_an_id_and_can_be_stale() -> None:
    client = make().test_client()

    with signed_in(client, SimpleNamespace(id="ada"), fresh=False):
        assert client.get("/in").get_json()["id"] == "ada"
        assert client.get("/fresh").status_code == 401


UUID_TEXT = "0190163d-8694-739b-aea5-966c26f8ad91"


@pytest.mark.parametrize("user", [SimpleNamespace(id=UUID(UUID_TEXT)), UUID(UUID_TEXT)])
def test_signed_in_takes_a_uuid_by_its_text_as_a_login_does(user: object) -> None:
    client = make().test_client()

    with signed_in(client, user):
        assert client.get("/in").get_json()["id"] == UUID_TEXT


@pytest.mark.parametrize("kind", [JWTManager, Signet])
def test_signed_in_hands_the_user_itself_to_a_loader_of_the_identity(kind: type[JWTManager]) -> None:
    """The recipe of Flask-JWT-Extended, whose loader takes the user and not the id."""
    app = make(TESTING=True, manager=kind)
    app.extensions["flask-jwt-extended"].user_identity_loader(lambda user: user.id)
    client = app.test_client()

    with signed_in(client, SimpleNamespace(id=5)):
        assert client.get("/in").get_json()["id"] == 5


def test_signed_in_says_what_to_write_instead_of_a_user_name() -> None:
    app = make(Signet, TESTING=True)
    maria = app.extensions["signet"].users.create("maria", "a long enough password")
    client = app.test_client()

    with (
        pytest.raises(SettingsError, match=r"'maria' is a user name: write signed_in\(client, 1\)"),
        signed_in(client, "maria"),
    ):
        pass
    with signed_in(client, str(maria.id)):
        assert client.get("/in").status_code == 200


def test_blocks_can_stand_inside_each_other() -> None:
    client = make(JWT_HEADER_NAME="X-Token", JWT_HEADER_TYPE="").test_client()

    with signed_in(client, 1):
        with signed_in(client, 2):
            assert client.get("/in").get_json()["id"] == 2
        assert client.get("/in").get_json()["id"] == 1


def test_frozen_stops_the_clock_of_one_application() -> None:
    app, other = make(), make()
    with frozen(app, 1_900_000_000) as clock:
        with app.app_context():
            token = create_access_token("5")
        headers = {"Authorization": f"Bearer {token}"}
        assert app.test_client().get("/in", headers=headers).status_code == 200
        assert other.test_client().get("/in", headers=headers).status_code == 401

        clock.move(899)
        assert app.test_client().get("/in", headers=headers).status_code == 200
        clock.move(1)
        assert app.test_client().get("/in", headers=headers).get_json()["error"] == "token_expired"

    with app.app_context():
        assert (
            app.test_client().get("/in", headers={"Authorization": f"Bearer {create_access_token('5')}"}).status_code
            == 200
        )


def test_frozen_reaches_sessions() -> None:
    app = Flask("frozen")
    app.config["TESTING"] = True
    signet = Signet(app)
    signet.users.create("ada", "correct horse")
    client = app.test_client()
    with frozen(app) as clock:
        body = client.post("/token", json={"username": "ada", "password": "correct horse"}).get_json()
        clock.move(15 * 86_400)
        late = client.post("/token/refresh", json={"refresh_token": body["refresh_token"]})

    assert late.status_code == 401


def test_after_a_login_in_the_future_former_sessions_stay_expired_until_a_reset() -> None:
    """As the page on testing says: a session is never younger than the latest time that was seen."""
    app = Flask("ahead")
    app.config["TESTING"] = True
    signet = Signet(app)
    client = app.test_client()
    signet.users.create("ada", "correct horse")
    far = time.time() + 40 * 86_400

    def log_in() -> dict[str, str]:
        return client.post("/token", json={"username": "ada", "password": "correct horse"}).get_json()

    def refresh(body: dict[str, str]) -> int:
        return client.post("/token/refresh", json={"refresh_token": body["refresh_token"]}).status_code

    def created() -> str:
        with signed_in(client, 1):
            return client.get("/account/sessions").get_json()[0]["created"]

    before = log_in()
    with frozen(app, now=far):
        log_in()
    assert (refresh(before), refresh(log_in())) == (401, 200)
    assert created() >= datetime.fromtimestamp(far - 1, timezone.utc).isoformat()

    reset(app)
    signet.users.create("ada", "correct horse")
    before = log_in()
    assert created() < datetime.fromtimestamp(far - 1, timezone.utc).isoformat()
    assert refresh(before) == 200


def test_reset_forgets_everything_in_memory() -> None:
    app = Flask("reset")
    app.config["TESTING"] = True
    signet = Signet(app)
    signet.users.create("ada", "correct horse")

    reset(app)

    assert signet.users.find("ada") is None
    assert signet.users.create("ada", "correct horse").id == 1


@pytest.mark.parametrize("protect", [True, False])
def test_signed_in_brings_a_cookie_and_its_proof_where_no_header_is_read(protect: bool) -> None:
    app = make(JWT_TOKEN_LOCATION=["cookies"], JWT_COOKIE_CSRF_PROTECT=protect)
    app.add_url_rule("/post", "post", jwt_required()(lambda: "posted"), methods=["POST"])
    client = app.test_client()
    client.set_cookie("access_token_cookie", "own")

    with signed_in(client, 5):
        assert client.get("/in").get_json()["id"] == 5
        assert client.post("/post").status_code == 200
    assert client.get_cookie("access_token_cookie").value == "own"
    assert "HTTP_X_CSRF_TOKEN" not in client.environ_base
    client.delete_cookie("access_token_cookie")
    with signed_in(client, 5):
        assert client.get("/in").status_code == 200
    assert client.get("/in").status_code == 401


def test_signed_in_says_where_it_cannot() -> None:
    client = make(JWT_TOKEN_LOCATION=["query_string", "json"]).test_client()

    with pytest.raises(SettingsError, match="'headers' or 'cookies'"), signed_in(client, 5):
        pass
