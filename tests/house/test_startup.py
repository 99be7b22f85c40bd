"""What is heard at start: a clash of routes, a weak key and where it comes from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, current_app
from werkzeug.routing import Submount
from werkzeug.routing.map import Map
from werkzeug.routing.rules import Rule

from flask_signet import JWTManager, Signet, create_access_token, jwt_required
from flask_signet.exceptions import SettingsError

GOOD = "y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe"
GUNICORN = {"SERVER_SOFTWARE": "gunicorn/27.0.1"}


def view() -> str:
    return "mine"


# --- two views on one path ---------------------------------------------------------------------------------


def a_rule(app: Flask) -> None:
    app.post("/token")(view)


def a_blueprint(app: Flask) -> None:
    blueprint = Blueprint("mine", __name__)
    blueprint.post("/token")(view)
    app.register_blueprint(blueprint)


def a_prefix(app: Flask) -> None:
    blueprint = Blueprint("mine", __name__)
    blueprint.post("/refresh")(view)
    app.register_blueprint(blueprint, url_prefix="/token")


def a_variable(app: Flask) -> None:
    app.add_url_rule("/account/sessions/<which>", view_func=view, methods=["DELETE"])


def a_variable_with_its_converter(app: Flask) -> None:
    app.add_url_rule("/account/sessions/<string:which>", view_func=view, methods=["DELETE"])


def the_public_keys(app: Flask) -> None:
    app.add_url_rule("/.well-known/jwks.json", view_func=view)


CLASHES = [a_rule, a_blueprint, a_prefix, a_variable, a_variable_with_its_converter, the_public_keys]


@pytest.mark.parametrize("define", CLASHES)
def test_a_route_that_clashes_is_an_error_where_it_is_defined(define: Callable[[Flask], None], tmp_path: Path) -> None:
    app = Flask("clash", instance_path=str(tmp_path))
    Signet(app)

    with pytest.raises(SettingsError, match=r"is defined twice: by Flask-Signet \('signet.*view'"):
        define(app)


@pytest.mark.parametrize("define", CLASHES)
def test_a_route_that_was_there_before_is_an_error_of_init_app(define: Callable[[Flask], None], tmp_path: Path) -> None:
    app = Flask("clash", instance_path=str(tmp_path))
    define(app)

    with pytest.raises(SettingsError, match=r"is defined twice: by Flask-Signet .*SIGNET_URL_PREFIX"):
        Signet(app)


def test_the_route_of_a_manager_clashes_as_well() -> None:
    app = Flask("clash")
    app.config.update(JWT_SECRET_KEY=GOOD, SIGNET_ROUTES=["jwks"])
    JWTManager(app)

    with pytest.raises(SettingsError, match=r"GET /.well-known/jwks.json is defined twice"):
        the_public_keys(app)


def test_other_methods_paths_hosts_and_converters_are_no_clash(tmp_path: Path) -> None:
    app = Flask("clash", instance_path=str(tmp_path), subdomain_matching=True)
    app.config["SERVER_NAME"] = "app.test"
    Signet(app)
    app.add_url_rule("/token", "get", view, methods=["GET"])
    app.add_url_rule("/token/<path:rest>", "rest", view, methods=["POST"])
    app.add_url_rule("/account/sessions/<int:number>", "number", view, methods=["DELETE"])
    app.add_url_rule("/token", "elsewhere", view, methods=["POST"], subdomain="api")

    assert app.test_client().get("/token", base_url="http://app.test").text == "mine"


def unheard(app: Flask) -> None:
    """Add a route in a way that nothing hears."""
    Map.add(app.url_map, Submount("/token", [Rule("/refresh", endpoint="mine", methods=["POST"])]))
    app.view_functions["mine"] = view


def test_a_clash_that_was_not_heard_is_a_503_that_the_log_explains(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask("clash", instance_path=str(tmp_path))
    Signet(app)
    unheard(app)
    answer = app.test_client().get("/health")

    assert (503, "Service temporarily unavailable") == (answer.status_code, answer.get_json()["msg"])
    assert "POST /token/refresh is defined twice: by Flask-Signet ('signet.refresh')" in caplog.text


def test_in_debug_mode_the_answer_says_what_is_wrong(tmp_path: Path) -> None:
    app = Flask("clash", instance_path=str(tmp_path))
    app.debug = True
    Signet(app)
    unheard(app)
    answer = app.test_client().get("/health")

    assert answer.status_code == 503
    assert "by your own view ('mine')" in answer.get_json()["msg"]


# --- weak keys ---------------------------------------------------------------------------------------------


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def open_route(app: Flask) -> None:
    app.add_url_rule("/register", "register", lambda: "stored")


def key_before(app: Flask, key: str) -> None:
    app.config[key] = "changeme"
    JWTManager(app)


def key_after(app: Flask, key: str) -> None:
    JWTManager(app)
    app.config[key] = "changeme"


def factory(app: Flask, key: str) -> None:
    manager = JWTManager()
    app.config[key] = "changeme"
    manager.init_app(app)


FORMS = {
    "JWT_SECRET_KEY": [
        "The key is the value of JWT_SECRET_KEY.",
        'Then write: app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET_KEY"].',
    ],
    "SECRET_KEY": [
        "The key is Flask's SECRET_KEY (app.secret_key), because JWT_SECRET_KEY is not set.",
        'Then write: app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET_KEY"] (it takes precedence over',
        'app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]',
    ],
}


@pytest.mark.parametrize("make", [key_before, key_after, factory])
@pytest.mark.parametrize("key", FORMS)
def test_a_weak_key_is_heard_of_at_start_with_the_setting_it_came_from(
    key: str, make: Callable[[Flask, str], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Before any request: a registration must not have stored its user before the token fails."""
    app = Flask("weak")
    make(app, key)
    open_route(app)
    said = lines(caplog)

    assert 1 == len(said)
    assert [] == [part for part in FORMS[key] if part not in said[0]]
    assert "Any other server refuses it: guarded routes answer 503." in said[0]
    assert "changeme" not in said[0]


def test_a_weak_key_that_is_set_last_is_heard_of_before_the_first_answer(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("weak")
    JWTManager(app)
    open_route(app)
    app.config["JWT_SECRET_KEY"] = "changeme"
    seen: list[int] = []
    app.before_request(lambda: seen.append(len(lines(caplog))))
    for _ in range(2):
        app.test_client().get("/register", environ_overrides=GUNICORN)

    assert [1, 1] == seen


def test_flasks_own_key_is_not_judged_before_the_right_one_is_set(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("weak")
    app.secret_key = "dev"
    JWTManager(app)
    app.config["JWT_SECRET_KEY"] = GOOD
    open_route(app)
    app.test_client().get("/register")

    assert [] == lines(caplog)


def test_the_line_says_which_of_two_keys_wins(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("weak")
    app.config.update(SECRET_KEY=GOOD, JWT_SECRET_KEY="changeme")
    JWTManager(app)

    assert "The key is the value of JWT_SECRET_KEY, which takes precedence over Flask's SECRET_KEY." in lines(caplog)[0]


def test_a_key_in_the_environment_that_is_not_read_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", GOOD)
    app = Flask("weak")
    app.config["JWT_SECRET_KEY"] = "changeme"
    JWTManager(app)

    assert "The environment variable JWT_SECRET_KEY is set, but your code does not read it." in lines(caplog)[0]
    assert GOOD not in lines(caplog)[0]


def test_a_setting_of_another_name_is_named(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("weak")
    app.config.update(SECRET_KEY="dev", JWT_SECRET=GOOD)
    JWTManager(app)
    open_route(app)

    assert "There is no setting JWT_SECRET: its name is JWT_SECRET_KEY." in lines(caplog)[0]


@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_the_command_makes_a_key_for_the_algorithm(algorithm: str, size: int, caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("weak")
    app.config.update(JWT_SECRET_KEY=GOOD[: size - 1], JWT_ALGORITHM=algorithm)
    JWTManager(app)
    command = ["signet", "keys", "generate", "--algorithm", algorithm, "--secret"]
    made = app.test_cli_runner().invoke(args=command).stdout.strip()
    app.config["JWT_SECRET_KEY"] = made
    caplog.clear()
    open_route(app)
    app.test_client().get("/register")

    assert [] == lines(caplog)


@pytest.mark.parametrize("loader", ["decode_key_loader", "encode_key_loader"])
def test_a_weak_key_of_a_loader_is_said_to_be_the_loaders(loader: str, caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("weak")
    app.config["JWT_SECRET_KEY"] = GOOD
    manager = JWTManager(app)
    app.add_url_rule("/guarded", "guarded", jwt_required()(view))
    with app.app_context():
        token = create_access_token("1")
        getattr(manager, loader)(lambda *_: "changeme")
        if loader == "encode_key_loader":
            create_access_token("1")
    app.test_client().get("/guarded", headers={"Authorization": f"Bearer {token}"})

    assert 1 == len(lines(caplog))
    assert f"The key is the return value of your {loader}." in lines(caplog)[0]


def test_a_weak_pair_is_heard_of_before_the_first_answer(caplog: pytest.LogCaptureFixture) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    app = Flask("weak")
    pair = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    app.config.update(JWT_ALGORITHM="RS256", JWT_PRIVATE_KEY=pair, JWT_PUBLIC_KEY=pair.public_key())
    JWTManager(app)
    open_route(app)
    app.test_client().get("/register")

    assert 1 == len(lines(caplog))
    assert "The key is the value of JWT_PRIVATE_KEY or JWT_PUBLIC_KEY." in lines(caplog)[0]


def test_a_refusal_under_a_real_server_names_the_setting_too(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("weak")
    app.secret_key = "changeme"
    JWTManager(app)
    app.add_url_rule("/guarded", "guarded", jwt_required()(view))
    answer: Any = app.test_client().get(
        "/guarded", headers={"Authorization": "Bearer x"}, environ_overrides={**GUNICORN, "wsgi.multithread": True}
    )

    assert 503 == answer.status_code
    assert ["Flask's SECRET_KEY (app.secret_key)" in line for line in lines(caplog)] == [True, True]
    assert "Until then every guarded route answers 503" in lines(caplog)[1]


@pytest.mark.parametrize("manager", [JWTManager, Signet])
def test_a_manager_that_is_given_current_app_works_when_that_context_is_over(manager: Any, tmp_path: Path) -> None:
    """Flask-AppBuilder does so; a route that is defined afterwards was an error of a missing context."""
    app = Flask("proxied", instance_path=str(tmp_path))
    app.config["JWT_SECRET_KEY"] = GOOD
    app.testing = True
    with app.app_context():
        manager(current_app)
    app.add_url_rule("/private", "private", jwt_required()(lambda: "x"))

    assert app.test_client().get("/private").status_code == 401
