"""The page about two origins, in a real browser: Vite's proxy, Flask-CORS, and what happens with neither."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import StartServer, missing
from tests.docs.markdown import DOCS, README, ROOT, blocks
from tests.support.processes import Server, free_port, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PROXIED, WITH_SETTING, WITH_CORS = blocks(DOCS / "cors.md", "python")
VITE_CONFIG = blocks(DOCS / "cors.md", "js")[0]
WHOLE = blocks(README, "python")[1]
USERNAME, PASSWORD = "maria", "a long sentence"

# What a front end does: a wrong password, the right one, a guarded request with the token and one without.
VISIT = """async ([baseUrl, storage, username, password]) => {
    const auth = createClient({ baseUrl, storage });
    await auth.ready();
    const named = (error) => ({ name: error.name, code: error.code, message: error.message });
    const wrong = await auth.login(username, "a guess").catch(named);
    const login = await auth.login(username, password).catch(named);
    const account = auth.user && (await (await auth.fetch("account")).json());
    const refused = await fetch(new URL("account", new URL(baseUrl, location.href))).then(
        async (answer) => ({
            status: answer.status,
            challenge: answer.headers.get("WWW-Authenticate"),
            error: (await answer.json()).error,
        }),
        (error) => ({ message: error.message }),
    );
    return { wrong, login, account: account && account.username, refused };
}"""
LOADED = "() => typeof window.createClient === 'function'"
AFTER_RELOAD = """async ([baseUrl, storage]) => (await createClient({ baseUrl, storage }).ready()).status"""


def start_api(text: str, start_server: StartServer, folder: Path) -> Server:
    """Serve *text* as ``app.py``, with one user in it."""
    folder.mkdir()
    # Once, however often the file is imported.
    made = """
with app.app_context():
    if signet.users.find({0!r}) is None:
        signet.users.create({0!r}, {1!r})
"""
    (folder / "app.py").write_text(text + made.format(USERNAME, PASSWORD), "utf-8")
    return start_server([sys.executable, "-m", "flask", "run", "--port", "{port}"], cwd=folder, env={"FLASK_APP": None})


def visit(page: Page, address: str, base_url: str, storage: str) -> Any:
    """Open the page at *address* and let it use the API at *base_url*."""
    page.goto(address)
    page.wait_for_function(LOADED)
    return page.evaluate(VISIT, [base_url, storage, USERNAME, PASSWORD])


def expect_all_well(seen: Any) -> None:
    """The login works, a wrong password has its own error, and a 401 can be read."""
    assert seen["wrong"] == {
        "name": "InvalidCredentialsError",
        "code": "invalid_credentials",
        "message": "Bad username or password",
    }
    assert (seen["login"], seen["account"]) == ({"id": 1}, USERNAME)
    assert seen["refused"] == {"status": 401, "challenge": "Bearer", "error": "missing_token"}


@pytest.fixture
def page_server(start_server: StartServer, tmp_path: Path) -> Server:
    """A page that holds the client, on an origin of its own."""
    dist = ROOT / "js" / "dist"
    if not (dist / "index.js").exists():
        missing("js/dist is not built: make js/dist/.ready")
    folder = tmp_path / "page"
    shutil.copytree(dist, folder)
    (folder / "index.html").write_text('<!doctype html><script type="module" src="page.js"></script>\n')
    (folder / "page.js").write_text('import { createClient } from "./index.js";\nwindow.createClient = createClient;\n')
    return start_server([sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"], cwd=folder)


@pytest.mark.parametrize("text", [WITH_SETTING.text, WITH_CORS.text], ids=["the setting alone", "with Flask-CORS"])
def test_the_lines_for_two_origins_are_right(
    page: Page, page_server: Server, start_server: StartServer, tmp_path: Path, text: str
) -> None:
    """Two origins of one site: every storage mode works, and all but memory survive a reload."""
    origin = f"http://localhost:{page_server.port}"
    assert "http://localhost:5173" in text
    api = start_api(text.replace("http://localhost:5173", origin), start_server, tmp_path / "api")
    base_url = f"http://localhost:{api.port}/"

    for storage, after in (("memory", "signed-out"), ("local", "signed-in"), ("cookie", "signed-in")):
        expect_all_well(visit(page, origin, base_url, storage))
        page.reload()
        page.wait_for_function(LOADED)
        assert page.evaluate(AFTER_RELOAD, [base_url, storage]) == after, storage


def test_without_the_line_the_browser_refuses(
    page: Page, page_server: Server, start_server: StartServer, tmp_path: Path
) -> None:
    """The first symptom on the page "Troubleshooting"."""
    api = start_api(WHOLE.text, start_server, tmp_path / "api")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    seen = visit(page, f"http://localhost:{page_server.port}", f"http://localhost:{api.port}/", "memory")

    assert (seen["login"]["name"], seen["login"]["code"]) == ("NetworkError", "cors")
    assert seen["refused"] == {"message": "Failed to fetch"}
    assert any("blocked by CORS policy" in text for text in said)


def test_two_names_of_one_machine_are_two_hosts(
    page: Page, page_server: Server, start_server: StartServer, tmp_path: Path
) -> None:
    """Page on 127.0.0.1, API on localhost: cookie mode refuses, although the origin may ask."""
    origin = f"http://127.0.0.1:{page_server.port}"
    text = WITH_CORS.text.replace('origins=["http://localhost:5173"]', f"origins=[{origin!r}]")
    api = start_api(text, start_server, tmp_path / "api")

    seen = visit(page, origin, f"http://localhost:{api.port}/", "cookie")

    assert (seen["login"]["name"], seen["login"]["code"]) == ("CsrfError", "csrf_failed")


def test_the_proxy_of_vite_is_right(page: Page, start_server: StartServer, tmp_path: Path) -> None:
    """One origin for the browser: the page comes from Vite, the API through it."""
    packages = ROOT / "node_modules"
    if not (packages / "vite").exists() or not (ROOT / "js" / "dist" / "index.js").exists():
        missing("no node_modules: make setup js/dist/.ready")
    api = start_api(PROXIED.text, start_server, tmp_path / "api")
    folder = tmp_path / "front"
    (folder / "node_modules").mkdir(parents=True)
    for name in ("vite", "flask-signet"):
        (folder / "node_modules" / name).symlink_to((packages / name).resolve())
    assert "http://127.0.0.1:5000" in VITE_CONFIG.text
    (folder / "vite.config.js").write_text(VITE_CONFIG.text.replace("127.0.0.1:5000", f"127.0.0.1:{api.port}"))
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    (folder / "index.html").write_text('<!doctype html><script type="module" src="/main.js"></script>\n')
    (folder / "main.js").write_text(
        'import { createClient } from "flask-signet";\nwindow.createClient = createClient;\n'
    )
    front = start_server(
        [str(packages / ".bin" / "vite"), "--host", "127.0.0.1", "--port", "{port}", "--strictPort"],
        cwd=folder,
        port=free_port(),
        timeout=60,
    )
    # Vite tries its port before it serves there, so that the port answering is not enough.
    wait_until(lambda: "ready in" in front.output(), timeout=60, what="Vite")

    for storage in ("local", "cookie"):
        expect_all_well(visit(page, f"http://localhost:{front.port}", "/api/", storage))
