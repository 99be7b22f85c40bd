"""The client in real Chromium against a real server: tabs, bad networks, sleep, the back button, wrong clocks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.client_app.app import DIST, USERS
from tests.conftest import ROOT, missing
from tests.support.http import request
from tests.support.processes import Server, wait_until

NODE = Path(__file__).parent / "client_app" / "node.mjs"
MARIA, TOMAS = USERS.items()
SIGNED_IN, SIGNED_OUT = "signed-in", "signed-out"
SHARED = ("cookie", "local")  # the modes in which all tabs have one session
ALL_MODES = ("cookie", "memory", "session", "local")
HOST = "app.test"  # no https and not localhost, so without Web Locks


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A running server, and what the test asks of it beside the browser."""

    server: Server

    def url(self, host: str = "localhost") -> str:
        return f"http://{host}:{self.server.port}/"

    def _tell(self, path: str, **body: Any) -> None:
        reply = request("POST", f"{self.server.url}/test/{path}", json_body=body)
        assert reply.status == 204, self.server.output()

    def reset(self) -> None:
        """Begin as if nothing had happened."""
        self._tell("reset")

    def lifetime(self, seconds: int) -> None:
        """Let access tokens that are made from now on last so long."""
        self._tell("lifetime", seconds=seconds)

    def trick(self, route: str, how: str, **details: Any) -> None:
        """See :class:`tests.browser.client_app.recorder.Trick`."""
        self._tell("trick", route=route, how=how, **details)

    def release(self) -> None:
        """Let go what a trick holds."""
        self._tell("release")

    def log(self, route: str) -> list[dict[str, Any]]:
        """Every request of *route*, in the order in which they came."""
        seen: list[dict[str, Any]] = request("GET", f"{self.server.url}/test/log").json
        return [entry for entry in seen if entry["route"] == route]

    def refreshes(self) -> int:
        return len(self.log("POST /token/refresh"))

    def wait_for(self, route: str, count: int) -> None:
        """Return when *route* was asked *count* times in all."""
        wait_until(lambda: len(self.log(route)) >= count, timeout=10, what=f"{count} × {route}")

    def status_of(self, token: str) -> int:
        """What the guarded route answers to this token."""
        return request("POST", f"{self.server.url}/tasks", body=b"", token=token).status


Serve = Callable[..., App]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[App]]]:
    """Settings as JSON → the servers that were started with them."""
    running: dict[str, list[App]] = {}
    yield running
    for app in (app for apps in running.values() for app in apps):
        app.server.stop()


@pytest.fixture
def serve(running: dict[str, list[App]], tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """A function that gives the application under gunicorn, as good as new; keyword arguments are its settings."""
    if not (DIST / "index.js").exists():
        missing("js/dist is not built: make js/dist/.ready")
    command = [
        *(sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", "32", "--bind", "127.0.0.1:{port}"),
        "tests.browser.client_app.app:create_app()",
    ]
    taken: Counter[str] = Counter()

    def start(**settings: Any) -> App:
        text = json.dumps(settings, sort_keys=True)
        apps = running.setdefault(text, [])
        if len(apps) <= taken[text]:
            env = {"CLIENT_APP": text, "CLIENT_APP_INSTANCE": str(tmp_path_factory.mktemp("app"))}
            apps.append(App(server=Server(command, cwd=ROOT, env=env)))
            apps[-1].server.start(timeout=60)
        app = apps[taken[text]]
        taken[text] += 1
        app.reset()
        return app

    return start


@pytest.fixture(scope="module")
def chromium(browser: Browser) -> Iterator[Browser]:
    """A Chromium with the back/forward cache on, for which the host name ``app.test`` is this machine."""
    from tests.support.browsers import find_chromium

    own = browser.browser_type.launch(
        executable_path=find_chromium(),
        args=["--no-sandbox", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"],
        ignore_default_args=["--disable-back-forward-cache"],
        chromium_sandbox=False,
    )
    yield own
    own.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Cookies and storage of one person."""
    context = chromium.new_context()
    context.set_default_timeout(15_000)
    yield context
    context.close()


def open_tab(context: BrowserContext, url: str, storage: str, *, stopped: bool = False) -> Page:
    """Open a tab whose client has made up its mind."""
    tab = context.new_page()
    tab.goto(f"{url}?storage={storage}{'&stopped' if stopped else ''}")
    tab.wait_for_function("globalThis.isReady")
    return tab


def log_in(tab: Page, user: tuple[str, str] = MARIA) -> None:
    answer = tab.evaluate("([name, password]) => login(name, password)", list(user))
    assert "error" not in answer, answer


def open_tabs(
    context: BrowserContext, url: str, storage: str, *, count: int, stopped: bool = False
) -> tuple[Page, list[Page]]:
    """Open tabs of one session, and give the first and all."""
    first = open_tab(context, url, storage, stopped=stopped)
    log_in(first)
    tabs = [first, *(open_tab(context, url, storage, stopped=stopped) for _ in range(count - 1))]
    for tab in tabs:
        wait_for_status(tab, SIGNED_IN)
    return first, tabs


def status(tab: Page) -> str:
    return str(tab.evaluate("auth.state.status"))


def was_signed_out(tab: Page) -> bool:
    """Tell whether the tab showed a signed-in user and later, however shortly, none."""
    return bool(tab.evaluate("statuses.lastIndexOf('signed-out') > statuses.indexOf('signed-in')"))


def wait_for_status(tab: Page, wanted: str) -> None:
    tab.wait_for_function("(wanted) => auth.state.status === wanted", arg=wanted)


def token(tab: Page, **options: Any) -> Any:
    return tab.evaluate("(options) => token(options)", options)


def send(tab: Page, body: str) -> Any:
    return tab.evaluate("(body) => send(body)", body)


def let_expire(app: App, tab: Page) -> str:
    """Give the session of *tab* an access token, and let its time run out. Tokens made later last."""
    app.lifetime(1)
    old = token(tab, force=True)
    assert isinstance(old, str), old
    app.lifetime(600)
    time.sleep(1.1)  # for the client, which counts from when it came; the server rounds down
    wait_until(lambda: app.status_of(old) == 401, timeout=10, what="the token expires")
    return old


def send_at_once(tabs: list[Page], bodies: list[list[str]]) -> list[Any]:
    """Have every tab send its bodies at the same moment, and give the answers by tab."""
    moment = time.time() * 1000 + 500
    for tab, own in zip(tabs, bodies, strict=True):
        tab.evaluate("([at, bodies]) => sendAt(at, bodies)", [moment, own])
    return [tab.evaluate("results") for tab in tabs]


def wait_for_one_token(tabs: list[Page]) -> str:
    """Return the access token that all tabs have, as soon as they do."""
    found: set[Any] = set()

    def agreed() -> bool:
        found.clear()
        found.update(token(tab) for tab in tabs)
        return len(found) == 1

    wait_until(agreed, timeout=10, what="all tabs have one token", step=0.1)
    return str(found.pop())


def open_sessions(app: App, bearer: str) -> int:
    return len(request("GET", f"{app.server.url}/account/sessions", token=bearer).json)


# --- Many tabs ----------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("storage", SHARED)
def test_six_tabs_with_five_requests_each_make_one_refresh(storage: str, serve: Serve, context: BrowserContext) -> None:
    """All thirty are refused before the refresh is answered; every body arrives again, whole, and is accepted once."""
    app = serve()
    first, tabs = open_tabs(context, app.url(), storage, count=6, stopped=True)
    let_expire(app, first)
    wait_for_one_token(tabs)
    # Beyond a few kB and beyond ASCII: "again and whole" must mean something.
    bodies = [[f"{tab}-{number}-" + "añ→😀" * 2000 for number in range(5)] for tab in range(6)]
    before, earlier = app.refreshes(), len(app.log("POST /tasks"))
    app.trick("POST /token/refresh", "gather", until="POST /tasks", number=earlier + 30)

    answers = send_at_once(tabs, bodies)

    assert [[{"status": 200, "body": body, "user": 1} for body in own] for own in bodies] == answers
    assert app.refreshes() - before == 1
    came = app.log("POST /tasks")[earlier:]
    assert {body: [401, 200] for own in bodies for body in own} == {
        body: [one["status"] for one in came if one["body"] == body] for own in bodies for body in own
    }
    assert len({one["token"] for one in came if one["status"] == 200}) == 1
    assert {SIGNED_IN} == {status(tab) for tab in tabs}
    assert not any(was_signed_out(tab) for tab in tabs)


@pytest.mark.browser
@pytest.mark.parametrize("lost", [False, True], ids=["", "answer lost"])
@pytest.mark.parametrize("storage", SHARED)
def test_without_web_locks_nobody_is_out(storage: str, lost: bool, serve: Serve, context: BrowserContext) -> None:
    """On a plain-http host name the tabs refresh side by side: the server's grace time gives all the same session."""
    app = serve(SIGNET_COOKIE_SECURE=False)
    first, tabs = open_tabs(context, app.url(HOST), storage, count=4)
    assert not first.evaluate("'locks' in navigator")
    let_expire(app, first)
    before = app.refreshes()
    if lost:
        app.trick("POST /token/refresh", "lose")
    # Three refreshes are at the server before the first is answered.
    app.trick("POST /token/refresh", "gather", until="POST /token/refresh", number=before + 3, times=3)

    answers = send_at_once(tabs, [[f"{tab}-{number}" for number in range(5)] for tab in range(4)])

    assert app.refreshes() - before >= 3
    flat = [answer for own in answers for answer in own]
    if lost:
        # One tab heard nothing: its requests fail as without a network, unless another tab helped in time.
        assert {"NetworkError"} >= {answer["error"] for answer in flat if "error" in answer}
        assert any(one["status"] is None for one in app.log("POST /token/refresh"))
    else:
        assert {200} == {answer["status"] for answer in flat}
    time.sleep(2.5)  # what failed is not tried again for two seconds
    for tab in tabs:
        assert send(tab, "after")["status"] == 200
    assert open_sessions(app, wait_for_one_token(tabs)) == 1
    assert {SIGNED_IN} == {status(tab) for tab in tabs}
    assert not any(was_signed_out(tab) for tab in tabs)

    # And the server accepts what they have now.
    let_expire(app, tabs[-1])
    for tab in tabs:
        assert send(tab, "later")["status"] == 200


@pytest.mark.browser
@pytest.mark.parametrize("storage", SHARED)
def test_a_lost_answer_signs_nobody_out(storage: str, serve: Serve, context: BrowserContext) -> None:
    """The server rotated, and no client got the answer: the same old token is sent again and works."""
    app = serve()
    first, tabs = open_tabs(context, app.url(), storage, count=2)
    let_expire(app, first)
    app.trick("POST /token/refresh", "lose")

    failed = send(first, "one")
    time.sleep(2.5)

    assert failed["error"] == "NetworkError"
    assert [send(tab, "two")["status"] for tab in tabs] == [200, 200]
    assert open_sessions(app, wait_for_one_token(tabs)) == 1


# --- A laptop's life -------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("storage", SHARED)
def test_a_laptop_that_slept_goes_on(storage: str, serve: Serve, context: BrowserContext) -> None:
    """Frozen while its token ran out: no request, one refresh after waking, and the user need not sign in."""
    app = serve()
    tab = open_tab(context, app.url(), storage)
    log_in(tab)
    app.lifetime(1)
    token(tab, force=True)
    app.lifetime(600)
    before = app.refreshes()
    control = context.new_cdp_session(tab)
    control.send("Page.setWebLifecycleState", {"state": "frozen"})
    time.sleep(3)
    assert app.refreshes() == before
    control.send("Page.setWebLifecycleState", {"state": "active"})

    assert send(tab, "good morning")["status"] == 200
    assert app.refreshes() == before + 1
    assert not was_signed_out(tab)


@pytest.mark.browser
@pytest.mark.parametrize("storage", SHARED)
def test_a_tab_that_slept_hears_of_the_logout(storage: str, serve: Serve, context: BrowserContext) -> None:
    app = serve()
    first, (_, sleeper) = open_tabs(context, app.url(), storage, count=2)
    control = context.new_cdp_session(sleeper)
    control.send("Page.setWebLifecycleState", {"state": "frozen"})
    first.evaluate("auth.logout()")
    control.send("Page.setWebLifecycleState", {"state": "active"})

    wait_for_status(sleeper, SIGNED_OUT)
    assert token(sleeper) is None


@pytest.mark.browser
@pytest.mark.parametrize("storage", SHARED)
def test_the_back_button_brings_a_working_page(storage: str, serve: Serve, context: BrowserContext) -> None:
    """The page comes out of the back/forward cache as it was, with a token that ran out meanwhile."""
    app = serve()
    tab = open_tab(context, app.url(), storage)
    log_in(tab)
    app.lifetime(1)
    token(tab, force=True)
    app.lifetime(600)
    tab.goto(app.url() + "elsewhere")
    time.sleep(2.5)

    tab.evaluate("setTimeout(() => history.back())")
    tab.wait_for_function("globalThis.isReady && restoredTimes() === 1")

    assert send(tab, "back")["status"] == 200
    assert status(tab) == SIGNED_IN


@pytest.mark.browser
@pytest.mark.parametrize("secure", [True, False], ids=["localhost", "plain http"])
@pytest.mark.parametrize("storage", SHARED)
def test_the_back_button_brings_nobody_back(storage: str, secure: bool, serve: Serve, context: BrowserContext) -> None:
    """A page in the back/forward cache, a logout in another tab: who presses "back" sees nothing of the user's."""
    app = serve(SIGNET_COOKIE_SECURE=False if not secure else None)
    url = app.url() if secure else app.url(HOST)
    first, (_, tab) = open_tabs(context, url, storage, count=2)
    bearer = token(tab)
    tab.goto(url + "elsewhere")
    first.evaluate("auth.logout()")

    tab.evaluate("setTimeout(() => history.back())")
    tab.wait_for_function("globalThis.isReady")

    wait_for_status(tab, SIGNED_OUT)
    assert token(tab) is None
    assert app.status_of(bearer) == 401


@pytest.mark.browser
@pytest.mark.parametrize("storage", SHARED)
def test_offline_and_back(storage: str, serve: Serve, context: BrowserContext) -> None:
    """Without a network requests fail, but the user stays; with it they work, at once."""
    app = serve()
    tab = open_tab(context, app.url(), storage)
    log_in(tab)
    let_expire(app, tab)
    context.set_offline(True)

    offline = send(tab, "one")

    assert (offline["error"], offline["code"]) == ("NetworkError", "offline")
    assert status(tab) == SIGNED_IN

    context.set_offline(False)

    assert send(tab, "two")["status"] == 200
    assert not was_signed_out(tab)


@pytest.mark.browser
def test_a_logout_without_a_network_is_made_good(serve: Serve, context: BrowserContext) -> None:
    """Offline the server cannot hear it: here the user is out at once, there as soon as the network is back."""
    app = serve()
    tab = open_tab(context, app.url(), "cookie")
    log_in(tab)
    bearer = token(tab)
    context.set_offline(True)
    tab.evaluate("auth.logout()")

    assert status(tab) == SIGNED_OUT
    assert app.status_of(bearer) == 200

    context.set_offline(False)
    wait_until(lambda: app.status_of(bearer) == 401, timeout=10, what="the server hears of the logout")
    tab.reload()
    tab.wait_for_function("globalThis.isReady")
    assert status(tab) == SIGNED_OUT


@pytest.mark.browser
@pytest.mark.parametrize("minutes", [10, -10])
@pytest.mark.parametrize("storage", SHARED)
def test_a_clock_that_is_ten_minutes_wrong_does_not_matter(
    storage: str, minutes: int, serve: Serve, context: BrowserContext
) -> None:
    """No refresh too many, none too late: the time of receipt counts, not what the server's clock says."""
    context.add_init_script(f"const right = Date.now; Date.now = () => right() + {minutes * 60_000};")
    app = serve()
    tab = open_tab(context, app.url(), storage)
    log_in(tab)
    before = app.refreshes()

    assert [send(tab, str(number))["status"] for number in range(5)] == [200] * 5
    assert app.refreshes() == before

    let_expire(app, tab)
    before = app.refreshes()

    assert [send(tab, str(number))["status"] for number in range(5)] == [200] * 5
    assert app.refreshes() == before + 1


@pytest.mark.browser
@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_that_is_set_while_signed_in_does_not_matter(
    minutes: int, serve: Serve, context: BrowserContext
) -> None:
    """At worst the token is renewed once before its time, or the server's 401 says that it is over."""
    context.add_init_script("globalThis.skew = 0; const right = Date.now; Date.now = () => right() + globalThis.skew;")
    app = serve()
    tab = open_tab(context, app.url(), "cookie")
    log_in(tab)
    let_expire(app, tab)
    before = app.refreshes()
    tab.evaluate("(skew) => { globalThis.skew = skew }", minutes * 60_000)

    assert [send(tab, str(number))["status"] for number in range(5)] == [200] * 5
    assert app.refreshes() == before + 1


# --- Users -----------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("storage", SHARED)
def test_two_users_one_after_the_other(storage: str, serve: Serve, context: BrowserContext) -> None:
    """When the second signs in in one tab, the other tab is theirs too; nothing of the first is sent as the second."""
    app = serve()
    first, (_, other) = open_tabs(context, app.url(), storage, count=2, stopped=True)
    old = let_expire(app, first)
    wait_for_one_token([first, other])
    app.trick("POST /tasks", "hold")
    before = len(app.log("POST /tasks"))
    # Maria's request is refused, but she does not hear of it before Tomás has signed in.
    other.evaluate("() => { globalThis.hers = send('a letter of Maria') }")
    app.wait_for("POST /tasks", before + 1)
    first.evaluate("auth.logout()")
    wait_for_status(other, SIGNED_OUT)
    log_in(first, TOMAS)
    other.wait_for_function("auth.user && auth.user.id === 2")
    app.release()

    assert other.evaluate("hers")["status"] == 401
    assert [f"Bearer {old}"] == [one["token"] for one in app.log("POST /tasks") if one["body"] == "a letter of Maria"]
    assert [send(tab, "by Tomás")["user"] for tab in (first, other)] == [2, 2]


@pytest.mark.browser
@pytest.mark.parametrize("storage", ALL_MODES)
def test_a_logout_ends_all_tabs(storage: str, serve: Serve, context: BrowserContext) -> None:
    """Out everywhere, at the server too, and nothing is left in storages and cookies."""
    app = serve()
    tabs = [open_tab(context, app.url(), storage) for _ in range(3)]
    for tab in tabs if storage in ("memory", "session") else tabs[:1]:
        log_in(tab)
    for tab in tabs:
        wait_for_status(tab, SIGNED_IN)
    bearers = {token(tab) for tab in tabs}
    tabs[1].evaluate("auth.logout()")

    for tab in tabs:
        wait_for_status(tab, SIGNED_OUT)
        assert tab.evaluate("localStorage.getItem('signet') ?? sessionStorage.getItem('signet')") is None
    wait_until(lambda: {app.status_of(one) for one in bearers} == {401}, timeout=10, what="every session ends")
    assert [] == context.cookies()
    # Each session is ended once, however many tabs hear of it.
    assert len(app.log("DELETE /token")) == len(bearers) == (1 if storage in SHARED else 3)
    tabs[0].reload()
    tabs[0].wait_for_function("globalThis.isReady")
    assert status(tabs[0]) == SIGNED_OUT


@pytest.mark.browser
@pytest.mark.parametrize("storage", ALL_MODES)
def test_a_refresh_that_comes_after_the_logout_is_thrown_away(
    storage: str, serve: Serve, context: BrowserContext
) -> None:
    app = serve()
    tab = open_tab(context, app.url(), storage)
    log_in(tab)
    before = app.refreshes()
    app.trick("POST /token/refresh", "hold")
    tab.evaluate("() => { globalThis.late = token({ force: true }) }")
    app.wait_for("POST /token/refresh", before + 1)
    tab.evaluate("auth.logout()")
    app.release()

    assert tab.evaluate("late") is None
    assert status(tab) == SIGNED_OUT
    assert tab.evaluate("localStorage.getItem('signet') ?? sessionStorage.getItem('signet')") is None
    tab.reload()
    tab.wait_for_function("globalThis.isReady")
    assert status(tab) == SIGNED_OUT


# --- A failing server, an unusable storage ------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize(
    ("answer", "error"),
    [(429, "RateLimitError"), (500, "NetworkError"), (502, "NetworkError"), (503, "NetworkError")],
)
@pytest.mark.parametrize("storage", SHARED)
def test_a_server_in_trouble_signs_nobody_out(
    storage: str, answer: int, error: str, serve: Serve, context: BrowserContext
) -> None:
    """The session stays; the client sends nothing for as long as the server said, and then continues."""
    app = serve()
    first, tabs = open_tabs(context, app.url(), storage, count=2)
    let_expire(app, first)
    app.trick("POST /token/refresh", "status", status=answer, retry_after="3")
    before = app.refreshes()

    failed = [send(first, str(number))["error"] for number in range(3)]

    assert [error] * 3 == failed
    assert app.refreshes() == before + 1
    assert {SIGNED_IN} == {status(tab) for tab in tabs}

    time.sleep(3.2)

    assert [send(tab, "after")["status"] for tab in tabs] == [200, 200]
    assert not any(was_signed_out(tab) for tab in tabs)


@pytest.mark.browser
def test_only_the_servers_word_signs_out(serve: Serve, context: BrowserContext) -> None:
    """The counterpart of the tests above: a session that was ended elsewhere is over here, with its reason."""
    app = serve()
    tab = open_tab(context, app.url(), "cookie")
    log_in(tab)
    bearer = token(tab)
    assert request("DELETE", f"{app.server.url}/token", token=bearer).status == 204

    assert send(tab, "one")["status"] == 401
    assert tab.evaluate("[auth.state.status, auth.state.error.name]") == [SIGNED_OUT, "SessionExpiredError"]


FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') };"
FORBIDDEN = """
for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(globalThis, name, { get() { throw new DOMException("no", "SecurityError") } });
"""


@pytest.mark.browser
@pytest.mark.parametrize("trouble", [FULL, FORBIDDEN], ids=["full", "forbidden"])
@pytest.mark.parametrize("storage", ["cookie", "session", "local"])
def test_a_storage_that_is_full_or_forbidden(storage: str, trouble: str, serve: Serve, context: BrowserContext) -> None:
    """The page works as long as it is open: login, request, refresh, logout."""
    context.add_init_script(trouble)
    app = serve()
    tab = open_tab(context, app.url(), storage)
    log_in(tab)

    assert send(tab, "one")["status"] == 200

    let_expire(app, tab)
    before = app.refreshes()

    assert send(tab, "two")["status"] == 200
    assert app.refreshes() == before + 1

    bearer = token(tab)
    tab.evaluate("auth.logout()")

    assert status(tab) == SIGNED_OUT
    assert app.status_of(bearer) == 401


# --- Where the token goes ------------------------------------------------------------------------------------


@pytest.mark.browser
def test_the_token_goes_to_its_own_origin_only(serve: Serve, context: BrowserContext) -> None:
    """Another port, another host name, and a redirect to another origin: none of them sees the token."""
    app, foreign = serve(), serve()
    tab = open_tab(context, app.url(), "local")
    log_in(tab)
    asked = """(url) => auth.fetch(url, { method: "GET" }).then((answer) => answer.status, (error) => error.name)"""
    for target in (foreign.url() + "account", foreign.url("127.0.0.1") + "account"):
        # Refused by the browser for want of CORS, after it was sent: what came is what counts.
        assert tab.evaluate(asked, target) == "TypeError"
    assert tab.evaluate(asked, f"away?to={foreign.url()}account") == "TypeError"

    assert [None] * 3 == [one["token"] for one in foreign.log("GET /account")]
    # With the header the browser would have asked first whether it may send it.
    assert [] == foreign.log("OPTIONS /account")
    assert tab.evaluate(asked, "account") == 200


# --- Without a browser ------------------------------------------------------------------------------------------


def test_the_same_client_in_node(serve: Serve) -> None:
    """Two users in one process do not mix, five requests make one refresh, and the process ends by itself."""
    node = shutil.which("node")
    if node is None:
        missing("no Node: see CONTRIBUTING.md")
    app = serve()
    command = [str(node), str(NODE), (DIST / "index.js").as_uri(), app.server.url + "/"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "before": SIGNED_OUT,
        "wrong": "InvalidCredentialsError",
        "logins": [{"id": 1}, {"id": 2}],
        "answers": [{"user": 1, "body": "one"}, {"user": 2, "body": "two"}],
        "expired": ["a", "b", "c", "d", "e"],
        "after": [SIGNED_OUT, SIGNED_IN],
    }
    assert app.refreshes() == 2  # the one that made a short token, and the one for all five
    assert Counter({401: 5, 200: 7}) == Counter(one["status"] for one in app.log("POST /tasks"))
