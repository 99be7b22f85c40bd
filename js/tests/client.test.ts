// What the client does beyond the 13 rules of rules.test.ts. Runs in Node, as on a server that renders pages.
import { expect, test } from "vitest";
import { account, changePassword, register, sessions } from "#signet/account/index.js";
import {
  createClient,
  CsrfError,
  InvalidCredentialsError,
  isSignetError,
  NetworkError,
  RateLimitError,
  SessionExpiredError,
  SignetError,
  ValidationError,
} from "#signet/index.js";
import { openBrowser, settle, thrown } from "./support/browser.js";
import { startServer } from "./support/server.js";
import { browser, NAME, PASSWORD, server, setUpServerAndBrowser } from "./support/setup.js";

setUpServerAndBrowser();

test("the two steps of the lesson: get the token, send it", async () => {
  const auth = createClient({ baseUrl: server.url, storage: "memory" });

  expect(auth.state).toEqual({ status: "loading", user: null, error: null });
  expect(await auth.login(NAME, PASSWORD)).toEqual({ id: 1 });
  expect(await (await auth.fetch("protected")).json()).toMatchObject({ id: 1 });
  expect(auth.user).toEqual({ id: 1 });

  await auth.logout();

  expect(auth.state).toEqual({ status: "signed-out", user: null, error: null });
  expect((await auth.fetch("protected")).status).toBe(401);
});

test("in cookie mode the refresh token never reaches the page, and X-Signet is sent", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  await tab.token({ force: true });
  await tab.logout();
  const own = server.seen.filter((one) => one.path.startsWith("/token"));

  expect(own.map((one) => one.headers["x-signet"])).toEqual(["1", "1", "1"]);
  expect(JSON.parse(own[0]?.body ?? "")).toEqual({ username: NAME, password: PASSWORD, transport: "cookie" });
  expect(own.map((one) => one.body).join()).not.toContain("sgr_");
  expect(JSON.stringify(browser.posted)).not.toContain("sgr_");
});

test("outside cookie mode no cookie is sent or stored", async () => {
  browser.cookies.set("signet_refresh", "sgr_left_1");
  const tab = browser.tab({ storage: "memory" });
  await tab.login(NAME, PASSWORD);
  await tab.token({ force: true });

  expect(server.seen.map((one) => one.headers.cookie)).toEqual([undefined, undefined]);
});

test("relative paths are resolved as by new URL, also against a folder", async () => {
  const tab = browser.tab(
    { baseUrl: `${server.url}api/`, storage: "memory" },
    { fetch: async (input) => Response.json({ token: "a.b.c", url: String(input) }) },
  );
  await tab.login(NAME, PASSWORD);
  const asked = async (path: string | URL) => ((await (await tab.fetch(path)).json()) as { url: string }).url;

  expect(await asked("tasks?x=1")).toBe(`${server.url}api/tasks?x=1`);
  expect(await asked("/tasks")).toBe(`${server.url}tasks`);
  expect(await asked(new URL("tasks", server.url))).toBe(`${server.url}tasks`);
});

test("the token goes to its own origin only", async () => {
  const stranger = await startServer();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  await tab.fetch(`${stranger.url}public`);
  await tab.fetch(new Request(`${stranger.url}public`));
  await tab.fetch(`//127.0.0.1:${new URL(stranger.url).port}/public`);
  await tab.fetch("public");

  expect(stranger.seen.map((one) => one.headers.authorization)).toEqual([undefined, undefined, undefined]);
  expect(server.seen.at(-1)?.headers.authorization).toMatch(/^Bearer /);

  await stranger.close();
});

test.each([
  ["//evil.test/x", "https://evil.test/x"],
  ["\\\\evil.test/x", "https://evil.test/x"],
  ["/\\evil.test/x", "https://evil.test/x"],
  ["\t //evil.test/x", "https://evil.test/x"],
  ["ht\ntps://evil.test/", "https://evil.test/"],
  ["https://evil.test#@own.test/", "https://evil.test/#@own.test/"],
  ["https://own.test.evil.test/", "https://own.test.evil.test/"],
  ["http://own.test/x", "http://own.test/x"],
  ["https://own.test:444/x", "https://own.test:444/x"],
  ["data:text/plain,x", "data:text/plain,x"],
  ["javascript:1", "javascript:1"],
])("an address that only looks like the server's own gets no token: %j", async (path, arrives) => {
  const asked: [string, boolean][] = [];
  const send: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    asked.push([request.url, request.headers.has("Authorization")]);
    return Response.json({ token: "a.b.c", user_id: 1 });
  };
  const auth = createClient({ baseUrl: "https://own.test/api/", storage: "memory" }, { fetch: send });
  await auth.login(NAME, PASSWORD);
  await auth.fetch(path);
  await auth.fetch("/x");

  expect(asked.slice(1)).toEqual([
    [arrives, false],
    ["https://own.test/x", true],
  ]);
});

test("headers, method and body of the caller are sent", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  await tab.fetch("tasks", { method: "PATCH", headers: [["X-Mine", "1"]], body: new URLSearchParams({ a: "b" }) });

  expect(server.seen.at(-1)).toMatchObject({ method: "PATCH", body: "a=b", headers: { "x-mine": "1" } });
});

test.each([
  [
    401,
    { error: "invalid_credentials", msg: "Bad username or password" },
    InvalidCredentialsError,
    "invalid_credentials",
  ],
  [401, { msg: "Bad username or password" }, InvalidCredentialsError, "invalid_credentials"],
  [400, { error: "invalid_request", msg: "x", fields: { username: "missing" } }, ValidationError, "invalid_request"],
  [403, { error: "csrf_failed", msg: "x" }, CsrfError, "csrf_failed"],
  [429, { error: "rate_limited", msg: "x" }, RateLimitError, "rate_limited"],
  [503, { error: "unavailable", msg: "x" }, NetworkError, "server"],
  [502, "<html>", NetworkError, "server"],
  [405, { error: "method_not_allowed", msg: "x" }, SignetError, "method_not_allowed"],
] as const)("a response %i to the login throws the matching error", async (status, body, Kind, code) => {
  server.fail("/token", status, { "Retry-After": "9" }, body);
  const tab = browser.tab();
  const error = await thrown(tab.login(NAME, PASSWORD));

  expect(error.constructor).toBe(Kind);
  expect(error).toMatchObject({ name: Kind.name, code, status, retryAfter: 9 });
  expect(isSignetError(error)).toBe(true);
});

test("the error of a rejected form has its fields", async () => {
  server.fail("/token", 400, {}, { error: "invalid_request", msg: "x", fields: { username: "missing" } });

  expect(await thrown(browser.tab().login("", PASSWORD))).toMatchObject({ fields: { username: "missing" } });
});

test("offline and a timeout have their own codes", async () => {
  const tab = browser.tab({ timeoutMs: 50 });
  server.once("/token", () => new Promise((done) => setTimeout(() => done(false), 200)));

  expect(await thrown(tab.login(NAME, PASSWORD))).toMatchObject({ name: "NetworkError", code: "timeout", status: 0 });

  browser.online = false;

  expect(await thrown(tab.login(NAME, PASSWORD))).toMatchObject({ name: "NetworkError", code: "offline", status: 0 });
});

test("isSignetError is false for other errors", () => {
  expect([new Error("x"), new TypeError("x"), { code: "offline", status: 0 }, null].map(isSignetError)).toEqual(
    Array(4).fill(false),
  );
});

test("on a server without refresh tokens a 401 ends the session, and the state says so", async () => {
  const lesson = await startServer({ refreshTokens: false });
  for (const storage of ["cookie", "memory"] as const) {
    const tab = openBrowser(lesson.url).tab({ storage });
    await tab.login(NAME, PASSWORD);

    expect((await tab.fetch("protected")).status).toBe(200);

    lesson.expire();

    expect((await tab.fetch("protected")).status).toBe(401);
    expect(tab.state).toMatchObject({ status: "signed-out", error: { name: "SessionExpiredError" } });

    tab.close();
  }
  await lesson.close();
});

test("cookie mode without a session is signed out, without an error", async () => {
  expect(await browser.tab().ready()).toEqual({ status: "signed-out", user: null, error: null });
});

test("a plain token in a custom storage is used, and stays plain while there is no refresh token", async () => {
  const lesson = await startServer({ refreshTokens: false });
  const kept: (string | null)[] = [null];
  const storage = { get: () => kept.at(-1) ?? null, set: (text: string | null) => void kept.push(text) };
  const tab = browser.tab({ baseUrl: lesson.url, storage });
  await tab.login(NAME, PASSWORD);

  expect(kept.at(-1)).toBe(await tab.token());

  const reloaded = browser.tab({ baseUrl: lesson.url, storage });

  expect(await reloaded.ready()).toMatchObject({ status: "signed-in", user: { id: 1 } });
  expect((await reloaded.fetch("protected")).status).toBe(200);

  await lesson.close();
});

test.each(["{", "null", "{}", "[]", "1", '"x"', "undefined"])(
  "invalid content of the storage ends signed out: %s",
  async (text) => {
    let kept: string | null = text;
    const tab = browser.tab({ storage: { get: () => kept, set: (next) => void (kept = next) } });
    await tab.ready();
    await tab.fetch("protected");

    expect(tab.state.status).toBe("signed-out");
  },
);

test("with a full or forbidden storage the session lasts as long as the page", async () => {
  const broken = () => {
    throw new Error("QuotaExceededError");
  };
  for (const storage of [
    { get: () => null, set: broken },
    { get: broken, set: broken },
    { get: () => Promise.reject(new Error("no")), set: () => Promise.reject(new Error("no")) },
    "local",
  ] as const) {
    const tab = browser.tab({ storage });

    expect((await tab.ready()).status).toBe("signed-out");

    await tab.login(NAME, PASSWORD);
    server.expire();

    expect((await tab.fetch("protected")).status).toBe(200);

    await tab.logout();

    expect(await tab.token()).toBeNull();
  }
});

test("the client waits for an asynchronous storage", async () => {
  let kept: string | null = null;
  const storage = {
    get: async () => (await settle(5), kept),
    set: async (text: string | null) => {
      await settle(5);
      kept = text;
    },
  };
  const tab = browser.tab({ storage });
  await tab.login(NAME, PASSWORD);
  await tab.token({ force: true });

  expect(kept).toContain("sgr_");
  expect(await browser.tab({ storage }).ready()).toMatchObject({ user: { id: 1 } });

  await tab.logout();
  await settle();

  expect(kept).toBeNull();
});

test("every tab follows when another user signs in", async () => {
  const [one, two] = [browser.tab(), browser.tab()];
  await one.login(NAME, PASSWORD);
  await settle();
  await one.logout();
  await two.login("other", "43214321");
  await settle();

  expect([one.user, two.user]).toEqual([{ id: 2 }, { id: 2 }]);
  expect(await (await one.fetch("protected")).json()).toMatchObject({ id: 2 });
});

test("logout everywhere ends all sessions on the server", async () => {
  const [one, two] = [browser.tab({ storage: "memory" }), browser.tab({ storage: "memory" })];
  await one.login(NAME, PASSWORD);
  await two.login(NAME, PASSWORD);
  await one.logout({ everywhere: true });

  expect([...server.sessions.values()].map((session) => session.alive)).toEqual([false, false]);
});

test("token() returns null when no user is signed in, and throws when the session has ended", async () => {
  const tab = browser.tab();

  expect(await tab.token()).toBeNull();
  expect(await tab.token({ force: true })).toBeNull();

  await tab.login(NAME, PASSWORD);
  server.sessions.clear();

  expect(await thrown(tab.token({ force: true }))).toBeInstanceOf(SessionExpiredError);
  expect(await tab.token()).toBeNull();
});

test("after close() no listener is called", async () => {
  const [one, two] = [browser.tab(), browser.tab()];
  await Promise.all([one.ready(), two.ready()]);
  let calls = 0;
  two.onChange(() => calls++);
  two.close();
  await one.login(NAME, PASSWORD);
  await settle();

  expect(calls).toBe(0);
});

test("clients on a server share nothing", async () => {
  const [one, two] = [1, 2].map(() => createClient({ baseUrl: server.url, storage: "memory" }));
  await one?.login(NAME, PASSWORD);
  await two?.login("other", "43214321");
  await one?.logout();
  await settle();

  expect([one?.user, two?.user]).toEqual([null, { id: 2 }]);
});

test("creating a client on a server does no I/O, also with a relative baseUrl", async () => {
  const auth = createClient();

  expect(auth.state.status).toBe("loading");
  await expect(auth.fetch("x")).rejects.toThrow(TypeError);
});

test("register: the account, a taken name, a weak password", async () => {
  const tab = browser.tab();

  expect(await register(tab, { username: "new", password: "long enough" })).toMatchObject({ id: 3, username: "new" });
  expect(await thrown(register(tab, { username: NAME, password: "long enough" }))).toMatchObject({
    name: "ValidationError",
    code: "conflict",
    fields: { username: "taken" },
  });
  expect(await thrown(register(tab, { username: "new", password: "x" }))).toMatchObject({
    code: "weak_password",
    fields: { password: "too short" },
  });

  browser.online = false;

  expect(await thrown(register(tab, { username: "new", password: "x" }))).toMatchObject({ code: "offline" });
});

test("changePassword continues with the new token; a wrong password is sent only once", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  const before = await tab.token();

  expect(await changePassword(tab, PASSWORD, "a new one")).toEqual({ id: 1 });
  expect(await tab.token()).not.toBe(before);
  expect(server.seen.at(-1)?.headers["x-signet"]).toBe("1");

  const asked = server.seen.length;

  expect(await thrown(changePassword(tab, "wrong", "a new one"))).toBeInstanceOf(InvalidCredentialsError);
  expect(server.seen.length).toBe(asked + 1);
  expect(tab.user).toEqual({ id: 1 });
});

test("sessions: list, end the others", async () => {
  const [one, two] = [browser.tab({ storage: "memory" }), browser.tab({ storage: "memory" })];
  await one.login(NAME, PASSWORD);
  await two.login(NAME, PASSWORD);

  expect((await sessions.list(one)).map((session) => session.current)).toEqual([true, false]);

  await sessions.endOthers(one);

  expect(await sessions.list(one)).toHaveLength(1);
  expect(await thrown(sessions.list(two))).toBeInstanceOf(SessionExpiredError);
});

test("account() returns the account of the server", async () => {
  server.fail("/account", 200, {}, { id: 1, username: NAME });
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);

  expect(await account(tab)).toMatchObject({ username: NAME });
});

test("ready() returns the current state, and the same promise while nothing changes", async () => {
  const tab = browser.tab();

  expect(await tab.ready()).toMatchObject({ status: "signed-out" });

  await tab.login(NAME, PASSWORD);

  expect(await tab.ready()).toBe(tab.state);
  expect(tab.ready()).toBe(tab.ready());

  await tab.logout();

  expect(await tab.ready()).toMatchObject({ status: "signed-out" });
});

test("a closed client still works in its own page", async () => {
  const tab = browser.tab();
  tab.close();
  await tab.login(NAME, PASSWORD);

  expect(tab.user).toEqual({ id: 1 });

  server.expire();

  expect((await tab.fetch("protected")).status).toBe(200);

  await tab.logout();

  expect(tab.user).toBeNull();
  expect([...server.sessions.values()].map((session) => session.alive)).toEqual([false]);
});

test("a token with a lifetime below the leeway is used until half of its lifetime", async () => {
  server.expiresIn = 20;
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  for (let i = 0; i < 5; i++) await tab.fetch("protected");

  expect(server.refreshes()).toBe(0);

  browser.now += 15_000;
  await tab.fetch("protected");

  expect(server.refreshes()).toBe(1);
});

test("a body that can be read only once is not sent again empty", async () => {
  const tab = browser.tab({ storage: "memory" });
  await tab.login(NAME, PASSWORD);
  server.expire();
  const parts = async function* () {
    yield new TextEncoder().encode("a letter");
  };
  const init = { method: "POST", body: parts(), duplex: "half" } as unknown as RequestInit;

  expect((await tab.fetch("tasks", init)).status).toBe(401);
  expect(server.seen.filter((one) => one.path === "/tasks").map((one) => one.body)).toEqual(["a letter"]);
});

test("a slow read of the storage does not undo a later login or logout", async () => {
  let kept: string | null = null;
  let slow: Promise<void> | undefined;
  const storage = {
    get: async () => {
      const text = kept;
      await slow;
      return text;
    },
    set: async (text: string | null) => void (kept = text),
  };
  const channel = { onmessage: null as ((event: MessageEvent) => unknown) | null, postMessage() {}, close() {} };
  const tab = browser.tab({ storage }, { channel: () => channel });
  const lookSlowly = () => {
    let go = (): void => {};
    slow = new Promise((done) => (go = done));
    channel.onmessage?.(new MessageEvent("message", { data: ["new"] }));
    slow = undefined;
    return go;
  };
  await tab.ready();
  const first = lookSlowly();
  await tab.login(NAME, PASSWORD);
  first();
  await settle();

  expect(tab.user).toEqual({ id: 1 });

  const second = lookSlowly();
  await tab.logout();
  second();
  await settle();

  expect(tab.user).toBeNull();
});

test("a logout during a password change stays in effect", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  let answerNow = (): void => {};
  const wait = new Promise<void>((done) => (answerNow = done));
  const asked = new Promise<void>((done) => server.once("/account/password", async () => (done(), await wait, false)));
  const change = thrown(changePassword(tab, PASSWORD, "a new one"));
  await asked;
  const leaving = tab.logout();
  answerNow();
  await leaving;

  expect(await change).toBeInstanceOf(SessionExpiredError);
  expect(tab.user).toBeNull();
  expect(await tab.token()).toBeNull();
});

test("a slow logout does not delete the cookie of the next login", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  // The response to the logout is slow.
  const sent = browser.fetch;
  browser.fetch = async (input, init) => {
    if (init?.method === "DELETE") await settle(100);
    return sent(input, init);
  };
  const slow = browser.tab({}, { fetch: (input, init) => browser.fetch(input, init) });
  await slow.ready();
  const leaving = slow.logout();
  await slow.login("other", "43214321");
  await leaving;
  await settle();

  expect(browser.cookies.size).toBe(1);
  expect(await slow.token({ force: true })).not.toBeNull();
  expect(slow.user).toEqual({ id: 2 });
});

test("isSignetError is false for errors of other libraries with a code and a status", () => {
  const axios = Object.assign(new Error("x"), { name: "AxiosError", code: "ERR_BAD_REQUEST", status: 400 });

  expect(isSignetError(axios)).toBe(false);
  expect(isSignetError(new SignetError("x", { code: "conflict", status: 409 }))).toBe(true);
});

test("changePassword without a user, with an expired token, and a page instead of JSON", async () => {
  const tab = browser.tab();

  expect(await thrown(changePassword(tab, PASSWORD, "a new one"))).toBeInstanceOf(SessionExpiredError);

  await tab.login(NAME, PASSWORD);
  server.expire();

  expect(await changePassword(tab, PASSWORD, "a new one")).toEqual({ id: 1 });

  server.once("/account", (_request, response) => (response.writeHead(200).end("<h1>Wi-Fi</h1>"), true));

  expect(await thrown(account(tab))).toMatchObject({ name: "NetworkError", code: "server" });
});
