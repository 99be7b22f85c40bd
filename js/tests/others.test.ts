// Other servers than Flask-Signet, the errors of each failure, messages, routers and stores.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { account, changePassword, remove, update } from "#signet/account/index.js";
import {
  createClient,
  InvalidCredentialsError,
  isSignetError,
  MfaRequiredError,
  NetworkError,
  RateLimitError,
  SessionExpiredError,
  type SignetClient,
  SignetError,
  ValidationError,
} from "#signet/index.js";
import { json } from "#signet/json.js";
import { explain, hintOf, MESSAGES, messageOf } from "#signet/messages.js";
import { requireUser, safeNext } from "#signet/router.js";
import { toRef, toStore } from "#signet/stores.js";
import { settle, thrown } from "./support/browser.js";
import { startServer } from "./support/server.js";
import { browser, NAME, PASSWORD, server, setUpServerAndBrowser } from "./support/setup.js";

setUpServerAndBrowser();

const jwt = (claims: object): string => `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.s`;

/** Return a client whose server answers `POST token` with *login* and a refresh with *refreshed*, and the sent bodies. */
function answering(login: object, refreshed?: object) {
  const bodies: unknown[] = [];
  let good = true;
  const auth = createClient(
    { baseUrl: "https://api.test/", storage: "memory" },
    {
      fetch: async (input, init) => {
        const path = new URL(String(input)).pathname;
        if (path.startsWith("/token")) {
          bodies.push(JSON.parse(String(init?.body)));
          good = true;
          return Response.json(path === "/token" ? login : refreshed);
        }
        return good ? Response.json({}) : Response.json({ msg: "Token has expired" }, { status: 401 });
      },
    },
  );
  return { auth, bodies, expire: () => void (good = false) };
}

test("a refresh with only an access token keeps the refresh token and the user", async () => {
  const { auth, bodies, expire } = answering(
    { access_token: jwt({ sub: "1" }), refresh_token: "r1", user: { id: 1, email: "x@y.test" } },
    { access_token: jwt({ sub: "1", n: 2 }) },
  );
  await auth.login(NAME, PASSWORD);
  for (let round = 0; round < 2; round++) {
    expire();

    expect((await auth.fetch("x")).status).toBe(200);
    expect(auth.state).toMatchObject({ status: "signed-in", user: { id: 1 } });
  }
  expect(bodies.slice(1)).toEqual([{ refresh_token: "r1" }, { refresh_token: "r1" }]);
});

test.each([
  [{ access_token: jwt({ sub: "7" }) }, "7"],
  [{ token: jwt({ sub: "7", sub_type: "int" }) }, 7],
  [{ token: jwt({ sub: "7" }), user: { id: 7, name: "Zoë" } }, 7],
  [{ token: jwt({ sub: "7" }), user: null }, "7"],
  [{ token: jwt({ sub: "7" }), user_id: 8 }, 8],
  [{ access_token: jwt({ sub: "José Ñandú 李 🔑" }) }, "José Ñandú 李 🔑"],
  [{ access_token: jwt({ sub: { id: 3, role: "é" } }) }, 3],
  [{ access_token: jwt({}) }, ""],
  [{ access_token: "no JWT" }, ""],
] as const)("a login answer %j signs in %j", async (answer, id) => {
  const { auth } = answering(answer);

  expect(await auth.login(NAME, PASSWORD)).toEqual({ id });
  expect((await auth.fetch("x")).status).toBe(200);
});

test.each([[{}], [{ token: 1 }], [{ access_token: null }], [[]], [null], ["text"]])(
  "a login response without a token is an error: %j",
  async (answer) => {
    const { auth } = answering(answer as object);

    expect(await thrown(auth.login(NAME, PASSWORD))).toMatchObject({ name: "NetworkError", code: "server" });
  },
);

test("an exchange without a refresh token in the response keeps the old one", async () => {
  const { auth, bodies, expire } = answering(
    { access_token: jwt({ sub: "1" }), refresh_token: "r1" },
    { token: jwt({ sub: "1", n: 3 }) },
  );
  await auth.login(NAME, PASSWORD);
  await auth.exchange("token/refresh", { password: PASSWORD }, true);
  expire();

  expect((await auth.fetch("x")).status).toBe(200);
  expect(bodies.at(-1)).toEqual({ refresh_token: "r1" });
});

test.each([
  ["Signature verification failed"],
  ["Not enough segments"],
  ["Invalid header string: 'utf-8' codec can't decode"],
  ["Subject must be a string"],
  ["Only non-refresh tokens are allowed"],
  ["Missing claim: jti"],
])("422 with Flask-JWT-Extended's body counts as 401: %s", async (msg) => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.fail("/protected", 422, {}, { msg });

  expect((await tab.fetch("protected")).status).toBe(200);
  expect(server.refreshes()).toBe(1);
});

test("422 of Flask-JWT-Extended without refresh tokens signs out", async () => {
  const lesson = await startServer({ refreshTokens: false });
  const tab = browser.tab({ baseUrl: lesson.url, storage: "memory" });
  await tab.login(NAME, PASSWORD);
  lesson.fail("/protected", 422, {}, { msg: "Signature verification failed" });

  expect((await tab.fetch("protected")).status).toBe(422);
  expect(tab.state).toMatchObject({ status: "signed-out", error: { code: "token_expired" } });

  await lesson.close();
});

test.each([
  [{ errors: { json: { title: ["Missing data"] } }, code: 422 }],
  [{ msg: "The title is too long" }],
  [{ error: "invalid_request", msg: "A header is missing", fields: { title: "too long" } }],
  ["<h1>Unprocessable</h1>"],
])("a form rejected with 422 does not end the session: %j", async (body) => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.fail("/tasks", 422, {}, body);
  const response = await tab.fetch("tasks", { method: "POST", body: "{}" });

  expect(response.status).toBe(422);
  expect(await response.json()).toEqual(body);
  expect(server.refreshes()).toBe(0);
});

test("a 422 to a refresh ends the session like a 401", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  server.fail("/token/refresh", 422, {}, { msg: "Signature verification failed" });

  expect((await tab.fetch("protected")).status).toBe(401);
  expect(tab.state.status).toBe("signed-out");
});

const MFA = { error: "mfa_required", msg: "x", mfa_token: "sgm_1", methods: ["totp"], expires_in: 300 };

test.each([
  [401, { msg: "Bad username or password" }, InvalidCredentialsError, "invalid_credentials"],
  [401, { error: "Bad email or password" }, InvalidCredentialsError, "invalid_credentials"],
  [401, "<h1>Unauthorized</h1>", InvalidCredentialsError, "invalid_credentials"],
  [401, MFA, MfaRequiredError, "mfa_required"],
  [401, { ...MFA, error: "mfa_setup_required" }, SignetError, "mfa_setup_required"],
  [401, { error: "account_locked", msg: "x" }, SignetError, "account_locked"],
  [403, { error: "email_unverified", msg: "x", email: "m@x.test" }, SignetError, "email_unverified"],
  [422, { msg: "x" }, ValidationError, "invalid_request"],
  [429, { msg: "x" }, RateLimitError, "invalid_request"],
  [500, { msg: "x" }, NetworkError, "server"],
] as const)("the error of a login answered with %i %j has its code and body", async (status, body, Kind, code) => {
  server.fail("/token", status, {}, body);
  const error = await thrown(browser.tab().login(NAME, PASSWORD));

  expect(error.constructor).toBe(Kind);
  expect(error).toMatchObject({ code, status, ...(typeof body === "object" && { body }) });
  expect(isSignetError(error)).toBe(true);
});

test.each([
  ["token_revoked", { error: "token_revoked", msg: "x" }],
  ["token_expired", { error: "token_expired", msg: "x" }],
  ["invalid_token", { error: "invalid_token", msg: "x" }],
  ["invalid_token", { msg: "Token has expired" }],
])("the state says how the server ended the session: %s", async (code, body) => {
  const tab = browser.tab();
  const other = browser.tab();
  await tab.login(NAME, PASSWORD);
  await other.ready();
  server.fail("/token/refresh", 401, {}, body);

  expect(await thrown(tab.token({ force: true }))).toMatchObject({ name: "SessionExpiredError", code });
  expect(tab.state.error).toMatchObject({ code });
  await vi.waitFor(() => expect(other.state).toMatchObject({ status: "signed-out", error: { code } }));
});

test("a logout here is no error; a logout in another tab is one", async () => {
  const [one, two] = [browser.tab(), browser.tab()];
  await one.login(NAME, PASSWORD);
  await two.ready();
  await one.logout();
  await vi.waitFor(() => expect(two.state.status).toBe("signed-out"));

  expect(one.state.error).toBeNull();
  expect(two.state.error).toMatchObject({ name: "SessionExpiredError", code: "logged_out_elsewhere" });

  await two.login(NAME, PASSWORD);

  expect(two.state.error).toBeNull();
  expect(await thrown(changePassword(browser.tab({ storage: "memory" }), "a", "b"))).toMatchObject({
    code: "logged_out",
  });
});

test("a password never follows a redirect", async () => {
  const stranger = await startServer();
  for (const status of [301, 302, 303, 307, 308]) {
    for (const to of [stranger.url, server.url]) {
      server.once(
        "/token",
        (_request, response) => (response.writeHead(status, { Location: `${to}elsewhere` }).end(), true),
      );

      expect(await thrown(browser.tab({ storage: "memory" }).login(NAME, PASSWORD))).toBeInstanceOf(NetworkError);
    }
  }

  expect(stranger.seen).toEqual([]);
  expect(server.count("POST", "/elsewhere") + server.count("GET", "/elsewhere")).toBe(0);

  const tab = browser.tab({ storage: "memory" });
  await tab.login(NAME, PASSWORD);
  server.once(
    "/token/refresh",
    (_request, response) => (response.writeHead(307, { Location: stranger.url }).end(), true),
  );

  expect(await thrown(tab.token({ force: true }))).toBeInstanceOf(NetworkError);
  expect(stranger.seen).toEqual([]);
  expect(tab.state.status).toBe("signed-in");

  await stranger.close();
});

test.each([
  ["tauri://localhost", "tauri://localhost/protected", true],
  ["tauri://localhost", "tauri://evil/protected", false],
  ["tauri://localhost", "capacitor://localhost/protected", false],
  ["capacitor://localhost/app", "evil://localhost/x", false],
  ["capacitor://localhost", "data:text/plain,x", false],
  ["tauri://localhost", "file:///etc/passwd", false],
  ["ionic://localhost", "protected", true],
])("with the base %s the address %s gets the token: %s", async (baseUrl, path, gets) => {
  const sent: boolean[] = [];
  const auth = createClient(
    { baseUrl, storage: "memory" },
    {
      fetch: async (_input, init) => {
        sent.push(new Headers(init?.headers).has("Authorization"));
        return Response.json({ token: "a.b.c", user_id: 1 });
      },
    },
  );
  await auth.login(NAME, PASSWORD);
  await auth.fetch(path);

  expect(sent).toEqual([false, gets]);
});

test.each([
  ["https://own.test", "https://own.test/token"],
  ["https://own.test/", "https://own.test/token"],
  ["https://own.test/api", "https://own.test/api/token"],
  ["https://own.test/api/", "https://own.test/api/token"],
])("baseUrl is a folder with and without its last slash: %s", async (baseUrl, asked) => {
  const urls: string[] = [];
  const auth = createClient(
    { baseUrl, storage: "memory" },
    { fetch: async (input) => (urls.push(String(input)), Response.json({ token: "a.b.c", user_id: 1 })) },
  );
  await auth.login(NAME, PASSWORD);
  await auth.fetch("x");

  expect(urls).toEqual([asked, asked.replace(/token$/, "x")]);
});

test("a missing server is unreachable, not offline", async () => {
  const free = await startServer();
  await free.close();
  const tab = browser.tab({ baseUrl: free.url, storage: "memory" });
  const error = await thrown(tab.login(NAME, PASSWORD));

  expect(error).toMatchObject({ name: "NetworkError", code: "unreachable", status: 0 });
  expect(hintOf(error)).toContain("Is Flask running?");

  browser.online = false;
  const offline = await thrown(browser.tab().login(NAME, PASSWORD));

  expect(offline).toMatchObject({ code: "offline" });
  expect([messageOf(offline), hintOf(offline)]).toEqual(["You are offline.", undefined]);
});

test.each([
  [404, "<h1>Not found</h1>", /proxy/],
  [200, "<!doctype html>", /not JSON.* proxy/],
  [405, "<h1>Method Not Allowed</h1>", /proxy/],
  [404, { error: "not_found", msg: "x" }, undefined],
  [500, "", /Is Flask running/],
  [502, "<h1>Bad Gateway</h1>", /Is Flask running/],
  [503, { error: "unavailable", msg: "x" }, undefined],
] as const)("the hint for a response %i %j says what to do", async (status, body, hint) => {
  server.fail("/token", status, {}, body);
  const error = await thrown(browser.tab().login(NAME, PASSWORD));

  if (hint) expect(hintOf(error)).toMatch(hint);
  else expect(hintOf(error)).toBeUndefined();
  expect(messageOf(error)).not.toContain("HTTP");
});

test("messages are chosen by code, never from the response; custom messages come first", async () => {
  const error = new RateLimitError("try 1", { code: "rate_limited", status: 429, retryAfter: 90 });
  const weak = new ValidationError("x", { code: "invalid_request", status: 400, fields: { username: "is missing" } });

  expect(messageOf(error)).toBe("Too many tries. Try again in 2 min.");
  expect(messageOf(error, { rate_limited: "Warte {time}." })).toBe("Warte 2 min.");
  expect(messageOf(weak)).toBe("is missing");
  expect([messageOf(new Error("secret")), messageOf(null), messageOf("x")]).toEqual(Array(3).fill(MESSAGES.unknown));
});

test("explain returns the message for users and writes the hint to the console", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const html = new NetworkError("server http://x/", { code: "server", status: 0 });
  const bug = new TypeError("x is undefined");

  expect([explain(html), explain(bug), explain(html, { server: "Kaputt." })]).toEqual([
    MESSAGES.server,
    MESSAGES.unknown,
    "Kaputt.",
  ]);
  expect(warn.mock.calls).toEqual([[hintOf(html)], [bug], [hintOf(html)]]);

  warn.mockRestore();
});

test("json sends and returns JSON, and throws for a status that is no success", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);

  expect(await json(tab, "tasks", { body: { title: "é" } })).toMatchObject({ body: '{"title":"é"}' });
  expect(server.seen.at(-1)).toMatchObject({ method: "POST", headers: { "content-type": "application/json" } });
  expect(await json<{ id: number }>(tab, "protected")).toMatchObject({ id: 1 });

  server.fail("/tasks", 409, {}, { error: "conflict", msg: "Taken" });

  expect(await thrown(json(tab, "tasks", { method: "PUT", body: null }))).toMatchObject({ code: "conflict" });
  expect(server.seen.at(-1)).toMatchObject({ method: "PUT", body: "null" });

  const aborter = new AbortController();
  aborter.abort();

  expect((await thrown(json(tab, "tasks", { signal: aborter.signal }))).name).toBe("AbortError");
});

test("update changes the account; remove deletes it and signs out", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.fail("/account", 200, {}, { id: 1, username: "new" });

  expect(await update(tab, { username: "new" })).toMatchObject({ username: "new" });
  expect(server.seen.at(-1)).toMatchObject({ method: "PATCH", body: '{"username":"new"}' });

  server.fail("/account", 401, {}, { error: "fresh_token_required", msg: "x" });
  server.fail("/account", 401, {}, { error: "fresh_token_required", msg: "x" });

  expect(await thrown(remove(tab))).toMatchObject({ code: "fresh_token_required" });
  expect(tab.state.status).toBe("signed-in");

  server.once("/account", (_request, response) => (response.writeHead(204).end(), true));
  await remove(tab);

  expect(server.count("DELETE", "/account")).toBe(3);
  expect(tab.state).toEqual({ status: "signed-out", user: null, error: null });
  expect(await thrown(account(tab))).toBeInstanceOf(SessionExpiredError);
});

// --- Routers -----------------------------------------------------------------------------------------------

const request = (path: string, signal?: AbortSignal) =>
  new Request(`https://page.test${path}`, signal ? { signal } : {});

test("requireUser returns the user, or redirects to the login with the way back", async () => {
  const tab = browser.tab();
  const refused = await requireUser(tab, request("/tasks?x=1&y=é#z")).catch((response: Response) => response);

  expect((refused as Response).status).toBe(302);
  expect((refused as Response).headers.get("Location")).toBe(
    `/login?next=${encodeURIComponent("/tasks?x=1&y=%C3%A9")}`,
  );

  const next = new URL((refused as Response).headers.get("Location") ?? "", "https://page.test").searchParams.get(
    "next",
  );

  expect(safeNext(next)).toBe("/tasks?x=1&y=%C3%A9");

  await tab.login(NAME, PASSWORD);

  expect(await requireUser(tab, request("/tasks"))).toEqual({ id: 1 });
});

test("requireUser waits while offline instead of redirecting to the login", async () => {
  const before = browser.tab();
  await before.login(NAME, PASSWORD);
  before.close();
  browser.online = false;
  const fetchOffline: typeof fetch = async (input, init) => {
    if (!browser.online) throw new TypeError("fetch failed");
    return browser.fetch(input, init);
  };
  const tab = browser.tab({}, { fetch: fetchOffline });
  const waiting = requireUser(tab, request("/tasks"));

  await vi.waitFor(() => expect(tab.state).toMatchObject({ status: "loading", error: { code: "offline" } }));

  browser.online = true;
  browser.now += 5_000;

  expect(await waiting).toEqual({ id: 1 });
});

test("requireUser rejects when the navigation is cancelled", async () => {
  browser.online = false;
  const aborter = new AbortController();
  const waiting = thrown(requireUser(browser.tab(), request("/tasks", aborter.signal)));
  await settle();
  aborter.abort();

  expect((await waiting).name).toBe("AbortError");
});

test.each(["/", "/tasks", "/tasks?x=1#y", "/a%20b?next=//evil.test", "/100%25", "/käse?é=ü", "/@evil.test", "/a//b"])(
  "safeNext keeps a path of this site: %s",
  (path) => {
    expect(safeNext(path)).toBe(path);
  },
);

test("safeNext never leads to another site, in any spelling", () => {
  const pieces = [
    "/",
    "//",
    "\\",
    "\t",
    "\n",
    " ",
    "\0",
    "%2f",
    "%5C",
    "%252f",
    "%09",
    "..",
    ".",
    "/.",
    "evil.test",
    ":",
    "javascript:",
    "@",
    "?",
    "#",
    "%",
    "\u0085",
  ];
  const own = "https://own.test";
  let state = 1;
  const pick = (): string => pieces[(state = (state * 48_271) % 2_147_483_647) % pieces.length] as string;
  const wrong: unknown[] = [];
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + (round % 6) }, pick).join("");
    let path = safeNext(text, "/fallback");
    if (path !== text && path !== "/fallback") wrong.push([text, path]);
    // As it is, and after each decoding by a server.
    for (let decoded = 0; decoded < 4; decoded++) {
      const { origin, pathname } = new URL(path, own);
      if (origin !== own || pathname.startsWith("//")) wrong.push([text, path]);
      try {
        path = decodeURIComponent(path.split(/[?#]/)[0] as string);
      } catch {
        break;
      }
    }
  }

  expect(wrong).toEqual([]);

  for (const nothing of [
    null,
    undefined,
    "",
    "tasks",
    "https://own.test/x",
    "javascript:alert(1)",
    "?x",
    "/\\evil.test",
  ]) {
    expect(safeNext(nothing)).toBe("/");
  }
});

// --- Stores ------------------------------------------------------------------------------------------------

test("a Svelte store calls its subscriber at once and at every change; a Vue ref follows", async () => {
  const tab = browser.tab();
  const seen: string[] = [];
  const off = toStore(tab).subscribe((state) => seen.push(state.status));

  expect(seen).toEqual(["loading"]);

  const ref = toRef(tab, (value) => ({ value }));
  await tab.login(NAME, PASSWORD);

  expect(seen.at(-1)).toBe("signed-in");
  expect(ref.value).toBe(tab.state);

  off();
  await tab.logout();

  expect(seen.at(-1)).toBe("signed-in");
  expect(ref.value.status).toBe("signed-out");
});

test("a Svelte store and a Vue ref ask again until the server is started", async () => {
  for (const follow of [
    (tab: SignetClient) => void toStore(tab).subscribe(() => {}),
    (tab: SignetClient) => void toRef(tab, (value) => ({ value })),
  ]) {
    let started = false;
    const send: typeof fetch = (...given) => (started ? browser.fetch(...given) : Promise.reject(new TypeError("no")));
    const tab = browser.tab({}, { fetch: send, now: Date.now });
    // Only a browser has a window.
    vi.stubGlobal("window", {});
    follow(tab);
    await tab.ready();

    expect(tab.state).toMatchObject({ status: "loading", error: { code: "unreachable" } });

    started = true;
    await vi.waitFor(() => expect(tab.state.status).toBe("signed-out"), 5000);
    vi.unstubAllGlobals();
  }
}, 20_000);

// --- A server as in the documentation of Flask-JWT-Extended ---------------------------------------------------

test("the client works with a server as in Flask-JWT-Extended's documentation", async () => {
  let count = 0;
  const good = new Set<string>();
  const give = (kind: string): string => {
    const token = jwt({ sub: "María", type: kind, jti: ++count });
    good.add(token);
    return token;
  };
  const seen: string[] = [];
  const http = createServer((incoming: IncomingMessage, response) => {
    const bearer = (incoming.headers.authorization ?? "").slice(7);
    seen.push(`${incoming.method} ${incoming.url}`);
    const answer = (status: number, body: object) =>
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    if (incoming.url === "/login") return answer(200, { access_token: give("access"), refresh_token: give("refresh") });
    if (!bearer) return answer(401, { msg: "Missing Authorization Header" });
    if (!good.has(bearer)) return answer(401, { msg: "Token has expired" });
    if (incoming.url === "/refresh") return answer(200, { access_token: give("access") });
    return answer(200, { logged_in_as: "María" });
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const api = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  // As in that documentation, the refresh route expects the refresh token as a Bearer token.
  const send: typeof fetch = (url, init) => {
    if (url !== `${api}token/refresh`) return fetch(url, init);
    const { refresh_token } = JSON.parse(String(init?.body)) as { refresh_token: string };
    return fetch(`${api}refresh`, { method: "POST", headers: { Authorization: `Bearer ${refresh_token}` } });
  };
  const auth = createClient({ baseUrl: api, storage: "memory" }, { fetch: send });

  expect(await auth.exchange("login", { username: "test", password: "test" })).toEqual({ id: "María" });
  expect((await auth.fetch("protected")).status).toBe(200);

  for (let round = 0; round < 2; round++) {
    good.delete((await auth.token()) ?? "");

    expect((await auth.fetch("protected")).status).toBe(200);
  }
  good.clear();

  expect((await auth.fetch("protected")).status).toBe(401);
  expect(auth.state).toMatchObject({ status: "signed-out", error: { name: "SessionExpiredError" } });
  expect(seen.filter((one) => one === "POST /refresh")).toHaveLength(3);

  http.closeAllConnections();
  http.close();
});
