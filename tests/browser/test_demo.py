"""The demo of ``make run`` in Chromium: a real server process, a real browser, what a person does and sees."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from tests.support.http import request
from tests.support.processes import Server

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples" / "tasks"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
LESSON = ("alesanchezr", "12341234")
OTHER = ("beatriz", "quiet river stone")
DESKTOP, PHONE = (1280, 800), (390, 844)

# What page authors forget to escape: in markup, attributes, scripts, addresses, templates, and by direction.
NAUGHTY = (
    "<script>window.ran = 1</script>",
    "<img src=x onerror=window.ran=1>",
    '"><svg onload=window.ran=1>',
    "' onmouseover='window.ran=1",
    "javascript:window.ran=1",
    "</title></textarea><script>window.ran=1</script>",
    "{{constructor.constructor('window.ran=1')()}} ${window.ran=1}",
    "\u202egnp.exe\u202c \u2066<b>\u2069",
    "&lt;script&gt;window.ran=1&lt;/script&gt;",
    "Z\u0351\u036b\u0343a\u0313\u0346l\u030ago \U0001f469\u200d\U0001f4bb \ufdfa",
)
NAUGHTY_NAME = "<img/src=x/onerror=window.ran=1>"

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo with data of its own, open for registration."""
    if not (DEMO / "web" / "dist" / "index.html").is_file():
        pytest.fail("the front end is not built: make test does it", pytrace=False)
    server = Server([sys.executable, str(DEMO / "serve.py")], cwd=ROOT)
    server.env.update(
        HOST="127.0.0.1",
        PORT=str(server.port),
        FRESH="",
        REGISTRATION="1",
        TASKS_INSTANCE=str(tmp_path_factory.mktemp("tasks")),
    )
    try:
        server.start(timeout=60)
        url = f"http://localhost:{server.port}"
        account = {"username": OTHER[0], "password": OTHER[1]}
        assert request("POST", f"{server.url}/account", json_body=account).status == 201
        yield url
    finally:
        server.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Cookies and storage of one person."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, demo: str) -> Iterator[Page]:
    """The login form; the test fails if a page wrote an error or asked for a dialog."""
    page = context.new_page()
    trouble: list[str] = []

    def dialog(shown: Dialog) -> None:
        trouble.append(f"dialog: {shown.message}")
        shown.dismiss()

    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", dialog)
    page.goto(demo)
    yield page

    assert trouble == []


def sign_in(page: Page, username: str = LESSON[0], password: str = LESSON[1]) -> None:
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
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


def log_of(page: Page) -> Any:
    return page.get_by_role("complementary", name="On the wire")


# --- Tasks ----------------------------------------------------------------------------------------------


def test_signing_in_shows_the_tasks_and_who_it_is(page: Page) -> None:
    sign_in(page)

    expect(page.get_by_role("checkbox", name="Tick this task and watch the log")).to_be_visible()
    expect(page.get_by_text("alesanchezr", exact=True)).to_be_visible()
    expect(log_of(page).get_by_text("Signed in", exact=True)).to_be_visible()


def test_tasks_are_added_ticked_and_deleted_and_outlive_a_reload(page: Page) -> None:
    sign_in(page)
    add(page, "Water the plants")
    page.get_by_role("checkbox", name="Water the plants").click()
    expect(page.get_by_role("checkbox", name="Water the plants")).to_be_checked()

    page.reload()

    expect(page.get_by_role("checkbox", name="Water the plants")).to_be_checked()
    page.get_by_role("button", name="Delete Water the plants").click()
    expect(page.get_by_role("checkbox", name="Water the plants")).to_have_count(0)


def test_an_empty_task_is_refused_in_words(page: Page) -> None:
    sign_in(page)
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_role("alert").filter(has_text="Write what is to be done.")).to_be_visible()
    expect(page.get_by_label("New task")).to_be_focused()


def test_another_user_sees_only_their_own_tasks(page: Page, browser: Browser, demo: str) -> None:
    sign_in(page)
    add(page, "Only for alesanchezr")
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(demo)
        sign_in(other, *OTHER)

        expect(other.get_by_text("Nothing to do.")).to_be_visible()
        add(other, "Only for beatriz")
    page.reload()

    expect(page.get_by_role("checkbox", name="Only for alesanchezr")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Only for beatriz")).to_have_count(0)


def test_a_task_of_another_user_does_not_exist_for_the_api(demo: str) -> None:
    def token(user: tuple[str, str]) -> str:
        body = {"username": user[0], "password": user[1]}
        return str(request("POST", f"{demo}/token", json_body=body).json["token"])

    mine = request("POST", f"{demo}/tasks", json_body={"title": "mine"}, token=token(LESSON)).json["id"]
    stranger = token(OTHER)

    assert request("PATCH", f"{demo}/tasks/{mine}", json_body={"done": True}, token=stranger).status == 404
    assert request("DELETE", f"{demo}/tasks/{mine}", token=stranger).status == 404


def test_token_and_protected_answer_as_the_lesson_does(demo: str) -> None:
    granted = request("POST", f"{demo}/token", json_body={"username": LESSON[0], "password": LESSON[1]})
    refused = request("POST", f"{demo}/token", json_body={"username": LESSON[0], "password": "wrong"})
    shown = request("GET", f"{demo}/protected", token=granted.json["token"])

    assert (granted.status, granted.json["user_id"]) == (200, 1)
    assert (refused.status, refused.json["msg"]) == (401, "Bad username or password")
    assert (shown.status, shown.json) == (200, {"id": 1, "username": "alesanchezr"})
    assert request("GET", f"{demo}/protected").status == 401


# --- Signing in and out ---------------------------------------------------------------------------------


def test_a_wrong_password_is_said_and_what_was_typed_is_kept(page: Page) -> None:
    page.get_by_label("User name").fill("alesanchezr")
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("alert")).to_have_text("Bad username or password")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("User name")).to_have_value("alesanchezr")


def test_an_unknown_name_is_refused_with_the_same_words(page: Page) -> None:
    page.get_by_label("User name").fill("nobody-of-that-name")
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("alert")).to_have_text("Bad username or password")


def test_the_login_form_is_one_that_password_managers_know(page: Page) -> None:
    form = page.locator("form")
    expect(form).to_have_attribute("method", "post")
    expect(page.get_by_label("User name")).to_have_attribute("autocomplete", "username")
    expect(page.get_by_label("User name")).to_have_attribute("autocapitalize", "none")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("autocomplete", "current-password")
    toggle = page.get_by_role("button", name="Show the password")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.click()

    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")


def test_the_whole_way_goes_by_keyboard(page: Page) -> None:
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type(LESSON[0])
    page.keyboard.press("Tab")
    page.keyboard.type(LESSON[1])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()
    page.get_by_label("New task").focus()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    box = page.get_by_role("checkbox", name="By keyboard")
    box.focus()
    page.keyboard.press("Space")

    expect(box).to_be_checked()


def test_signing_out_reaches_the_other_tab(page: Page, context: BrowserContext, demo: str) -> None:
    sign_in(page)
    second = context.new_page()
    second.goto(demo)
    expect(second.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    expect(second.get_by_text("You signed out in another tab.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_a_session_that_was_ended_elsewhere_says_so_and_keeps_the_draft(
    page: Page, browser: Browser, demo: str
) -> None:
    sign_in(page, *OTHER)
    page.get_by_label("New task").fill("Half a thou")
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(demo)
        sign_in(other, *OTHER)
        go(other, "Sessions")
        other.get_by_role("button", name="End all others").click()
        other.get_by_role("button", name=re.compile(r"Yes, end \d+")).click()
        expect(other.get_by_text("This is the only one.")).to_be_visible()
    page.wait_for_timeout(1100)  # every process knows within a second
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_text("Your session is over.")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_value(OTHER[0])
    page.get_by_label("Password", exact=True).fill(OTHER[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("New task")).to_have_value("Half a thou")


def test_somebody_else_does_not_get_the_draft(page: Page) -> None:
    sign_in(page)
    page.get_by_label("New task").fill("A secret wish")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, *OTHER)

    expect(page.get_by_label("New task")).to_have_value("")


# --- The token ------------------------------------------------------------------------------------------


def test_the_token_is_masked_until_shown_and_each_claim_is_explained(page: Page) -> None:
    sign_in(page)
    go(page, "Token")
    token = page.get_by_role("region", name="The access token")
    expect(token).to_contain_text("•••")
    expect(page.get_by_text("signed and not encrypted")).to_be_visible()
    expect(token.get_by_text("until it expires")).to_be_visible()
    token.get_by_role("button", name="Show", exact=True).click()

    expect(token).not_to_contain_text("•••")
    expect(token.locator(".token")).to_have_text(re.compile(r"^Token: eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$"))
    for claim in ("alg", "kid", "sub", "iat", "exp", "jti", "sid"):
        expect(token.locator("dt", has_text=re.compile(f"^{claim}$"))).to_have_count(1)
    expect(token.get_by_text("A claim that this application added.")).to_have_count(0)


@pytest.mark.parametrize(("button", "error"), [("Expire now", "token_expired"), ("Corrupt the token", "invalid_token")])
def test_a_refused_token_is_replaced_and_the_request_sent_again(page: Page, button: str, error: str) -> None:
    sign_in(page)
    go(page, "Token")
    page.get_by_role("button", name=button).click()
    expect(log_of(page).get_by_text("on purpose")).to_be_visible()
    go(page, "Tasks")
    expect(page.get_by_role("checkbox").first).to_be_visible()
    title = f"After {button}"
    add(page, title)

    expect(log_of(page).get_by_text(f"Refused: {error}").first).to_be_visible()
    expect(log_of(page).get_by_text("Sent again with the new token").first).to_be_visible()
    expect(log_of(page).get_by_text("Token refreshed").first).to_be_visible()
    expect(page.get_by_role("checkbox", name=title)).to_have_count(1)


def test_the_log_says_what_the_server_did(page: Page) -> None:
    sign_in(page)
    page.wait_for_timeout(1100)
    add(page, "Measured")
    entry = log_of(page).get_by_role("listitem").filter(has_text="POST /tasks").first

    expect(entry).to_contain_text("Signature checked, no database read for it")
    expect(entry).to_contain_text("The tasks themselves: 1 read, 1 write")


def test_a_copied_command_runs_and_hides_the_token_until_asked(page: Page, context: BrowserContext) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page)
    entry = log_of(page).get_by_role("listitem").filter(has_text="GET /tasks").first
    entry.get_by_text("as curl", exact=True).click()
    expect(entry.get_by_label("Command")).not_to_contain_text("eyJ")
    entry.get_by_role("button", name="Show token").click()
    entry.get_by_role("button", name="curl of GET /tasks").click()
    expect(entry.get_by_text("Copied")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=15, check=True)

    assert ran.stdout.startswith("HTTP/1.1 200")
    assert "Tick this task" in ran.stdout


def test_without_a_line_nobody_is_signed_out(page: Page) -> None:
    sign_in(page)
    go(page, "Token")
    page.get_by_role("button", name="Go offline").click()
    go(page, "Tasks")

    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    page.get_by_role("button", name="Go online").click()
    expect(page.get_by_role("checkbox").first).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_have_count(0)


@pytest.mark.parametrize(
    ("mode", "carries_on"),
    [("Cookie", True), ("Memory", False), ("Session storage", True), ("Local storage", True)],
)
def test_each_storage_says_what_a_script_could_take_and_does_what_it_says(
    page: Page, mode: str, carries_on: bool
) -> None:
    page.get_by_role("radio", name=mode).check(force=True)
    expect(page.get_by_text("What could an injected script take?")).to_be_visible()
    sign_in(page)
    stored = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    page.reload()

    assert ("eyJ" in stored) == (mode in ("Session storage", "Local storage"))
    expect(page.get_by_role("heading", name="Tasks" if carries_on else "Sign in", exact=True)).to_be_visible()


# --- Sessions -------------------------------------------------------------------------------------------


def test_sessions_show_this_one_first_and_end_another(page: Page, browser: Browser, demo: str) -> None:
    with browser.new_context(user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Mobile Safari/605") as elsewhere:
        other = elsewhere.new_page()
        other.goto(demo)
        sign_in(other)
        sign_in(page)
        go(page, "Sessions")
        rows = page.get_by_role("main").get_by_role("listitem")
        expect(rows.first).to_contain_text("This one")
        phone = rows.filter(has_text="Safari on iPhone")
        expect(phone).to_have_count(1)
        expect(phone.locator("time")).to_have_count(2)
        phone.get_by_role("button", name="End").click()

        expect(phone).to_have_count(0)
        other.wait_for_timeout(1100)
        go(other, "Sessions")
        expect(other.get_by_text("Your session is over.")).to_be_visible()


# --- Safe and usable by all -----------------------------------------------------------------------------


def test_naughty_names_and_tasks_are_shown_as_text(page: Page, demo: str) -> None:
    account = {"username": NAUGHTY_NAME, "password": "quiet river stone"}
    assert request("POST", f"{demo}/account", json_body=account).status == 201
    token = request("POST", f"{demo}/token", json_body=account).json["token"]
    for title in NAUGHTY:
        assert request("POST", f"{demo}/tasks", json_body={"title": title}, token=token).status == 201
    sign_in(page, NAUGHTY_NAME, "quiet river stone")

    for title in NAUGHTY:
        expect(page.locator(".tasks bdi").filter(has_text=title)).to_have_count(1)
    expect(page.locator(".who")).to_have_text(NAUGHTY_NAME)
    for view in ("Token", "Sessions", "Tasks"):
        go(page, view)
    assert page.evaluate("window.ran") is None
    assert page.locator("main img, main script, main svg[onload]").count() == 0


def test_the_policy_stops_a_script_that_got_in(page: Page) -> None:
    """The canary: without the policy this very script would run."""
    ran = page.evaluate(
        """() => {
            try {
                const script = document.createElement("script");
                script.append("window.ran = 1");
                document.body.append(script);
            } catch {}
            return window.ran ?? null;
        }"""
    )
    policy = page.request.get(page.url).headers["content-security-policy"]

    assert ran is None
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_any_view(browser: Browser, demo: str, scheme: Any, size: tuple[int, int]) -> None:
    with browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto(demo)
        expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
        found = violations(page, "login")
        page.get_by_role("button", name="Sign in", exact=True).click()
        found += violations(page, "login with an error")
        sign_in(page)
        found += violations(page, "tasks")
        for view in ("Token", "Sessions", *(["Log"] if size == PHONE else [])):
            go(page, view)
            page.wait_for_load_state("networkidle")
            found += violations(page, view)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{view} is wider than the window"

    assert found == []


def violations(page: Page, view: str) -> list[str]:
    """What axe finds on the page as it is now."""
    page.evaluate(AXE.read_text())
    result = page.evaluate("axe.run()")
    return [
        f"{view}: {each['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for each in result["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everything_to_press_is_as_large_as_a_finger(browser: Browser, demo: str, size: tuple[int, int]) -> None:
    with browser.new_context(viewport={"width": size[0], "height": size[1]}) as context:
        page = context.new_page()
        page.goto(demo)
        sign_in(page)
        small: list[str] = []
        for view in ("Tasks", "Token", "Sessions"):
            go(page, view)
            page.wait_for_load_state("networkidle")
            small += page.evaluate(
                """() => [...document.querySelectorAll("button, a, label:has(input), summary")]
                    .filter(e => e.checkVisibility() && !e.classList.contains("skip"))
                    .filter(e => { const r = e.getBoundingClientRect(); return r.width < 44 || r.height < 44 })
                    .map(e => e.outerHTML.slice(0, 100))"""
            )

    assert small == []


def test_the_choice_of_colours_has_three_states_and_is_kept(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    page.get_by_role("radio", name="Dark").check(force=True)
    dark = page.evaluate(ground)
    page.reload()

    assert light != dark
    assert page.evaluate(ground) == dark
    page.get_by_role("radio", name="Like the system").check(force=True)
    assert page.evaluate(ground) == light
