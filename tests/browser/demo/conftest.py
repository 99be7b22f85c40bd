"""One demo for each test file, and one browser context for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.demo.tasks_demo import Demo, running, watched


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo with its own data."""
    with running(tmp_path_factory.mktemp("tasks")) as demo:
        yield demo


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Cookies and storage of one user."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, demo: Demo) -> Iterator[Page]:
    """The login form; the test fails if the page raises an error or opens a dialog."""
    with watched(context.new_page()) as page:
        page.goto(demo.url)
        yield page
