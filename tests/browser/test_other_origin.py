"""A page on another origin than the server, in Chromium: what the client says where a request has no answer."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.client_app.app import USERS
from tests.browser.test_client import App, Serve, running, serve
from tests.support.processes import free_port

__all__ = ["running", "serve"]
pytestmark = pytest.mark.browser

[(USERNAME, PASSWORD), _] = USERS.items()
ASK = """async ([baseUrl, username, password]) => {
    const { createClient } = await import("/dist/index.js");
    const { json } = await import("/dist/json.js");
    const { hintOf, messageOf } = await import("/dist/messages.js");
    const auth = createClient({ baseUrl, storage: "memory" });
    const seen = {};
    const told = (error) => [error.name, error.code, messageOf(error), hintOf(error) ?? ""];
    for (const [name, ask] of Object.entries({
        login: () => auth.login(username, password),
        json: () => json(auth, "tasks", { body: {} }),
    })) seen[name] = await ask().then(() => "fine", told);
    return seen;
}"""


def ask(page: Page, page_of: App, base_url: str) -> dict[str, Any]:
    """Return what a client on the page of *page_of* says of the server at *base_url*."""
    page.goto(f"{page_of.url()}elsewhere")
    seen: dict[str, Any] = page.evaluate(ASK, [base_url, USERNAME, PASSWORD])
    return seen


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_server_that_does_not_allow_the_page_is_told_from_one_that_is_not_there(
    host: str, page: Page, serve: Serve
) -> None:
    """On another port of the same host, and on another host."""
    here, there = serve(), serve()
    for says in ask(page, here, there.url(host)).values():
        assert says[:3] == ["NetworkError", "cors", "The server does not accept requests from this page."]
        assert "set up CORS" in says[3]

    for says in ask(page, here, f"http://{host}:{free_port()}/").values():
        assert says[:3] == ["NetworkError", "unreachable", "The server does not answer."]
        assert "Is Flask running?" in says[3]


def test_a_server_that_allows_the_page_answers_it(page: Page, serve: Serve) -> None:
    here = serve()
    there = serve(SIGNET_TRUSTED_ORIGINS=[here.url().rstrip("/")])
    seen = ask(page, here, there.url())

    assert "fine" == seen["login"]
    # SIGNET_TRUSTED_ORIGINS is for our own routes.
    assert ["NetworkError", "cors"] == seen["json"][:2]


def test_without_a_connection_it_is_offline(page: Page, serve: Serve) -> None:
    here, there = serve(), serve()
    page.goto(f"{here.url()}elsewhere")
    page.evaluate("Promise.all(['index', 'json', 'messages'].map((name) => import(`/dist/${name}.js`)))")
    page.context.set_offline(True)
    seen: dict[str, Any] = page.evaluate(ASK, [there.url(), USERNAME, PASSWORD])

    assert [["NetworkError", "offline", "You are offline.", ""]] * 2 == list(seen.values())
