"""Follow the page "React in five minutes" word for word: a fresh Vite app, the packed package, a login in Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.conftest import StartServer, missing
from tests.docs.markdown import DOCS, ROOT, blocks, shows, steps
from tests.support.processes import Server

pytestmark = pytest.mark.browser

PAGE = DOCS / "react-in-five-minutes.md"
PACKAGES = ROOT / "node_modules"
[API] = blocks(PAGE, "python")
[TERMINAL] = blocks(PAGE, "console")
USERNAME, PASSWORD = "maria", "a long sentence"

# What the page lets npm fetch from a registry comes from this workspace instead; Vite's template from the very
# program that `npm create vite@latest` runs.
FROM_HERE = ("react", "react-dom", "vite", "@vitejs/plugin-react")
[SHELL] = blocks(PAGE, "sh")

SERVE_BUILT = """
from flask import send_from_directory

@app.get("/")
@app.get("/assets/<name>")
def front(name=None):
    return send_from_directory(BUILT + ("/assets" if name else ""), name or "index.html")
"""


def named_blocks() -> dict[str, str]:
    """Return the files that the page shows: path → text, by the comment in the first line."""
    files: dict[str, str] = {}
    for block in [*blocks(PAGE, "js"), *blocks(PAGE, "jsx")]:
        first, _, rest = block.text.partition("\n")
        match = re.fullmatch(r"// (\S+\.jsx?)", first)
        assert match, f"{block} does not say which file it is"
        files[match[1]] = rest
    return files


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh Vite app, with the package installed from the archive that would be published."""
    npm = shutil.which("npm")
    if npm is None or not (PACKAGES / "create-vite").exists() or not (ROOT / "js" / "dist" / "index.js").exists():
        missing("no npm, no node_modules or no js/dist: make setup js/dist/.ready")
        raise AssertionError
    folder = tmp_path_factory.mktemp("quickstart")
    # Without its scripts: the package is built already, and others may be reading it.
    run([npm, "pack", "--ignore-scripts", "--pack-destination", str(folder)], ROOT / "js")
    [archive] = folder.glob("flask-signet-*.tgz")

    create, enter, *installs = SHELL.text.splitlines()
    made = re.fullmatch(r"npm create vite@latest (\S+) -- (.+)", create)
    assert made, create
    assert [f"cd {made[1]}", "npm install", "npm install flask-signet"] == [enter, *installs]
    run([str(PACKAGES / ".bin" / "create-vite"), made[1], *made[2].split()], folder)
    app = folder / made[1]
    template = json.loads((app / "package.json").read_text("utf-8"))
    wanted = {**template["dependencies"], **template["devDependencies"]}
    assert set(FROM_HERE) <= set(wanted)

    # Ours has no dependency, so nothing is asked of any registry.
    (app / "package.json").write_text(json.dumps({**template, "dependencies": {}, "devDependencies": {}}), "utf-8")
    run([npm, "install", "--offline", "--no-audit", "--no-fund", "--legacy-peer-deps", str(archive)], app)
    assert not (app / "node_modules" / "flask-signet").is_symlink()
    (app / "node_modules" / "@vitejs").mkdir()
    for name in FROM_HERE:
        (app / "node_modules" / name).symlink_to(PACKAGES / name)
    for name, text in named_blocks().items():
        # The page replaces these and adds one.
        assert (app / name).exists() == (name != "src/auth.js"), name
        (app / name).write_text(text, "utf-8")
    return app


def start_api(start_server: StartServer, folder: Path, text: str) -> Server:
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
    return start_server(command, cwd=folder, env={"FLASK_APP": None}, timeout=60)


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
    assert {"vite.config.js", "src/auth.js", "src/main.jsx", "src/App.jsx"} == set(named_blocks())


def test_it_works_in_development(app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path) -> None:
    """Vite serves the page and passes on what is the server's, as the page configures it."""
    api = start_api(start_server, tmp_path / "api", "")
    config = app_folder / "vite.config.js"
    text = named_blocks()["vite.config.js"]
    assert ":5000" in text
    config.write_text(text.replace(":5000", f":{api.port}"), "utf-8")
    vite = start_server(
        [str(PACKAGES / ".bin" / "vite"), "--host", "127.0.0.1", "--port", "{port}", "--strictPort"],
        cwd=app_folder,
        timeout=60,
    )

    try_out(page, f"http://localhost:{vite.port}/")


def test_it_works_when_built(app_folder: Path, page: Page, start_server: StartServer, tmp_path: Path) -> None:
    """The built files, served by the same application as the API."""
    run([str(PACKAGES / ".bin" / "vite"), "build"], app_folder)
    built = f"\nBUILT = {str(app_folder / 'dist')!r}\n"
    api = start_api(start_server, tmp_path / "api", built + SERVE_BUILT)

    try_out(page, f"http://localhost:{api.port}/")
