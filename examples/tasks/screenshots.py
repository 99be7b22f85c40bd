"""Take the screenshots of the documentation: ``make screenshots``, or by hand with ``--all`` for every view.

Starts the demo with new data, signs in as the lesson's user and writes PNG files.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs" / "images"
LIMIT = 200_000  # bytes of one picture
DESKTOP, PHONE = (1280, 800), (390, 844)


@contextmanager
def demo() -> Iterator[str]:
    """Serve the demo on a free port with new data; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as instance:
        environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1", "TASKS_INSTANCE": instance}
        process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, str(HERE / "serve.py")],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://localhost:{port}"
        try:
            _wait_for(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own server
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise SystemExit("The demo did not start: try `make run`.")


def open_page(browser: Browser, url: str, size: tuple[int, int], scheme: str, *, scale: float = 1) -> Page:
    """Return a page in its own browser context, at the login form."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=scale,
        has_touch=size == PHONE,
        is_mobile=size == PHONE,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_role("heading", name="Sign in", exact=True).wait_for()
    return page


def sign_in(page: Page) -> None:
    """Sign in as the lesson's user and wait for the tasks."""
    page.get_by_role("button", name="Use this user").click()
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("listitem").filter(has_text="Mark this task as done").wait_for()


def show(page: Page, view: str) -> None:
    """Go to one of the views and wait until its requests are done."""
    page.evaluate("view => { location.hash = view }", view)
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)


def shoot(page: Page, path: Path, *, whole: bool = False, clip: FloatRect | None = None) -> None:
    """Write a screenshot of the window, of a part of it, or of the *whole* page."""
    page.wait_for_timeout(150)
    page.screenshot(path=path, full_page=whole, clip=clip)
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


def for_the_documentation(browser: Browser, url: str, out: Path) -> None:
    """Take the four screenshots of README and docs."""
    for size, scheme, name in (
        (DESKTOP, "light", "tasks-desktop-light"),
        (DESKTOP, "dark", "tasks-desktop-dark"),
        (PHONE, "light", "tasks-phone-light"),
    ):
        page = open_page(browser, url, size, scheme)
        sign_in(page)
        if page.get_by_role("checkbox", checked=True).count() == 0:
            page.get_by_role("checkbox").first.click()
            page.wait_for_load_state("networkidle")
        shoot(page, out / f"{name}.png")
        page.context.close()
    page = open_page(browser, url, (1280, 960), "light")
    sign_in(page)
    show(page, "token")
    page.get_by_role("button", name="Show token", exact=True).click()
    page.mouse.move(0, 0)
    # The part of the window below the header and beside the log.
    box = page.get_by_role("main").bounding_box()
    assert box is not None
    edge = 20
    clip = FloatRect(x=box["x"] - edge, y=box["y"] - edge, width=box["width"] + 2 * edge, height=960 - box["y"] + edge)
    shoot(page, out / "token.png", clip=clip)
    page.context.close()
    for picture in out.glob("*.png"):
        if picture.stat().st_size > LIMIT:
            raise SystemExit(f"{picture.name} is larger than {LIMIT} bytes")


def for_the_eye(browser: Browser, url: str, out: Path) -> None:
    """Take every view in both schemes and both sizes, for a review by eye."""
    for scheme in ("light", "dark"):
        for size, device in ((DESKTOP, "desktop"), (PHONE, "phone")):
            page = open_page(browser, url, size, scheme)
            shoot(page, out / f"login-{device}-{scheme}.png", whole=True)
            sign_in(page)
            for view in ("tasks", "token", "sessions", "log"):
                show(page, view)
                shoot(page, out / f"{view}-{device}-{scheme}.png", whole=True)
            page.context.close()


def main() -> None:
    """Write the screenshots of the documentation, or all views into another folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="every view, both schemes, both sizes")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the pictures (default: docs/images)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    # The path that `make browser` has written.
    noted = Path(sys.prefix) / ".browser"
    executable = os.environ.get("SIGNET_CHROMIUM") or (noted.read_text("utf-8").strip() if noted.exists() else None)
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        (for_the_eye if options.all else for_the_documentation)(browser, url, options.out)
        browser.close()


if __name__ == "__main__":
    main()
