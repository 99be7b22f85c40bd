"""The demo of ``make run`` for the tests: a server process with its own data, and the steps of a user on the page."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from tests.conftest import ROOT
from tests.support.http import request
from tests.support.processes import Server

DEMO = ROOT / "examples" / "tasks"
LESSON = ("alesanchezr", "12341234")
OTHER = ("beatriz", "quiet river stone")
DESKTOP, PHONE = (1280, 800), (390, 844)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running demo.

    :param url: the address of the page.
    :param folder: the folder of its data.
    """

    url: str
    folder: Path


@contextmanager
def running(folder: Path) -> Generator[Demo]:
    """Serve the demo with its data in *folder* and with registration."""
    if not (DEMO / "web" / "dist" / "index.html").is_file():
        pytest.fail("the front end is not built: make test does it", pytrace=False)
    server = Server([sys.executable, str(DEMO / "serve.py")], cwd=ROOT)
    server.env.update(HOST="127.0.0.1", PORT=str(server.port), FRESH="", REGISTRATION="1", TASKS_INSTANCE=str(folder))
    try:
        server.start(timeout=60)
        account = {"username": OTHER[0], "password": OTHER[1]}
        assert request("POST", f"{server.url}/account", json_body=account).status == 201
        yield Demo(url=f"http://localhost:{server.port}", folder=folder)
    finally:
        server.stop()


@contextmanager
def watched(page: Page) -> Generator[Page]:
    """Fail at the end if the page raised an error or opened a dialog."""
    trouble: list[str] = []

    def dialog(shown: Dialog) -> None:
        trouble.append(f"dialog: {shown.message}")
        shown.dismiss()

    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", dialog)
    yield page

    assert trouble == []


def new_user(demo: Demo) -> tuple[str, str]:
    """Register a new user; return name and password."""
    user = {"username": f"user-{uuid.uuid4().hex[:12]}", "password": "quiet river stone"}
    assert request("POST", f"{demo.url}/account", json_body=user).status == 201
    return user["username"], user["password"]


def sign_in(page: Page, username: str = LESSON[0], password: str = LESSON[1]) -> None:
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    wait_for_tasks(page)


def wait_for_tasks(page: Page) -> None:
    expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()
    expect(
        page.get_by_role("region", name="Your tasks").get_by_role("status").filter(has_text="Loading")
    ).to_have_count(0)


def go(page: Page, view: str) -> None:
    page.get_by_role("navigation", name="Views").get_by_role("link", name=view).click()


def add(page: Page, title: str) -> None:
    page.get_by_label("New task").fill(title)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("checkbox", name=title)).to_be_visible()


def log_of(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Requests")
