"""What the documentation shows of the front end has the right types, and runs against a real server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.docs.markdown import DOCS, README, ROOT, Block, blocks
from tests.support.http import request
from tests.support.processes import Server

PACKAGES = ROOT / "node_modules"
FRONT_END = DOCS / "front-end.md"
PAGES = [README, ROOT / "js" / "README.md", *sorted(DOCS.glob("*.md"))]
LANGUAGES = ("js", "jsx", "ts", "tsx")

# As strict as TypeScript is. Only the parameters of plain JavaScript need no type.
OPTIONS = {
    "target": "es2022",
    "lib": ["es2023", "dom", "dom.iterable"],
    "module": "esnext",
    "moduleResolution": "bundler",
    "jsx": "react-jsx",
    "strict": True,
    "noImplicitAny": False,
    "useUnknownInCatchVariables": False,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "noImplicitOverride": True,
    "noFallthroughCasesInSwitch": True,
    "skipLibCheck": True,
    "noEmit": True,
    "types": [],
}
# Where plain JavaScript says less than TypeScript asks for: nothing that the reader of the page must correct.
TOLERATED = {
    ("docs-before-and-after/before/AppContext.tsx", "TS2322"): "what is in a context that begins with null",
    ("docs-before-and-after/before/Tasks.tsx", "TS2339"): "the same",
    ("docs-front-end/block-10.ts", "TS18047"): "that an answer has a body",
    ("docs-react-in-five-minutes/src/main.tsx", "TS2345"): "that the page has an element with this id",
    ("docs-react-in-five-minutes/src/App.tsx", "TS2345"): "that a form has this field, and that it is text",
    ("docs-react-in-five-minutes/src/App.tsx", "TS18046"): "what a route answers",
    ("docs-moving/src/App.tsx", "TS18046"): "what a route answers",
    ("README/src/App.tsx", "TS2345"): "that a form has this field, and that it is text",
    ("README/src/App.tsx", "TS18047"): "that somebody is signed in within RequireAuth",
}
# What a page has introduced in words or in an earlier block.
KNOWN = """
declare const auth: import("flask-signet").SignetClient;
declare const username: string, password: string, current: string;
declare const show: (text: string) => void;
declare const vault: { read(name: string): Promise<string | null>; write(name: string, text: string | null): void };
declare const Login: () => null, Spinner: () => null, Tasks: () => null;
declare module "socket.io-client" {
  interface Socket { on(event: "disconnect", listener: (reason: string) => void): void; connect(): void }
  type Auth = (send: (data: object) => void) => void;
  export function io(options: { auth: Auth }): Socket;
}
"""
# The file that "React in five minutes" makes, for the pages that import it.
AUTH_FILE = 'import { createClient } from "flask-signet";\nexport const auth = createClient();\n'


def front_end_blocks(page: Path) -> list[Block]:
    """Return the blocks in the order of the page."""
    found = [block for language in LANGUAGES for block in blocks(page, language)]
    return sorted(found, key=lambda block: block.line)


def file_of(block: Block, number: int) -> str:
    """Where the block goes: the file that its first line names, else one of its own."""
    named = re.match(r"// (\S+)\.jsx?\n", block.text)
    name = named[1] if named else f"block-{number}"
    page = "-".join(block.page.relative_to(ROOT).with_suffix("").parts)
    return f"{page}/{name}.{'tsx' if 'jsx' in block.language else 'ts'}"


def all_files() -> dict[str, str]:
    """Return every block of every page: file → text."""
    numbered = [(block, number) for page in PAGES for number, block in enumerate(front_end_blocks(page), 1)]
    files = {file_of(block, number): block.text for block, number in numbered}
    assert len(files) == len(numbered) > 20
    return files


def check_types(files: dict[str, str], node: str, folder: Path) -> list[tuple[str, str, str]]:
    """Return what TypeScript says of the files (path → text): file, code, words."""
    (folder / "node_modules").symlink_to(PACKAGES)
    (folder / "known.d.ts").write_text(KNOWN, "utf-8")
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["**/*"]}), "utf-8")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # A block without an import is a module too, so that its names are its own.
        (folder / name).write_text(f"{text}\nexport {{}};\n", "utf-8")
    done = subprocess.run(
        [node, str(PACKAGES / "typescript" / "bin" / "tsc"), "--project", ".", "--pretty", "false"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    found = re.findall(r"^(\S+)\(\d+,\d+\): error (TS\d+): (.*)$", done.stdout, re.MULTILINE)
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return found


def test_every_block_has_the_right_types(node: str, tmp_path: Path) -> None:
    files = {"docs-websockets/auth.ts": AUTH_FILE, **all_files()}
    found = check_types(files, node, tmp_path)

    assert [] == [error for error in found if error[:2] not in TOLERATED]
    assert set(TOLERATED) == {error[:2] for error in found}


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("await auth.login(username);", "TS2554"),
        ("import { createClients } from 'flask-signet';", "TS2724"),
        ("auth.fetch('x').then((answer) => answer.jason());", "TS2551"),
    ],
)
def test_a_wrong_block_is_noticed(script: str, code: str, node: str, tmp_path: Path) -> None:
    assert [code] == [found for _, found, _ in check_types({"page/wrong.ts": script}, node, tmp_path)]


# --- In Chromium, against a real server ---------------------------------------------------------------------

USERNAME, PASSWORD = "alesanchezr", "12341234"
ADDED = f"""
import datetime
from flask import request

app.config["SIGNET_REGISTRATION"] = True
with app.app_context():
    signet.users.create({USERNAME!r}, {PASSWORD!r}, check_password=False)


@app.post("/tasks")
@jwt_required()
def tasks():
    return {{"task": request.get_json()["task"]}}


@app.get("/events")
@jwt_required()
def events():
    return (f"data: {{number}}\\n\\n" for number in range(3)), {{"Content-Type": "text/event-stream"}}


@app.post("/lifetime")
def lifetime():
    app.config["JWT_ACCESS_TOKEN_EXPIRES"] = datetime.timedelta(seconds=request.get_json())
    return "", 204


@app.get("/try")
@app.get("/script.js")
def front():
    from flask import send_from_directory
    return send_from_directory(app.root_path, "try.html" if request.path == "/try" else "script.js")
"""
HTML = """<!doctype html>
<title>Try</title>
<link rel="icon" href="data:,">
<div id="root"></div>
<script type="module" src="/script.js"></script>
"""

LIFETIME = """
const lifetime = (seconds) => fetch("/lifetime", {
  method: "POST", headers: { "Content-Type": "application/json" }, body: String(seconds),
});
"""
SIGNED_IN = f"""
import {{ createClient }} from "flask-signet";
const auth = createClient({{ leewayMs: 0 }}, {{ now: () => 0 }});
await auth.login({USERNAME!r}, {PASSWORD!r});
"""
# Five requests with a token whose time is over, then one without any.
FIVE = (
    LIFETIME
    + """
await lifetime(1);
await auth.token({ force: true });
await lifetime(600);
await new Promise((done) => setTimeout(done, 2100));
const tasks = await Promise.all([1, 2, 3, 4, 5].map(async (task) => (await api.post("tasks", { task })).data.task));
const renewed = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/token/refresh")).length;
await auth.logout();
const refused = await api.post("tasks", { task: 6 }).catch((error) => error.response.status);
globalThis.result = { tasks, renewed, refused };
"""
)
FIVE_SEEN = {"tasks": [1, 2, 3, 4, 5], "renewed": 2, "refused": 401}  # one made the short token

# Block → what stands before and after it, and what comes out.
RUNS: dict[str, tuple[str, str, Any]] = {
    "docs-front-end/block-1.ts": ("", "globalThis.result = me;", {"id": 1, "username": USERNAME}),
    "docs-front-end/block-2.ts": (
        "",
        f"globalThis.result = (await auth.login({USERNAME!r}, {PASSWORD!r})).id;",
        1,
    ),
    # A token that older code left there.
    "docs-front-end/block-3.ts": (
        f"""
        const body = JSON.stringify({{ username: {USERNAME!r}, password: {PASSWORD!r} }});
        const headers = {{ "Content-Type": "application/json" }};
        const {{ token }} = await (await fetch("/token", {{ method: "POST", headers, body }})).json();
        localStorage.setItem("jwt-token", token);
        """,
        """
        const me = await (await auth.fetch("protected")).json();
        globalThis.result = [me.username, localStorage.getItem("jwt-token") === token];
        """,
        [USERNAME, True],
    ),
    "docs-front-end/block-4.ts": (
        """
        const kept = new Map();
        const vault = { read: async (name) => kept.get(name), write: async (name, text) => void kept.set(name, text) };
        """,
        f"""
        await auth.login({USERNAME!r}, {PASSWORD!r});
        const inside = kept.get("session").includes(await auth.token());
        await auth.logout();
        globalThis.result = [inside, kept.get("session")];
        """,
        [True, None],
    ),
    "docs-front-end/block-5.ts": (
        """
        import { createClient } from "flask-signet";
        const auth = createClient();
        const [username, password] = ["nobody", "a guess"];
        const shown = [];
        const show = (text) => shown.push(text);
        """,
        "globalThis.result = shown;",
        ["Usuario o contraseña incorrectos."],
    ),
    "docs-front-end/block-6.ts": (
        """
        import { createClient } from "flask-signet";
        const asked = [];
        const send = (url, init) => (asked.push(`${init.method} ${new URL(url).pathname}`), fetch(url, init));
        const auth = createClient({ storage: "memory" }, { fetch: send });
        const other = createClient({ storage: "session" });
        const [current, username, password] = ["a long sentence", "carla", "another sentence"];
        await register(auth, { username: "berta", password: current });
        await auth.login("berta", current);
        const shown = [];
        const console = { log: (...given) => shown.push(given.length) };
        """,
        """
        const berta = await other.login("berta", password);
        globalThis.result = [shown, asked.at(-1), (await other.login("carla", password)).id - berta.id];
        """,
        [[2], "DELETE /account/sessions", 1],
    ),
    "docs-front-end/block-7.ts": (SIGNED_IN, FIVE, FIVE_SEEN),
    "docs-front-end/block-8.ts": (SIGNED_IN, FIVE, FIVE_SEEN),
    # A server on loopback that Playwright stands for: see the fixture.
    "docs-front-end/block-9.ts": (
        SIGNED_IN + "const seen = []; const show = (text) => seen.push(text);",
        """
        while (seen.length < 2) await new Promise((done) => setTimeout(done, 50));
        globalThis.result = seen;
        """,
        ["200", "200"],
    ),
    "docs-front-end/block-10.ts": (
        LIFETIME
        + SIGNED_IN
        + """
        let text = "";
        const show = (part) => (text += part);
        await lifetime(1);
        await auth.token({ force: true });
        await lifetime(600);
        await new Promise((done) => setTimeout(done, 2100));
        """,
        "globalThis.result = [response.status, text];",
        [200, "data: 0\n\ndata: 1\n\ndata: 2\n\n"],
    ),
    "docs-front-end/block-11.tsx": (
        """
        import { createClient } from "flask-signet";
        import { sessionHint } from "flask-signet/hint";
        import { createRoot } from "react-dom/client";
        import { flushSync } from "react-dom";
        const [Login, Spinner, Tasks] = ["please log in", "one moment", "tasks"].map((text) => () => text);
        """,
        f"""
        const seen = [];
        const first = (hint, auth) => {{
          const place = document.createElement("div");
          flushSync(() => createRoot(place).render(<App auth={{auth}} hint={{hint}} />));
          seen.push([document.cookie, place.textContent]);
          return place;
        }};
        first(sessionHint(), createClient());
        const auth = createClient();
        await auth.login({USERNAME!r}, {PASSWORD!r});
        const other = createClient();
        const place = first(sessionHint(), other);
        await other.ready();
        await new Promise((done) => setTimeout(done));
        seen.push(place.textContent);
        await auth.logout();
        first(sessionHint(), createClient());
        globalThis.result = seen;
        """,
        [["", "please log in"], ["signet_hint=1", "one moment"], "tasks", ["", "please log in"]],
    ),
    "docs-websockets/block-2.ts": (
        """
        let heard;
        const said = new Promise((done) => (heard = done));
        const Native = globalThis.WebSocket;
        const WebSocket = class extends Native {
          constructor(...given) { super(...given); this.addEventListener("message", ({ data }) => heard(data)); }
        };
        """,
        "globalThis.result = await said;",
        "200",
    ),
    "js-README/block-1.ts": (
        "",
        "globalThis.result = [me.username, auth.state.status];",
        [USERNAME, "signed-out"],
    ),
    "docs-it-does-not-work/block-2.ts": (
        f"""
        const [username, password] = [{USERNAME!r}, {PASSWORD!r}];
        let status;
        const fetch = async (...given) => ({{ status }} = await globalThis.fetch(...given));
        """,
        "globalThis.result = status;",
        200,
    ),
}
# These have tests of their own, below or elsewhere.
SHOWN_ELSEWHERE = (
    "docs-before-and-after/",
    "docs-react-in-five-minutes/",
    "docs-moving/",
    "docs-cors/",
    "README/",
)
# A piece of a page; and one for a package that this workspace does not have.
PIECES = {"js-README/block-2.tsx", "docs-it-does-not-work/block-1.tsx", "docs-websockets/block-1.ts"}

Open = Callable[..., None]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of "React in five minutes", with a user; its folder holds the page that is tried."""
    folder = tmp_path_factory.mktemp("api")
    [app] = blocks(DOCS / "react-in-five-minutes.md", "python")
    (folder / "app.py").write_text(app.text + ADDED, "utf-8")
    (folder / "try.html").write_text(HTML, "utf-8")
    command = [sys.executable, "-m", "flask", "run", "--port", "{port}"]
    server = Server(command, cwd=folder, env={"FLASK_APP": None}).start(timeout=60)
    yield server
    server.stop()


@pytest.fixture
def open_script(api: Server, node: str, page: Page, tmp_path: Path) -> Iterator[Open]:
    """A function that bundles files as an application would, and opens the page that runs the first of them."""
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))

    def open_page(files: dict[str, str]) -> None:
        (tmp_path / "node_modules").symlink_to(PACKAGES)
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        esbuild = [str(PACKAGES / ".bin" / "esbuild"), next(iter(files)), "--bundle", "--format=esm", "--jsx=automatic"]
        options = ["--define:process.env.NODE_ENV='production'", f"--outfile={api.cwd / 'script.js'}"]
        done = subprocess.run([*esbuild, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        page.goto(f"http://localhost:{api.port}/try")

    yield open_page

    assert [] == trouble


def test_every_block_runs_somewhere() -> None:
    rest = {name for name in all_files() if not name.startswith(SHOWN_ELSEWHERE)}

    assert rest == set(RUNS) | PIECES


@pytest.mark.browser
@pytest.mark.parametrize("name", RUNS)
def test_scripts_do_what_the_page_says(name: str, open_script: Open, page: Page, api: Server) -> None:
    before, after, expected = RUNS[name]
    page.route_web_socket(re.compile("/(feed|echo)$"), lambda socket: answer_feed(socket, api))
    # Imports are read first, wherever they stand.
    text = all_files()[name]
    own = {"auth.js": SIGNED_IN.replace("const auth", "export const auth")} if "./auth.js" in text else {}
    open_script({Path(name).name: f"{before}\n{text}\n{after}", **own})
    page.wait_for_function("'result' in globalThis")

    assert expected == page.evaluate("globalThis.result")


def answer_feed(socket: WebSocketRoute, api: Server) -> None:
    """Send what the guarded route answers to the token in the first message, and close, as at the end of the token."""

    def first(message: str | bytes) -> None:
        assert isinstance(message, str)
        socket.send(str(request("GET", f"{api.url}/protected", token=message).status))
        socket.close()

    socket.on_message(first)


TRY_CONTEXT = f"""
import {{ createRoot }} from "react-dom/client";
import {{ AppProvider, useApp }} from "./AppContext.jsx";
import {{ Tasks }} from "./Tasks.jsx";

function Page() {{
  const {{ status, token, login }} = useApp();
  const inside = status ? status === "signed-in" : token !== null;
  return inside ? <Tasks /> : <button onClick={{() => login({USERNAME!r}, {PASSWORD!r})}}>Sign in</button>;
}}
createRoot(document.getElementById("root")).render(<AppProvider><Page /></AppProvider>);
"""


@pytest.mark.browser
@pytest.mark.parametrize("when", ["before", "after"])
def test_before_and_after_show_the_same_until_the_token_expires(
    when: str, open_script: Open, page: Page, api: Server
) -> None:
    """Login, request, reload and logout work in both; then one is signed out, and the other continues."""
    blocks_of_page = [block.text for block in front_end_blocks(DOCS / "before-and-after.md")]
    files = {text.split("\n")[0].removeprefix("// "): text for text in blocks_of_page}
    assert {"before/AppContext.jsx", "before/Tasks.jsx", "after/AppContext.jsx", "after/Tasks.jsx"} == set(files)
    own = {
        name: text.replace("http://localhost:5000", f"http://localhost:{api.port}")
        for name, text in files.items()
        if name.startswith(when)
    }
    open_script({f"{when}/main.jsx": TRY_CONTEXT, **own})
    sign_in = page.get_by_role("button", name="Sign in")
    shown = page.locator("pre").get_by_text(f'"username":"{USERNAME}"')

    sign_in.click()
    expect(shown).to_be_visible()
    page.reload()
    expect(shown).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(sign_in).to_be_visible()

    set_lifetime(api, 4)  # seconds, enough for a busy machine to show what the token opens
    sign_in.click()
    expect(shown).to_be_visible()
    set_lifetime(api, 600)
    page.wait_for_timeout(5100)
    page.reload()
    expect(sign_in if when == "before" else shown).to_be_visible()


def set_lifetime(api: Server, seconds: int) -> None:
    assert request("POST", f"{api.url}/lifetime", json_body=seconds).status == 204
