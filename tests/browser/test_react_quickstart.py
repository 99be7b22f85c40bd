"""Follow the page "React in five minutes" word for word: a fresh Vite app, the packed package, a login in Chromium."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.fresh_vite import PACKAGES, create_app, named_blocks, run, start_vite
from tests.conftest import StartServer
from tests.docs.markdown import DOCS, blocks, shows, steps
from tests.support.processes import Server, free_port

pytestmark = pytest.mark.browser

PAGE = DOCS / "react-in-five-minutes.md"
[API] = blocks(PAGE, "python")
[TERMINAL] = blocks(PAGE, "console")
USERNAME, PASSWORD = "maria", "a long sentence"

SERVE_BUILT = """
from flask import send_from_directory

@app.get("/")
@app.get("/assets/<name>")
def front(name=None):
    return send_from_directory(BUILT + ("/assets" if name else ""), name or "index.html")
"""


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh Vite app, with the package installed from the archive that would be published."""
    return create_app(tmp_path_factory.mktemp("quickstart"), named_blocks(PAGE))


def start_api(start_server: StartServer, folder: Path, text: str, port: int | None = None) -> Server:
    """Make the user and serve the application as the page says, with what *text* adds to it."""
    folder.mkdir()
    (folder / "app.py").write_text(API.text + text, "utf-8")
    [create] = [step for step in steps(TERMINAL) if step.command.startswith("flask signet ")]
    done = subprocess.run(
        [sys.executable, "-m", *create.command.split()],
        cwd=folder,
        input=f"{PASSWORD}\n" * 2,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shows(create.shown[-1:], done.stdout), done.stdout + done.stderr
    command = [sys.executable, "-m", "flask", "run", "--port", "{port}"]
    return start_server(command, cwd=folder, env={"FLASK_APP": None}, port=port, timeout=60)


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("User name").fill(USERNAME)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def try_out(page: Page, address: str) -> None:
    """Do what the page says at its end: sign in, reload, open a second tab, sign out in one."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    sign_in(page, "a guess")
    expect(page.get_by_role("alert")).to_have_text("Wrong user name or password.")

    sign_in(page, PASSWORD)
    expect(page.get_by_text(f"Hello {USERNAME}")).to_be_visible()

    page.reload()
    expect(page.get_by_text(f"Hello {USERNAME}")).to_be_visible()

    context: BrowserContext = page.context
    second = context.new_page()
    second.goto(address)
    expect(second.get_by_text(f"Hello {USERNAME}")).to_be_visible()

    second.get_by_role("button", name="Sign out").click()
    for tab in (page, second):
        expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    assert [] == errors


def test_the_page_shows_every_file_that_the_app_needs() -> None:
    assert {"vite.config.js", "src/auth.js", "src/main.jsx", "src/App.jsx"} == set(named_blocks(PAGE))


def test_it_works_in_development(app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path) -> None:
    """Vite serves the page and passes on what is the server's, as the page configures it."""
    api = start_api(start_server, tmp_path / "api", "")
    vite = start_vite(start_server, app_folder, named_blocks(PAGE)["vite.config.js"], api.port)

    try_out(page, f"http://localhost:{vite.port}/")


def test_it_works_when_built(app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path) -> None:
    """The built files, served by the same application as the API."""
    run([str(PACKAGES / ".bin" / "vite"), "build"], app_folder)
    built = f"\nBUILT = {str(app_folder / 'dist')!r}\n"
    api = start_api(start_server, tmp_path / "api", built + SERVE_BUILT)

    try_out(page, f"http://localhost:{api.port}/")


def test_a_page_that_was_opened_before_flask_was_started_goes_on_by_itself(
    app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path
) -> None:
    port = free_port()
    vite = start_vite(start_server, app_folder, named_blocks(PAGE)["vite.config.js"], port)
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    page.goto(f"http://localhost:{vite.port}/")

    expect(page.get_by_role("alert")).to_contain_text("The server has a problem. Try again later.")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert "Is Flask running behind the proxy?" in warnings[0]

    start_api(start_server, tmp_path / "api", "", port)

    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=35_000)
    sign_in(page, PASSWORD)
    expect(page.get_by_text(f"Hello {USERNAME}")).to_be_visible()


def test_a_route_that_vite_does_not_pass_on_is_named_in_the_console(
    app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path
) -> None:
    api = start_api(start_server, tmp_path / "api", "")
    config = named_blocks(PAGE)["vite.config.js"].replace('"/protected"', '"/other"')
    vite = start_vite(start_server, app_folder, config, api.port)
    page.goto(f"http://localhost:{vite.port}/")

    with page.expect_console_message(lambda message: "the response is not JSON" in message.text) as heard:
        sign_in(page, PASSWORD)

    assert "/protected: " in heard.value.text
    assert "Vite's proxy" in heard.value.text
    expect(page.get_by_text("The server has a problem. Try again later.")).to_be_visible()
