"""Accessibility of the demo: keyboard, password managers, screen sizes, colour schemes, axe."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.demo.tasks_demo import DESKTOP, LESSON, PHONE, Demo, go, log_of, sign_in, wait_for_tasks
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def test_the_login_form_is_one_that_password_managers_know(page: Page) -> None:
    form = page.locator("form")
    expect(form).to_have_attribute("method", "post")
    expect(page.get_by_label("User name")).to_have_attribute("autocomplete", "username")
    expect(page.get_by_label("User name")).to_have_attribute("autocapitalize", "none")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("autocomplete", "current-password")
    toggle = page.get_by_role("button", name="Show password")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.click()

    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")


def test_the_form_for_a_new_account_is_one_that_password_managers_know(page: Page) -> None:
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_label("User name")).to_have_attribute("autocomplete", "username")
    expect(page.get_by_label("E-mail (optional)")).to_have_attribute("autocomplete", "email")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("autocomplete", "new-password")

    expect(page.get_by_label("Password", exact=True)).to_have_attribute("minlength", "8")


# --- By keyboard ----------------------------------------------------------------------------------------


def tab_to(wanted: Locator, *, key: str = "Tab") -> None:
    """Press Tab until *wanted* has the focus, and check that the focus is visible."""
    page = wanted.page
    for _ in range(60):
        page.keyboard.press(key)
        if wanted.evaluate("(element) => element === document.activeElement"):
            break
    else:
        raise AssertionError(f"{wanted} is not reached by {key}")
    # Radio buttons and checkboxes show it on the label that stands for them.
    assert wanted.evaluate(
        """(element) => [element, element.closest("label"), ...(element.labels ?? [])].some((each) => {
            const style = each && [each, ...each.children].map((one) => getComputedStyle(one));
            return style && style.some((one) => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) >= 2);
        })"""
    ), f"the focus of {wanted} is not visible"


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_the_whole_way_goes_by_keyboard(page: Page) -> None:
    """From the login to the logout with nothing but Tab, Enter, Space and the arrows; the focus is always seen."""
    press = page.keyboard.press
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    tab_to(page.get_by_role("link", name="Skip to the content"))
    press("Enter")
    press("Tab")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type(LESSON[0])
    tab_to(page.get_by_label("Password", exact=True))
    page.keyboard.type(LESSON[1])
    tab_to(button(page, "Show password"))
    press("Space")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    tab_to(page.get_by_role("radio", name="Cookie"))
    press("ArrowRight")
    expect(page.get_by_role("radio", name="Memory")).to_be_checked()
    tab_to(page.get_by_label("Password", exact=True), key="Shift+Tab")
    press("Enter")
    wait_for_tasks(page)

    # The new view has the focus.
    expect(page.get_by_role("main")).to_be_focused()
    tab_to(page.get_by_label("New task"))
    page.keyboard.type("By keyboard")
    press("Enter")
    box = page.get_by_role("checkbox", name="By keyboard")
    tab_to(box)
    press("Space")
    expect(box).to_be_checked()
    tab_to(button(page, "Delete By keyboard"))
    press("Enter")
    expect(box).to_have_count(0)
    expect(page.get_by_label("New task")).to_be_focused()

    tab_to(page.get_by_role("link", name="Token", exact=True), key="Shift+Tab")
    press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    tab_to(button(page, "Use an expired token"))
    press("Enter")
    expect(log_of(page).get_by_text("Expired token set")).to_be_visible()
    tab_to(button(page, "Go offline"))
    press("Space")
    expect(page.get_by_text("You are offline for this test")).to_be_visible()
    press("Space")
    expect(page.get_by_text("You are offline for this test")).to_have_count(0)

    tab_to(page.get_by_role("link", name="Sessions", exact=True), key="Shift+Tab")
    press("Enter")
    expect(page.get_by_role("region", name="Your account")).to_be_visible()
    entries = page.get_by_role("list", name="Requests and events, newest first")
    tab_to(entries)
    tab_to(button(page, "Sign out").first, key="Shift+Tab")
    press("Enter")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    expect(page.get_by_role("main")).to_be_focused()


# --- For every eye and finger ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_any_view(browser: Browser, demo: Demo, scheme: Any, size: tuple[int, int]) -> None:
    with browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto(demo.url)
        expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
        found = violations(page, "login")
        page.get_by_role("button", name="Sign in", exact=True).click()
        found += violations(page, "login with an error")
        sign_in(page)
        found += violations(page, "tasks")
        for view in ("Token", "Sessions", *(["Requests"] if size == PHONE else [])):
            go(page, view)
            page.wait_for_load_state("networkidle")
            found += violations(page, view)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{view} is wider than the window"
            if view == "Sessions" and size == DESKTOP:
                # The log scrolls by itself.
                assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0

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
def test_everything_to_press_is_as_large_as_a_finger(browser: Browser, demo: Demo, size: tuple[int, int]) -> None:
    with browser.new_context(viewport={"width": size[0], "height": size[1]}) as context:
        page = context.new_page()
        page.goto(demo.url)
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
    page.get_by_role("radio", name="System").check(force=True)
    assert page.evaluate(ground) == light
