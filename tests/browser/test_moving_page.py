"""Follow the page "Moving from Flask-JWT-Extended" with its front end: its back end, a fresh Vite app, Chromium."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from flask_signet import JWTManager, create_access_token
from tests.browser.fresh_vite import create_app, named_blocks, start_vite
from tests.conftest import StartServer
from tests.docs.markdown import DOCS, blocks
from tests.support.processes import Server

pytestmark = pytest.mark.browser

PAGE = DOCS / "moving.md"
API = blocks(PAGE, "python")[0]
KEY = "0123456789abcdef" * 4
BACK_ENDS = {
    "as the page shows it": "",
    "with JWT_COMPAT": '\napp.config["JWT_COMPAT"] = True\n',
}


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh Vite app with the files of the page."""
    return create_app(tmp_path_factory.mktemp("moving"), named_blocks(PAGE))


def make_token(key: str, life: timedelta) -> str:
    """Return a token as a browser may have kept it."""
    app = Flask("former")
    app.config["JWT_SECRET_KEY"] = key
    JWTManager(app)
    with app.app_context():
        return create_access_token(1, expires_delta=life)


def start_api(start_server: StartServer, folder: Path, added: str) -> Server:
    folder.mkdir()
    (folder / "app.py").write_text(API.text.replace("jwt = JWTManager(app)", f"{added}jwt = JWTManager(app)"), "utf-8")
    command = [sys.executable, "-m", "flask", "run", "--port", "{port}"]
    return start_server(command, cwd=folder, env={"FLASK_APP": None, "JWT_SECRET_KEY": KEY}, timeout=60)


@pytest.mark.parametrize("added", BACK_ENDS.values(), ids=BACK_ENDS)
def test_the_front_end_of_the_page_works_with_its_back_end(
    added: str, app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path
) -> None:
    """Sign in, a guarded call, reload, sign out; then tokens that are no longer good."""
    api = start_api(start_server, tmp_path / "api", added)
    vite = start_vite(start_server, app_folder, named_blocks(PAGE)["vite.config.js"], api.port)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://localhost:{vite.port}/")
    page.get_by_label("User name").fill("maria")
    page.get_by_label("Password").fill("a long sentence")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("Hello 1")).to_be_visible()

    page.reload()

    expect(page.get_by_text("Hello 1")).to_be_visible()
    assert page.evaluate("localStorage.getItem('access_token')").count(".") == 2

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate("localStorage.getItem('access_token')") is None

    expired, foreign = make_token(KEY, timedelta(seconds=-1)), make_token(KEY[::-1], timedelta(minutes=1))
    # With JWT_COMPAT the status of all but the first is 422.
    for token in (expired, foreign, "x.y", "not a token"):
        page.evaluate("token => localStorage.setItem('access_token', token)", token)
        page.reload()

        expect(page.get_by_role("alert")).to_have_text("Your session has ended. Sign in to continue.")
        assert page.evaluate("localStorage.getItem('access_token')") is None

    assert [] == errors
