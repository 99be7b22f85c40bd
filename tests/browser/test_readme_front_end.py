"""Paste the front end of README into a fresh Vite app, with the lesson's server, and use it in Chromium."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.fresh_vite import create_app, named_blocks, start_vite
from tests.conftest import StartServer
from tests.docs.markdown import DOCS, README, blocks
from tests.support.processes import Server

pytestmark = pytest.mark.browser

LESSON, WHOLE = blocks(README, "python")
# README sends the reader there for it.
VITE_CONFIG = named_blocks(DOCS / "react-in-five-minutes.md")["vite.config.js"]
FILES = named_blocks(README, unnamed=1)
[STEPS] = [block.text for block in blocks(README, "js") if not block.text.startswith("// ")]
USERNAME, PASSWORD = "alesanchezr", "12341234"
ADD_USER = f"""
with app.app_context():
    signet.users.create({USERNAME!r}, {PASSWORD!r}, check_password=False)
"""


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh Vite app whose own ``main.jsx`` shows the ``App.jsx`` of README."""
    app = create_app(tmp_path_factory.mktemp("readme"), FILES)
    steps = f'import {{ auth }} from "./auth.js";\n{STEPS}\nglobalThis.result = me;\n'
    (app / "src" / "steps.js").write_text(steps, "utf-8")
    return app


def start_api(start_server: StartServer, folder: Path, text: str) -> Server:
    folder.mkdir()
    (folder / "app.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "flask", "run", "--port", "{port}"]
    env = {"FLASK_APP": None, "JWT_SECRET_KEY": "0123456789abcdef" * 4}
    return start_server(command, cwd=folder, env=env, timeout=60)


def test_readme_shows_the_files_that_it_imports() -> None:
    assert {"src/auth.js", "src/App.jsx"} == set(FILES)


SERVERS = pytest.mark.parametrize("text", [LESSON.text, WHOLE.text + ADD_USER], ids=["lesson", "whole"])


@SERVERS
def test_what_is_pasted_from_readme_asks_for_the_password_and_signs_in(
    text: str, app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path
) -> None:
    """The form, a wrong password, the right one, a reload, sign out."""
    api = start_api(start_server, tmp_path / "api", text)
    vite = start_vite(start_server, app_folder, VITE_CONFIG, api.port)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://localhost:{vite.port}/")
    page.get_by_label("User name").fill(USERNAME)
    page.get_by_label("Password").fill("a guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong user name or password.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out user 1")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Sign out user 1")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert [] == errors


@SERVERS
def test_the_two_steps_of_readme_give_what_the_guarded_route_answers(
    text: str, app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path
) -> None:
    api = start_api(start_server, tmp_path / "api", text)
    vite = start_vite(start_server, app_folder, VITE_CONFIG, api.port)
    page.goto(f"http://localhost:{vite.port}/")

    assert {"id": 1, "username": USERNAME} == page.evaluate("import('/src/steps.js').then(() => globalThis.result)")
