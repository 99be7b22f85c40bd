"""What belongs to a request, asked for in a thread, a task or a generator: the error says what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from flask import (
    Flask,
    Response,
    copy_current_request_context,
    current_app,
    render_template_string,
    stream_with_context,
)

from flask_signet import (
    JWTManager,
    Signet,
    create_access_token,
    current_session,
    current_user,
    get_current_user,
    get_jwt,
    get_jwt_header,
    get_jwt_identity,
    get_jwt_request_location,
    jwt_required,
)
from flask_signet.testing import reset, signed_in

SECRET = "y2PE5rAzIvNYgHfVrTiYAVN9sIYLjzGrR7xBKpCHgXk"
FJE = "You must call `@jwt_required()` or `verify_jwt_in_request()` before using this method"

GETTERS: dict[str, Callable[[], Any]] = {
    "get_jwt": get_jwt,
    "get_jwt_header": get_jwt_header,
    "get_jwt_identity": get_jwt_identity,
    "get_jwt_request_location": get_jwt_request_location,
    "get_current_user": get_current_user,
    "current_user": lambda: current_user.username,
    "current_session": lambda: cast(Any, current_session)._get_current_object(),
}


def in_thread(work: Callable[[], Any]) -> Any:
    """Return what *work* returns, or the error that it raises, in a thread of its own."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(work())
        except RuntimeError as error:
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return came[0]


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask("outside")
    app.config["TESTING"] = True
    signet = Signet(app)
    signet.users.create("ada", "correct horse")
    yield app
    reset(app)


def ask(app: Flask, view: Callable[[], Any]) -> Any:
    """Return the answer of a guarded *view* to the user 1."""
    app.add_url_rule("/asked", "asked", jwt_required()(view))
    client = app.test_client()
    with signed_in(client, app.extensions["signet"].users.get(1)):
        return client.get("/asked")


@pytest.mark.parametrize("getter", GETTERS.values(), ids=GETTERS.keys())
@pytest.mark.parametrize("with_app", [False, True], ids=["bare", "in an application context"])
def test_a_thread_hears_that_it_has_no_request_and_what_to_do(
    app: Flask, getter: Callable[[], Any], with_app: bool
) -> None:
    def work() -> Any:
        if not with_app:
            return getter()
        with app.app_context():
            return getter()

    error: list[Any] = []
    ask(app, lambda: [error.append(in_thread(work)), "done"][1])

    assert isinstance(error[0], RuntimeError)
    said = str(error[0])
    assert said.startswith(FJE)  # a test of an application may look for it
    for advice in ("there is no request here", "copy_current_request_context", "stream_with_context", "verify(token)"):
        assert advice in said


@pytest.mark.parametrize("getter", GETTERS.values(), ids=GETTERS.keys())
def test_the_line_of_the_advice_works_in_a_thread(app: Flask, getter: Callable[[], Any]) -> None:
    came: list[Any] = []
    ask(app, lambda: [came.append(in_thread(copy_current_request_context(getter))), "done"][1])

    assert not isinstance(came[0], Exception)


def test_a_generator_that_streams_needs_the_line_of_the_advice(app: Flask) -> None:
    def lines() -> Iterator[str]:
        yield str(get_jwt_identity())

    assert ask(app, lambda: Response(stream_with_context(lines()))).text == "1"
    with pytest.raises(RuntimeError, match="stream_with_context"):
        list(lines())


def test_in_a_request_without_a_guard_the_text_is_that_of_flask_jwt_extended(app: Flask) -> None:
    for getter in GETTERS.values():
        with app.test_request_context(), pytest.raises(RuntimeError) as raised:
            getter()
        assert str(raised.value) == FJE


def test_a_template_that_is_rendered_without_a_request_shows_nobody() -> None:
    """That of a mail, in a task."""
    app = Flask("mail")
    app.config["JWT_SECRET_KEY"] = SECRET
    JWTManager(app, add_context_processor=True)

    with app.app_context():
        assert current_app.name == "mail"
        shown = render_template_string("{% if current_user %}somebody{% endif %}<{{ current_user.name }}>")
        assert create_access_token("ada")

    assert shown == "<>"
