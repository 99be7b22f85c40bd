"""The demo of ``make run`` in Chromium: a real server process, a real browser, the steps of a user."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.demo.tasks_demo import (
    LESSON,
    OTHER,
    Demo,
    add,
    go,
    log_of,
    new_user,
    sign_in,
    wait_for_tasks,
    watched,
)
from tests.support.http import request

pytestmark = pytest.mark.browser


# --- Tasks ----------------------------------------------------------------------------------------------


def test_signing_in_shows_the_tasks_and_who_it_is(page: Page) -> None:
    sign_in(page)

    expect(page.get_by_role("checkbox", name="Mark this task as done and watch the requests")).to_be_visible()
    expect(page.get_by_text("alesanchezr", exact=True)).to_be_visible()
    expect(log_of(page).get_by_text("Signed in", exact=True)).to_be_visible()


@pytest.mark.journey
def test_tasks_are_added_ticked_and_deleted_and_outlive_a_reload(page: Page) -> None:
    sign_in(page)
    add(page, "Water the plants")
    page.get_by_role("checkbox", name="Water the plants").click()
    expect(page.get_by_role("checkbox", name="Water the plants")).to_be_checked()

    page.reload()

    expect(page.get_by_role("checkbox", name="Water the plants")).to_be_checked()
    page.get_by_role("button", name="Delete Water the plants").click()
    expect(page.get_by_role("checkbox", name="Water the plants")).to_have_count(0)


def test_an_empty_task_is_refused_with_a_message(page: Page) -> None:
    sign_in(page)
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_role("alert").filter(has_text="Enter a title.")).to_be_visible()
    expect(page.get_by_label("New task")).to_be_focused()


def test_another_user_sees_only_their_own_tasks(page: Page, browser: Browser, demo: Demo) -> None:
    sign_in(page)
    add(page, "Only for alesanchezr")
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(demo.url)
        sign_in(other, *OTHER)

        expect(other.get_by_text("No tasks.")).to_be_visible()
        add(other, "Only for beatriz")
    page.reload()

    expect(page.get_by_role("checkbox", name="Only for alesanchezr")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Only for beatriz")).to_have_count(0)


def test_a_task_of_another_user_does_not_exist_for_the_api(demo: Demo) -> None:
    def token(user: tuple[str, str]) -> str:
        body = {"username": user[0], "password": user[1]}
        return str(request("POST", f"{demo.url}/token", json_body=body).json["token"])

    mine = request("POST", f"{demo.url}/tasks", json_body={"title": "mine"}, token=token(LESSON)).json["id"]
    stranger = token(OTHER)

    assert request("PATCH", f"{demo.url}/tasks/{mine}", json_body={"done": True}, token=stranger).status == 404
    assert request("DELETE", f"{demo.url}/tasks/{mine}", token=stranger).status == 404


def test_token_and_protected_answer_as_the_lesson_does(demo: Demo) -> None:
    granted = request("POST", f"{demo.url}/token", json_body={"username": LESSON[0], "password": LESSON[1]})
    refused = request("POST", f"{demo.url}/token", json_body={"username": LESSON[0], "password": "wrong"})
    shown = request("GET", f"{demo.url}/protected", token=granted.json["token"])

    assert (granted.status, granted.json["user_id"]) == (200, 1)
    assert (refused.status, refused.json["msg"]) == (401, "Bad username or password")
    assert (shown.status, shown.json) == (200, {"id": 1, "username": "alesanchezr"})
    assert request("GET", f"{demo.url}/protected").status == 401


# --- Signing in and out ---------------------------------------------------------------------------------


def test_a_wrong_password_shows_a_message_and_keeps_the_input(page: Page) -> None:
    page.get_by_label("User name").fill("alesanchezr")
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("alert")).to_have_text("Wrong user name or password.")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("User name")).to_have_value("alesanchezr")


def test_an_unknown_name_is_refused_with_the_same_words(page: Page) -> None:
    page.get_by_label("User name").fill("nobody-of-that-name")
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("alert")).to_have_text("Wrong user name or password.")


# The labels of a button, in order: polling would miss a second on a busy machine.
REMEMBER_WHAT_IT_SAYS = """(button) => {
    globalThis.said = [];
    const look = () => said.at(-1) === button.textContent || said.push(button.textContent);
    new MutationObserver(look).observe(button, { subtree: true, childList: true, characterData: true });
    look();
}"""


def test_too_many_wrong_passwords_are_counted_down_and_then_the_right_one_works(
    page: Page, context: BrowserContext, demo: Demo
) -> None:
    """The page counts down the server's limit; it sends nothing meanwhile, and another tab still works."""
    name, right = new_user(demo)
    page.get_by_role("radio", name="Memory").check(force=True)  # where each tab has a session of its own
    sign_in(page, name, right)
    with watched(context.new_page()) as tab:
        tab.goto(demo.url)
        tab.get_by_label("User name").fill(name)
        password, button = tab.get_by_label("Password", exact=True), tab.locator("button[type=submit]")
        statuses: list[int] = []
        wait = 0
        while wait < 6:  # it begins with one second, and doubles; the tab behind takes a second for each step
            expect(button).to_have_text("Sign in")
            password.fill(f"guess number {len(statuses)}")
            with tab.expect_response("**/token") as answer:
                button.click()
            statuses.append(answer.value.status)
            wait = int(answer.value.headers.get("retry-after", "0"))
            assert (statuses[-1] == 429) == (wait > 0)
            assert len(statuses) <= 12
        button.evaluate(REMEMBER_WHAT_IT_SAYS)

        assert statuses[:5] == [401] * 5
        alert = tab.get_by_role("alert")
        expect(alert).to_contain_text("Too many tries.")
        expect(alert).to_contain_text("Try again in")
        expect(button).to_be_disabled()
        expect(password).to_have_value(f"guess number {len(statuses) - 1}")
        expect(log_of(tab).get_by_text("Refused: rate_limited").first).to_be_visible()
        tab.evaluate("performance.clearResourceTimings()")
        password.fill(right)
        password.press("Enter")

        # The same user, from the same address, at the same time.
        add(page, "Written meanwhile")
        go(page, "Token")
        page.get_by_role("button", name="Refresh the token", exact=True).click()
        expect(log_of(page).get_by_text("Token refreshed")).to_be_visible()
        assert tab.evaluate("said.at(-1)") != "Sign in"

        expect(button).to_have_text("Sign in")
        assert tab.evaluate("said") == [*(f"Wait {seconds} s" for seconds in range(wait, 0, -1)), "Sign in"]
        assert tab.evaluate("performance.getEntriesByType('resource').length") == 0
        expect(alert).not_to_contain_text("Try again in")
        button.click()
        wait_for_tasks(tab)
    go(page, "Tasks")
    expect(page.get_by_role("checkbox", name="Written meanwhile")).to_be_visible()


def test_an_account_is_created_and_shown_to_its_owner(page: Page) -> None:
    """Each error marks its field; the other input is kept."""
    page.get_by_role("button", name="Create an account").click()
    name, mail = page.get_by_label("User name"), page.get_by_label("E-mail (optional)")
    password, make = page.get_by_label("Password", exact=True), page.get_by_role("button", name="Create account")
    name.fill(OTHER[0])
    mail.fill("not an address")
    password.fill("kurz")
    for field, value in ((mail, "carla@example.com"), (password, "a calm green hill"), (name, "carla")):
        make.click()
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.locator("[aria-invalid=true]")).to_have_count(1)
        expect(page.get_by_role("alert")).not_to_be_empty()
        field.fill(value)
    make.click()
    wait_for_tasks(page)
    go(page, "Sessions")

    account = page.get_by_role("region", name="Your account")
    expect(account.locator("dd")).to_have_text(["carla", "carla@example.com", "just now"])


def test_signing_out_reaches_the_other_tab(page: Page, context: BrowserContext, demo: Demo) -> None:
    sign_in(page)
    second = context.new_page()
    second.goto(demo.url)
    expect(second.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    expect(second.get_by_text("You signed out in another tab.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_a_session_that_was_ended_elsewhere_says_so_and_keeps_the_draft(
    page: Page, browser: Browser, demo: Demo
) -> None:
    sign_in(page, *OTHER)
    page.get_by_label("New task").fill("Half a thou")
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(demo.url)
        sign_in(other, *OTHER)
        go(other, "Sessions")
        other.get_by_role("button", name="Sign out all other devices").click()
        other.get_by_role("button", name=re.compile(r"Sign out \d+ other device")).click()
        expect(other.get_by_text("This is your only session.")).to_be_visible()
    page.wait_for_timeout(1100)  # every process knows within a second
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_value(OTHER[0])
    page.get_by_label("Password", exact=True).fill(OTHER[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("New task")).to_have_value("Half a thou")


def test_another_user_does_not_get_the_draft(page: Page) -> None:
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
    expect(page.get_by_text("signed, not encrypted")).to_be_visible()
    expect(token.get_by_text("until it expires")).to_be_visible()
    token.get_by_role("button", name="Show token", exact=True).click()

    expect(token).not_to_contain_text("•••")
    expect(token.locator(".token")).to_have_text(re.compile(r"^Token: eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$"))
    for claim in ("alg", "kid", "sub", "iat", "exp", "jti", "sid"):
        expect(token.locator("dt", has_text=re.compile(f"^{claim}$"))).to_have_count(1)
    expect(token.get_by_text("A claim added by this application.")).to_have_count(0)


@pytest.mark.parametrize(
    ("button", "error"), [("Use an expired token", "token_expired"), ("Use a changed token", "invalid_token")]
)
def test_a_refused_token_is_replaced_and_the_request_sent_again(page: Page, button: str, error: str) -> None:
    sign_in(page)
    go(page, "Token")
    page.get_by_role("button", name=button).click()
    expect(log_of(page).get_by_text("token set")).to_be_visible()
    go(page, "Tasks")
    expect(page.get_by_role("checkbox").first).to_be_visible()
    title = f"After {button}"
    add(page, title)

    expect(log_of(page).get_by_text(f"Refused: {error}").first).to_be_visible()
    expect(log_of(page).get_by_text("Sent again with the new token").first).to_be_visible()
    expect(log_of(page).get_by_text("Token refreshed").first).to_be_visible()
    expect(page.get_by_role("checkbox", name=title)).to_have_count(1)


@pytest.mark.parametrize("mode", ["Cookie", "Local storage"])
def test_the_log_says_that_a_token_came_from_another_tab(
    mode: str, page: Page, context: BrowserContext, demo: Demo
) -> None:
    """One tab refreshes; the other takes its token and sends no request."""
    page.get_by_role("radio", name=mode).check(force=True)
    sign_in(page)
    second = context.new_page()
    second.goto(demo.url)
    wait_for_tasks(second)
    expect(log_of(second).get_by_text("Session found")).to_be_visible()
    second.evaluate("performance.clearResourceTimings()")
    go(page, "Token")
    page.get_by_role("button", name="Refresh the token", exact=True).click()

    expect(log_of(page).get_by_text("Token refreshed")).to_be_visible()
    expect(log_of(page).get_by_text("Token from another tab")).to_have_count(0)
    expect(log_of(second).get_by_text("Token from another tab")).to_be_visible()
    expect(log_of(second).get_by_text("Token refreshed")).to_have_count(0)
    assert second.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)") == []
    # And the other way round, where this tab has refreshed before.
    go(second, "Token")
    second.get_by_role("button", name="Refresh the token", exact=True).click()
    expect(log_of(second).get_by_text("Token refreshed")).to_be_visible()
    expect(log_of(page).get_by_text("Token from another tab")).to_be_visible()
    for tab in (page, second):
        tab.get_by_role("region", name="The access token").get_by_role("button", name="Show token", exact=True).click()
    assert len({tab.locator(".apart .token").inner_text() for tab in (page, second)}) == 1


@pytest.mark.parametrize(("mode", "heading"), [("Cookie", "Tasks"), ("Memory", "Sign in")])
def test_a_second_tab_opens_and_is_signed_in_where_the_storage_is_shared(
    mode: str, heading: str, page: Page, context: BrowserContext
) -> None:
    page.get_by_role("radio", name=mode).check(force=True)
    sign_in(page)
    go(page, "Token")
    with context.expect_page() as opened:
        page.get_by_role("link", name="Open a second tab").click()

    expect(opened.value.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Your access token")).to_be_visible()


def test_the_log_says_what_the_server_did(page: Page) -> None:
    sign_in(page)
    page.wait_for_timeout(1100)
    add(page, "Measured")
    entry = log_of(page).get_by_role("listitem").filter(has_text="POST /tasks").first

    expect(entry).to_contain_text("Signature checked without the database")
    expect(entry).to_contain_text("Tasks: 1 read, 1 write")


def test_a_copied_command_runs_and_hides_the_token_until_asked(page: Page, context: BrowserContext) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page)
    entry = log_of(page).get_by_role("listitem").filter(has_text="GET /tasks").first
    entry.get_by_text("Show curl", exact=True).click()
    expect(entry.get_by_label("Command")).not_to_contain_text("eyJ")
    entry.get_by_role("button", name="Show token").click()
    entry.get_by_role("button", name="Copy GET /tasks as curl").click()
    expect(entry.get_by_text("Copied")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=15, check=True)

    assert ran.stdout.startswith("HTTP/1.1 200")
    assert "Mark this task as done" in ran.stdout


def test_offline_the_user_stays_signed_in(page: Page) -> None:
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
def test_each_storage_says_what_a_script_could_steal_and_keeps_the_tokens_there(
    page: Page, mode: str, carries_on: bool
) -> None:
    page.get_by_role("radio", name=mode).check(force=True)
    expect(page.get_by_text("What could an injected script steal?")).to_be_visible()
    sign_in(page)
    stored = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    page.reload()

    assert ("eyJ" in stored) == (mode in ("Session storage", "Local storage"))
    expect(page.get_by_role("heading", name="Tasks" if carries_on else "Sign in", exact=True)).to_be_visible()


# --- Sessions -------------------------------------------------------------------------------------------


def test_sessions_show_this_one_first_and_end_another(page: Page, browser: Browser, demo: Demo) -> None:
    with browser.new_context(user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Mobile Safari/605") as elsewhere:
        other = elsewhere.new_page()
        other.goto(demo.url)
        sign_in(other)
        sign_in(page)
        go(page, "Sessions")
        rows = page.get_by_role("main").get_by_role("listitem")
        expect(rows.first).to_contain_text("This device")
        phone = rows.filter(has_text="Safari on iPhone")
        expect(phone).to_have_count(1)
        expect(phone.locator("time")).to_have_count(2)
        phone.get_by_role("button", name="End session").click()

        expect(phone).to_have_count(0)
        other.wait_for_timeout(1100)
        go(other, "Sessions")
        expect(other.get_by_text("Your session has ended.")).to_be_visible()


def test_all_other_sessions_end_at_once_and_the_log_says_so(page: Page, browser: Browser, demo: Demo) -> None:
    name, password = new_user(demo)
    with browser.new_context() as one, browser.new_context() as another:
        others = [one.new_page(), another.new_page()]
        for other in others:
            other.goto(demo.url)
            sign_in(other, name, password)
        sign_in(page, name, password)
        go(page, "Sessions")
        rows = page.get_by_role("main").get_by_role("listitem")
        expect(rows).to_have_count(3)
        page.get_by_role("button", name="Sign out all other devices").click()
        page.get_by_role("button", name="Sign out 2 other devices").click()

        expect(rows).to_have_count(1)
        expect(rows.first).to_contain_text("This device")
        expect(log_of(page).get_by_text("DELETE /account/sessions").first).to_be_visible()
        page.wait_for_timeout(1100)
        for other in others:
            go(other, "Sessions")
            expect(other.get_by_text("Your session has ended.")).to_be_visible()
            expect(log_of(other).get_by_text("Session ended").first).to_be_visible()
        expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
