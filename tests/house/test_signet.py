"""``Signet(app)``: what it registers, when it opens its rooms, and how several applications live in one process."""

from __future__ import annotations

import gc
import json
import logging
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, jsonify

from flask_signet import Signet, create_access_token, current_session, current_user, get_jwt_identity, jwt_required
from flask_signet.accounts import Accounts, users_table
from flask_signet.clock import Clock
from flask_signet.exceptions import SettingsError
from flask_signet.house import House
from flask_signet.settings import seconds
from flask_signet.testing import frozen
from tests.support.signing_keys import age

PASSWORD = "correct horse"


def make(tmp_path: Path | None = None, **config: Any) -> tuple[Flask, Signet]:
    """Return an application; its data is in *tmp_path*, or in memory without one."""
    app = Flask("house", instance_path=str(tmp_path / "instance") if tmp_path else None)
    app.config.update({"TESTING": tmp_path is None, **config})
    signet = Signet(app)

    @app.get("/me")
    @jwt_required()
    def me() -> Any:
        session = current_session.id if current_session else None
        return jsonify(id=get_jwt_identity(), name=current_user.username, session=session)

    return app, signet


def login(app: Flask, name: str = "ada") -> dict[str, Any]:
    response = app.test_client().post("/token", json={"username": name, "password": PASSWORD})
    assert response.status_code == 200, response.text
    return response.get_json()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_nothing_is_opened_or_written_before_the_first_use(tmp_path: Path) -> None:
    make(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_login_gives_what_the_contract_says(tmp_path: Path) -> None:
    app, signet = make(tmp_path)
    signet.users.create("ada", PASSWORD)

    body = login(app)

    assert set(body) == {"token", "access_token", "token_type", "expires_in", "user_id", "refresh_token"}
    assert body["token"] == body["access_token"]
    assert (body["token_type"], body["expires_in"], body["user_id"]) == ("Bearer", 900, 1)


def test_user_and_session_are_there_in_a_guarded_view() -> None:
    app, signet = make()
    signet.users.create("ada", PASSWORD)
    body = login(app)

    me = app.test_client().get("/me", headers=bearer(body["token"])).get_json()

    assert (me["id"], me["name"]) == (1, "ada")
    assert me["session"]


def test_a_token_of_no_session_leaves_current_session_false() -> None:
    app, signet = make()
    user = signet.users.create("ada", PASSWORD)
    with app.app_context():
        token = create_access_token(user.id)

    assert app.test_client().get("/me", headers=bearer(token)).get_json()["session"] is None


def test_the_keys_are_ed25519_and_the_secret_of_flask_is_not_used() -> None:
    app, signet = make(SECRET_KEY="never used for tokens, whatever its length")
    signet.users.create("ada", PASSWORD)
    token = login(app)["token"]

    keys = app.test_client().get("/.well-known/jwks.json")

    assert [key["kty"] for key in keys.get_json()["keys"]] == ["OKP", "OKP"]
    assert all("d" not in key for key in keys.get_json()["keys"])
    assert "max-age=300" in keys.headers["Cache-Control"]
    assert app.test_client().get("/me", headers=bearer(token)).status_code == 200


def test_a_configured_secret_is_used_instead() -> None:
    app, signet = make(JWT_SECRET_KEY="a configured secret that is long enough for HS256")
    signet.users.create("ada", PASSWORD)

    login(app)

    assert app.test_client().get("/.well-known/jwks.json").get_json() == {"keys": []}


def test_login_and_logout_in_views_of_the_application() -> None:
    app, signet = make()
    user = signet.users.create("ada", PASSWORD)

    @app.post("/enter")
    def enter() -> Any:
        return signet.login(user).response()

    @app.post("/leave")
    @jwt_required()
    def leave() -> Any:
        signet.logout()
        return "", 204

    client = app.test_client()
    token = client.post("/enter").get_json()["token"]

    assert client.get("/me", headers=bearer(token)).status_code == 200
    assert client.post("/leave", headers=bearer(token)).status_code == 204
    refused = client.get("/me", headers=bearer(token))
    assert (refused.status_code, refused.get_json()["error"]) == (401, "token_revoked")


def test_what_the_services_refuse_in_a_view_of_the_application_is_answered_in_the_one_shape() -> None:
    """A view need not catch what it cannot correct: it was a 500."""
    app, signet = make()
    ada = signet.users.create("ada", PASSWORD)
    signet.users.disable(ada.id)

    @app.post("/enter")
    def enter() -> Any:
        return signet.login(signet.users.get(ada.id)).response()

    @app.post("/join")
    def join() -> Any:
        return jsonify(id=signet.users.create("ada", PASSWORD).id)

    client = app.test_client()
    refused, taken = client.post("/enter"), client.post("/join")

    assert (refused.status_code, refused.get_json()["error"]) == (401, "invalid_credentials")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert (taken.status_code, taken.get_json()["error"]) == (409, "conflict")


def test_revoke_session_and_revoke_all_end_them_at_once() -> None:
    app, signet = make()
    user = signet.users.create("ada", PASSWORD)
    first, second = login(app), login(app)
    client = app.test_client()
    session = client.get("/me", headers=bearer(first["token"])).get_json()["session"]

    signet.revoke_session(session)
    assert client.get("/me", headers=bearer(first["token"])).status_code == 401
    assert client.get("/me", headers=bearer(second["token"])).status_code == 200

    signet.revoke_all(user.id)
    assert client.get("/me", headers=bearer(second["token"])).status_code == 401


def test_a_token_without_session_ends_with_all_others_and_a_new_one_is_good() -> None:
    """Tokens of the application's own making carry the user's epoch, so they can be revoked too."""
    app, signet = make()
    user = signet.users.create("ada", PASSWORD)
    with app.app_context():
        old = create_access_token(user.id)

    signet.revoke_all(user.id)
    with app.app_context():
        new = create_access_token(user.id)

    client = app.test_client()
    assert client.get("/me", headers=bearer(old)).status_code == 401
    assert client.get("/me", headers=bearer(new)).status_code == 200


@pytest.mark.parametrize("leeway", [3_600, timedelta(hours=1)])
def test_a_session_that_ended_is_remembered_for_the_leeway_too(leeway: Any) -> None:
    """Its access token is accepted until ``exp`` and the leeway are over; forgotten before, it would live again."""
    app, signet = make(JWT_DECODE_LEEWAY=leeway)
    signet.users.create("ada", PASSWORD)
    client = app.test_client()
    with frozen(app) as now:
        ended, lives = login(app)["token"], login(app)["token"]
        assert client.delete("/token", headers=bearer(ended)).status_code == 204
        for minutes in (10, 10, 50):
            now.move(60 * minutes)
            assert client.get("/me", headers=bearer(ended)).status_code == 401
            assert client.get("/me", headers=bearer(lives)).status_code == 200
        now.move(600)
        assert client.get("/me", headers=bearer(lives)).status_code == 401


def test_revoke_all_holds_whatever_claim_names_the_user() -> None:
    app, signet = make(JWT_IDENTITY_CLAIM="user")
    user = signet.users.create("ada", PASSWORD)
    token = login(app)["token"]
    with app.app_context():
        own = create_access_token(user.id)
    client = app.test_client()
    assert [200, 200] == [client.get("/me", headers=bearer(each)).status_code for each in (token, own)]

    signet.revoke_all(user.id)

    assert [401, 401] == [client.get("/me", headers=bearer(each)).status_code for each in (token, own)]
    assert client.get("/me", headers=bearer(login(app)["token"])).status_code == 200


@pytest.mark.parametrize("loader", [lambda user: user.id, lambda user: f"somebody else than {user}"])
def test_tokens_of_sessions_name_the_user_by_their_id_whatever_the_application_s_loader_makes(loader: Any) -> None:
    """A loader as applications bring it from Flask-JWT-Extended takes a whole user; sessions are revoked by the id."""
    app, signet = make()
    signet.user_identity_loader(loader)
    user = signet.users.create("ada", PASSWORD)
    token = login(app)["token"]
    client = app.test_client()
    me = client.get("/me", headers=bearer(token)).get_json()

    signet.revoke_all(user.id)

    assert (1, "ada") == (me["id"], me["name"])
    assert client.get("/me", headers=bearer(token)).status_code == 401


def test_current_user_of_a_deleted_account_refuses_the_token() -> None:
    app, signet = make()
    user = signet.users.create("ada", PASSWORD)
    body = login(app)
    signet.users.delete(user.id)

    response = app.test_client().get("/me", headers=bearer(body["token"]))

    assert response.status_code == 401


def test_two_applications_in_one_process_share_nothing(tmp_path: Path) -> None:
    one, first = make(tmp_path / "one")
    other, second = make(tmp_path / "other")
    first.users.create("ada", PASSWORD)
    second.users.create("ada", PASSWORD)
    token = login(one)["token"]

    assert one.test_client().get("/me", headers=bearer(token)).status_code == 200
    assert other.test_client().get("/me", headers=bearer(token)).status_code == 401


def test_one_signet_serves_two_applications_each_with_its_own_rooms(tmp_path: Path) -> None:
    signet = Signet()
    apps = [Flask(name, instance_path=str(tmp_path / name)) for name in ("one", "other")]
    for app in apps:
        signet.init_app(app)
    with apps[0].app_context():
        signet.users.create("ada", PASSWORD)

    with apps[0].app_context():
        assert signet.users.find("ada") is not None
    with apps[1].app_context():
        assert signet.users.find("ada") is None
    with pytest.raises(SettingsError, match="several applications"):
        _ = signet.users


def test_the_clock_that_is_handed_in_decides() -> None:
    now = [1_900_000_000.0]
    app = Flask("clocked")
    app.config["TESTING"] = True
    signet = Signet(app, clock=Clock(time=lambda: now[0], monotonic=lambda: now[0]))
    signet.users.create("ada", PASSWORD)
    body = login(app)
    client = app.test_client()

    assert client.get("/account", headers=bearer(body["token"])).status_code == 200
    now[0] += 901
    late = client.get("/account", headers=bearer(body["token"]))
    assert (late.status_code, late.get_json()["error"]) == (401, "token_expired")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/token", 405),
        ("GET", "/token", 405),
        ("POST", "/health", 405),
        ("DELETE", "/.well-known/jwks.json", 405),
    ],
)
def test_another_method_on_our_paths_gets_our_shape(method: str, path: str, status: int) -> None:
    app, _ = make()

    response = app.test_client().open(path, method=method)

    assert response.status_code == status
    assert response.get_json()["error"] == "method_not_allowed"
    assert response.headers["Allow"]
    assert response.headers["Cache-Control"] == "no-store"


def test_other_paths_keep_the_answers_of_the_application() -> None:
    app, _ = make()

    @app.errorhandler(405)
    def own(_error: Exception) -> Any:
        return "own words", 405

    assert app.test_client().post("/me").data == b"own words"
    assert app.test_client().get("/nowhere").status_code == 404
    assert app.test_client().put("/token").get_json()["error"] == "method_not_allowed"


def test_the_prefix_moves_all_but_the_public_keys() -> None:
    app, signet = make(SIGNET_URL_PREFIX="/auth")
    signet.users.create("ada", PASSWORD)
    client = app.test_client()

    assert client.post("/auth/token", json={"username": "ada", "password": PASSWORD}).status_code == 200
    assert client.post("/token", json={}).status_code == 404
    assert client.get("/.well-known/jwks.json").status_code == 200


def test_groups_of_routes_can_be_left_out() -> None:
    app, _ = make(SIGNET_ROUTES=("token", "jwks"))
    client = app.test_client()

    assert client.get("/account").status_code == 404
    assert client.get("/health").status_code == 404
    assert client.post("/token", json={}).status_code == 400


def test_a_view_of_another_host_on_our_path_is_no_clash(tmp_path: Path) -> None:
    app = Flask("hosts", instance_path=str(tmp_path), subdomain_matching=True)
    app.config.update(TESTING=True, SERVER_NAME="example.test")
    Signet(app)
    app.get("/health", subdomain="api")(lambda: "theirs")
    client = app.test_client()

    assert client.get("/health", base_url="http://api.example.test").text == "theirs"
    assert client.get("/health").json == {"status": "ok"}
    assert client.post("/token", json={}).status_code == 400


@pytest.mark.parametrize("claim", ["sid", "epoch"])
def test_the_claims_of_a_session_are_set_by_nobody_else(claim: str) -> None:
    """A user who could set ``sid`` could end another user's sessions."""
    app, signet = make()
    with app.app_context(), pytest.raises(SettingsError, match=f"cannot set '{claim}'; it is set by"):
        create_access_token(1, additional_claims={claim: "mine"})

    signet.additional_claims_loader(lambda identity: {claim: "mine"})
    with app.app_context(), pytest.raises(SettingsError, match=f"cannot set '{claim}'"):
        create_access_token(1)


def test_a_file_that_is_named_by_a_uri_serves_guards_and_sessions(tmp_path: Path) -> None:
    """SQLAlchemy reads ``file:…`` as a URI, and no path of that name exists."""
    app, signet = make(tmp_path, SIGNET_DATABASE_URL=f"sqlite:///file:{tmp_path}/own.sqlite3?uri=true")
    assert app.test_cli_runner().invoke(args=["signet", "db", "upgrade"]).exit_code == 0
    assert isinstance(signet.users, Accounts)
    signet.users.create("ada", PASSWORD)
    client, tokens = app.test_client(), login(app)

    assert client.get("/me", headers=bearer(tokens["token"])).status_code == 200
    refreshed = client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 200
    assert client.delete("/token", headers=bearer(tokens["token"])).status_code == 204
    assert client.get("/me", headers=bearer(tokens["token"])).status_code == 401
    app.extensions["signet"].close()


def test_applications_that_nobody_holds_are_not_kept_alive() -> None:
    """One ``Signet()`` of a module and many applications of a factory, as in tests."""
    signet = Signet()
    with pytest.raises(SettingsError, match="no application"):
        _ = signet.users

    def serve() -> weakref.ref[Flask]:
        app = Flask("made")
        app.config["TESTING"] = True
        signet.init_app(app)
        with app.app_context():
            assert isinstance(signet.users, Accounts)
            signet.users.create("ada", PASSWORD)
        assert login(app)["user_id"] == 1
        app.extensions["signet"].close()
        return weakref.ref(app)

    made = [serve() for _ in range(3)]
    gc.collect()

    assert [app() for app in made] == [None] * 3


def test_the_application_that_is_given_at_once_is_kept() -> None:
    def only() -> Signet:
        app = Flask("only")
        app.config["TESTING"] = True
        return Signet(app)

    signet = only()
    gc.collect()

    assert signet.users.find("nobody") is None


def test_a_wrong_group_suggests_the_right_one() -> None:
    with pytest.raises(SettingsError, match="did you mean 'account'"):
        make(SIGNET_ROUTES=("acount",))


def test_a_slip_in_a_setting_is_an_error_where_somebody_develops() -> None:
    with pytest.raises(SettingsError, match="did you mean 'SIGNET_REGISTRATION'"):
        make(SIGNET_REGISTRATON=True)


def test_a_slip_in_a_setting_is_a_warning_elsewhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        make(tmp_path, SIGNET_REGISTRATON=True)

    assert "SIGNET_REGISTRATION" in caplog.text


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"SIGNET_REGISTRATION": "False"}, "lower case"),
        ({"SIGNET_SESSION_IDLE": "soon"}, "timedelta"),
        ({"SIGNET_SESSION_IDLE": float("inf")}, "timedelta"),
        ({"SIGNET_SESSION_ABSOLUTE": 1e300}, "timedelta"),
        ({"JWT_TOKEN_LOCATION": "header"}, "did you mean 'headers'"),
        ({"JWT_ALGORITHM": "RS25"}, "did you mean 'RS256'"),
        ({"JWT_ALGORITHM": "hs256"}, "did you mean 'HS256'"),
        ({"SIGNET_URL_PREFIX": "api"}, "must begin with a slash: '/api', not 'api'"),
        ({"JWT_ERROR_STATUS": "fje"}, "flask-jwt-extended"),
        ({"SIGNET_DATABASE_URL": "my database"}, "postgresql://user:password@host/database"),
        ({"SIGNET_DATABASE_URL": "sqlite://"}, "only for TESTING"),
        ({"SIGNET_DATABASE_URL": "sqlite://app.sqlite3"}, "three slashes"),
        ({"SIGNET_DATABASE_URL": "mysql://u:hush@h/d"}, "PostgreSQL or SQLite"),
        ({"SIGNET_DATABASE_URL": 5}, "SIGNET_DATABASE_URL must be a string"),
        ({"SIGNET_ROOT_KEY": "too short"}, "32 bytes in base64url"),
        ({"SIGNET_ROOT_KEY": "x", "SIGNET_ROOT_KEY_FILE": "y"}, "not both"),
    ],
)
def test_a_wrong_value_is_heard_of_at_start(config: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        make(**config)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0, 0),
        (timedelta(0), 0),
        (0.5, 1),
        (timedelta(milliseconds=900), 1),
        (timedelta(microseconds=1), 1),
        (1, 1),
        (1.5, 2),
        (30, 30),
        (timedelta.max, 86_400_000_000_000),
    ],
)
def test_a_duration_is_rounded_up_to_whole_seconds(given: Any, expected: int) -> None:
    """Down it would be zero, which means "never"."""
    assert seconds({"KEY": given}, "KEY", timedelta(1)) == expected


@pytest.mark.parametrize("grace", [0.5, timedelta(milliseconds=900)])
def test_a_grace_below_a_second_still_lets_an_honest_retry_through(grace: Any) -> None:
    app, signet = make(SIGNET_REFRESH_GRACE=grace)
    signet.users.create("ada", PASSWORD)
    with frozen(app) as clock:
        body = {"refresh_token": login(app)["refresh_token"]}
        first = app.test_client().post("/token/refresh", json=body)
        clock.move(0.1)
        again = app.test_client().post("/token/refresh", json=body)

    assert (first.status_code, again.status_code) == (200, 200)


def test_settings_that_change_later_count_from_the_next_request() -> None:
    app, _ = make()
    body = {"username": "bob", "password": PASSWORD}

    assert app.test_client().post("/account", json=body).status_code == 404
    app.config["SIGNET_REGISTRATION"] = True
    assert app.test_client().post("/account", json=body).status_code == 201


def test_a_blueprint_that_catches_everything_does_not_swallow_a_refusal() -> None:
    app, _ = make()
    part = Blueprint("part", __name__)

    @part.errorhandler(Exception)
    def everything(_error: Exception) -> Any:
        return "swallowed", 500

    @part.get("/part")
    @jwt_required()
    def view() -> str:
        return "in"

    app.register_blueprint(part)

    assert app.test_client().get("/part").status_code == 401


def test_close_and_open_again_keeps_what_was_written(tmp_path: Path) -> None:
    app, signet = make(tmp_path)
    signet.users.create("ada", PASSWORD)
    token = login(app)["token"]
    house: House = app.extensions["signet"]

    house.close()

    assert app.test_client().get("/me", headers=bearer(token)).status_code == 200


def test_commands_make_users_and_rotate_keys(tmp_path: Path) -> None:
    app, signet = make(tmp_path)
    runner = app.test_cli_runner()

    made = runner.invoke(args=["signet", "users", "create", "ada", "--password-stdin", "--json"], input=PASSWORD + "\n")
    listed = json.loads(runner.invoke(args=["signet", "users", "list", "--json"]).output)
    token = login(app)["token"]
    before = json.loads(runner.invoke(args=["signet", "keys", "list", "--json"]).output)["keys"]
    early = runner.invoke(args=["signet", "keys", "rotate"])
    age(app, signet.store)
    after = json.loads(runner.invoke(args=["signet", "keys", "rotate", "--json"]).output)["keys"]

    assert json.loads(made.output)["id"] == 1
    assert (early.exit_code, "the next key is" in early.output) == (1, True)
    assert [user["username"] for user in listed] == ["ada"]
    assert sorted(key["status"] for key in before) == ["current", "next"]
    assert sorted(key["status"] for key in after) == ["current", "next", "retired"]
    assert app.test_client().get("/me", headers=bearer(token)).status_code == 200

    retired = next(key["kid"] for key in after if key["status"] == "retired")
    assert runner.invoke(args=["signet", "keys", "revoke", retired]).exit_code == 0
    app.extensions["signet"].close()
    assert app.test_client().get("/me", headers=bearer(token)).status_code == 401


def test_the_first_requests_of_a_process_are_all_served(tmp_path: Path) -> None:
    """One of them reads who was signed out; the others wait for it and are not turned away."""
    for number in range(5):
        app, signet = make(tmp_path / str(number))
        signet.users.create("ada", PASSWORD)
        token = login(app)["token"]
        app.extensions["signet"].close()
        together = threading.Barrier(6)

        def ask(app: Flask = app, token: str = token, together: threading.Barrier = together) -> int:
            client = app.test_client()
            together.wait()
            return client.get("/account", headers=bearer(token)).status_code

        with ThreadPoolExecutor(6) as pool:
            answers = [future.result() for future in [pool.submit(ask) for _ in range(6)]]
        app.extensions["signet"].close()

        assert answers == [200] * 6


@pytest.mark.parametrize("debug", [True, False])
def test_where_somebody_develops_a_refusal_names_the_section_that_helps(debug: bool) -> None:
    app, _ = make(DEBUG=debug)

    answer = app.test_client().post("/token", data="x", content_type="text/plain").get_json()

    page, _, section = answer["msg"].partition("docs/it-does-not-work.md#")
    assert bool(section) is debug
    if debug:
        titles = (Path(__file__).parent.parent.parent / "docs" / "it-does-not-work.md").read_text().lower()
        assert section.rstrip(")").replace("-", " ") in titles
        assert "application/json" in page


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("trouble", ["gone", "down"])
def test_a_user_who_cannot_be_loaded_is_refused_under_every_extension(trouble: str, tmp_path: Path) -> None:
    """`current_user` is loaded within the view, where some wrap every error into a 500."""
    import flask_restful
    import flask_restx

    app, signet = make(tmp_path)
    assert isinstance(signet.users, Accounts)
    user = signet.users.create("ada", PASSWORD)

    @jwt_required()
    def view(self: Any = None) -> Any:
        return {"name": current_user.username}

    flask_restful.Api(app).add_resource(type("Restful", (flask_restful.Resource,), {"get": view}), "/restful")
    documented = Blueprint("documented", "documented")
    flask_restx.Api(documented).add_resource(type("Restx", (flask_restx.Resource,), {"get": view}), "/restx")
    catching = Blueprint("catching", "catching")
    catching.register_error_handler(Exception, lambda error: ("swallowed", 500))
    catching.add_url_rule("/caught", view_func=view)
    for blueprint in (documented, catching):
        app.register_blueprint(blueprint)
    client, token = app.test_client(), login(app)["token"]
    paths = ("/me", "/restful", "/restx", "/caught")
    assert [client.get(path, headers=bearer(token)).status_code for path in paths] == [200] * 4

    if trouble == "gone":
        with signet.store.write() as connection:
            connection.execute(users_table.delete().where(users_table.c.id == user.id))
        wanted = 401
    else:
        (tmp_path / "instance" / "signet").rename(tmp_path / "away")
        wanted = 503
    answers = [client.get(path, headers=bearer(token)) for path in paths]

    assert [answer.status_code for answer in answers] == [wanted] * 4
    assert {answer.json["error"] for answer in answers} == {"invalid_token" if trouble == "gone" else "unavailable"}
