"""The client in Chromium against a server with ``JWT_COMPAT``, which answers 422 where others answer 401."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.test_client import (
    SIGNED_IN,
    SIGNED_OUT,
    Serve,
    chromium,
    context,
    log_in,
    open_tab,
    running,
    send,
    serve,
    status,
)
from tests.support.http import request

__all__ = ["chromium", "context", "running", "serve"]
pytestmark = pytest.mark.browser

# What became of a good token in the browser's storage → the token.
BROKEN = {
    "not a token": "not a token",
    "two parts": "{header}.{claims}",
    "a header that is not JSON": "x.{claims}.{signature}",
    "another signature": "{header}.{claims}.AAAA{signature}",
    "claims that are not JSON": "{header}.x.{signature}",
}


def break_token(tab: Page, how: str) -> str:
    """Put a broken access token into the storage that the tab reads when it is opened again."""
    kept: dict[str, Any] = tab.evaluate("JSON.parse(localStorage.getItem('signet'))")
    header, claims, signature = kept["token"].split(".")
    broken = how.format(header=header, claims=claims, signature=signature)
    tab.evaluate("kept => localStorage.setItem('signet', JSON.stringify(kept))", {**kept, "token": broken})
    return broken


@pytest.mark.parametrize("how", BROKEN.values(), ids=BROKEN)
def test_a_token_that_is_refused_with_422_is_renewed_once_and_the_request_sent_again(
    how: str, context: BrowserContext, serve: Serve
) -> None:
    app = serve(JWT_COMPAT=True)
    tab = open_tab(context, app.url(), "local")
    log_in(tab)
    broken = break_token(tab, how)
    assert 422 == app.status_of(broken)
    tab.reload()
    tab.wait_for_function("globalThis.isReady")

    assert {"status": 200, "body": "once", "user": 1} == send(tab, "once")
    assert 1 == app.refreshes()
    assert SIGNED_IN == status(tab)


def test_a_token_that_is_refused_with_422_after_the_session_has_ended_signs_out(
    context: BrowserContext, serve: Serve
) -> None:
    app = serve(JWT_COMPAT=True)
    tab = open_tab(context, app.url(), "local")
    log_in(tab)
    good = tab.evaluate("token()")
    break_token(tab, "not a token")
    assert 204 == request("DELETE", f"{app.server.url}/token", token=good).status
    tab.reload()
    tab.wait_for_function("globalThis.isReady")
    answer = send(tab, "never")

    assert 422 == answer["status"]
    assert SIGNED_OUT == status(tab)
    assert "token_revoked" == tab.evaluate("auth.state.error.code")
    assert tab.evaluate("localStorage.getItem('signet')") is None


def test_login_and_logout_work_in_every_storage(context: BrowserContext, serve: Serve) -> None:
    app = serve(JWT_COMPAT=True)
    for storage in ("cookie", "memory", "session", "local"):
        tab = open_tab(context, app.url(), storage)
        assert "invalid_credentials" == tab.evaluate("login('maria', 'a guess')")["code"]
        log_in(tab)
        assert 200 == send(tab, storage)["status"]
        tab.evaluate("auth.logout()")
        assert SIGNED_OUT == status(tab)
        tab.close()
