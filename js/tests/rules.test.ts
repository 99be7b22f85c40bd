// @vitest-environment jsdom
// The 13 rules that keep a session intact over tabs and failures. Each name begins with the number of its rule.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createClient, NetworkError, RateLimitError, SessionExpiredError } from "#signet/index.js";
import { openBrowser, settle, thrown } from "./support/browser.js";
import { type Server, startServer } from "./support/server.js";

const NAME = "alesanchezr";
const PASSWORD = "12341234";

let server: Server;
let browsers: ReturnType<typeof openBrowser>[] = [];

const browse = (...args: Parameters<typeof openBrowser> extends [string, ...infer Rest] ? Rest : never) => {
  const browser = openBrowser(server.url, ...args);
  browsers.push(browser);
  return browser;
};

beforeEach(async () => {
  server = await startServer();
});
afterEach(async () => {
  browsers.forEach((one) => one.close());
  browsers = [];
  localStorage.clear();
  sessionStorage.clear();
  await server.close();
  vi.unstubAllGlobals();
  Reflect.deleteProperty(navigator, "locks");
});

const MODES = ["cookie", "memory", "session", "local"] as const;

test("1 expiry counts from the local time of receipt, also with a wrong clock", async () => {
  const browser = browse();
  browser.now = -5_000_000_000;
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  const first = await tab.token();
  browser.now += 869_000;

  expect(await tab.token()).toBe(first);
  expect(server.refreshes()).toBe(0);

  browser.now += 2_000;

  expect(await tab.token()).not.toBe(first);
  expect(server.refreshes()).toBe(1);
});

test("1 with a clock that is set back the 401 decides", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  browser.now -= 600_000;
  server.expire();

  expect((await tab.fetch("protected")).status).toBe(200);
  expect(server.refreshes()).toBe(1);
});

test.each(MODES)("2 many requests of one tab make one refresh, without Web Locks too (%s)", async (storage) => {
  const browser = browse({ storage }, { locks: false });
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  const bodies = ["a", "b", "c", "d", "e"];
  const answers = await Promise.all(bodies.map((body) => tab.fetch("tasks", { method: "POST", body })));

  expect(await Promise.all(answers.map(async (one) => ((await one.json()) as { body: string }).body))).toEqual(bodies);
  expect(server.refreshes()).toBe(1);
});

test.each(["cookie", "local"] as const)("2 six tabs with five requests each make one refresh (%s)", async (storage) => {
  const browser = browse({ storage });
  await browser.tab().login(NAME, PASSWORD);
  const tabs = Array.from({ length: 6 }, () => browser.tab());
  await Promise.all(tabs.map((tab) => tab.ready()));
  const before = server.refreshes();
  server.expire();
  const answers = await Promise.all(
    tabs.flatMap((tab) => [1, 2, 3, 4, 5].map((n) => tab.fetch("tasks", { method: "POST", body: String(n) }))),
  );
  await settle();

  expect(answers.every((one) => one.ok)).toBe(true);
  expect(server.refreshes() - before).toBe(1);
  expect(new Set(await Promise.all(tabs.map((tab) => tab.token()))).size).toBe(1);
});

test.each(["local", "session"] as const)(
  "2 the storage is read again inside the lock (%s, no messages)",
  async (storage) => {
    const browser = browse({ storage }, { messages: false });
    const [one, two] = [browser.tab(), browser.tab()];
    await one.login(NAME, PASSWORD);
    await two.ready();
    const old = await two.token();
    await one.token({ force: true });

    expect(await two.token({ force: true })).not.toBe(old);
    expect(await two.token()).toBe(await one.token());
    expect(server.refreshes()).toBe(1);
  },
);

test("2 a delayed write of another tab to the shared storage causes no second refresh", async () => {
  const browser = browse({ storage: "local" });
  const [one, two] = [browser.tab(), browser.tab()];
  await one.login(NAME, PASSWORD);
  await two.ready();
  server.expire();
  // The tabs of a browser are separate processes: the lock may be free before the write to the storage is visible.
  const old = localStorage.getItem("signet");
  const late = vi.spyOn(Storage.prototype, "getItem").mockReturnValue(old);
  const write = vi.spyOn(Storage.prototype, "setItem").mockImplementationOnce((key, text) => {
    write.mockRestore();
    localStorage.setItem(key, text);
    setTimeout(() => {
      late.mockRestore();
      window.dispatchEvent(new Event("storage"));
    }, 20);
  });
  await Promise.all([one.fetch("tasks"), two.fetch("tasks")]);

  expect(server.refreshes()).toBe(1);
});

test("2 a new tab takes the token of another tab instead of refreshing", async () => {
  const browser = browse();
  const one = browser.tab();
  await one.login(NAME, PASSWORD);
  const two = browser.tab();

  expect((await two.ready()).user).toEqual({ id: 1 });
  expect(await two.token()).toBe(await one.token());
  expect(server.refreshes()).toBe(0);
});

test("3 neither listeners nor a custom storage run inside the lock", async () => {
  const browser = browse();
  const held: string[] = [];
  const note = (what: string): void => {
    if (browser.held()) held.push(what);
  };
  let text: string | null = null;
  const tab = browser.tab({
    storage: {
      get: () => (note("get"), text),
      set: (next) => {
        note("set");
        text = next;
      },
    },
  });
  tab.onChange(() => note("listener"));
  await tab.login(NAME, PASSWORD);
  await tab.token({ force: true });
  server.sessions.clear();
  await thrown(tab.token({ force: true }));

  expect(tab.state.status).toBe("signed-out");
  expect(held).toEqual([]);
});

test("3 after a timeout of the lock a valid token is still used", async () => {
  const browser = browse();
  const stuck = new Promise<never>(() => {});
  let blocked = false;
  const tab = browser.tab(
    { timeoutMs: 40 },
    {
      lock: (_name, signal, work) =>
        blocked
          ? Promise.race([
              stuck,
              new Promise<never>((_, no) => signal.addEventListener("abort", () => no(signal.reason as Error))),
            ])
          : work(),
    },
  );
  await tab.login(NAME, PASSWORD);
  const token = await tab.token();
  blocked = true;
  browser.now += 880_000;

  expect(await tab.token()).toBe(token);

  browser.now += 60_000;
  const error = await thrown(tab.token());

  expect(error).toBeInstanceOf(NetworkError);
  expect(error).toMatchObject({ code: "timeout" });
  expect(tab.state.status).toBe("signed-in");
});

test.each(["cookie", "local"] as const)(
  "4 without Web Locks six tabs stay signed in, with one token (%s)",
  async (storage) => {
    const browser = browse({ storage }, { locks: false });
    await browser.tab().login(NAME, PASSWORD);
    const tabs = Array.from({ length: 6 }, () => browser.tab());
    await Promise.all(tabs.map((tab) => tab.ready()));
    for (let round = 0; round < 3; round++) {
      server.expire();
      const answers = await Promise.all(tabs.map((tab) => tab.fetch("protected")));

      expect(answers.map((one) => one.status)).toEqual(Array(6).fill(200));

      await settle();
    }

    expect(tabs.map((tab) => tab.state.status)).toEqual(Array(6).fill("signed-in"));
    expect(new Set(await Promise.all(tabs.map((tab) => tab.token()))).size).toBe(1);
  },
);

test.each(MODES)("4 a lost response to a refresh does not sign the user out (%s)", async (storage) => {
  const browser = browse({ storage });
  const tab = browser.tab(
    {},
    {
      fetch: async (input, init) => {
        const response = await browser.fetch(input, init);
        if (lose && String(input).endsWith("token/refresh")) throw new TypeError("connection reset");
        return response;
      },
    },
  );
  let lose = false;
  await tab.login(NAME, PASSWORD);
  server.expire();
  lose = true;

  // Not "offline": there is a connection.
  expect(await thrown(tab.fetch("protected"))).toMatchObject({ name: "NetworkError", code: "unreachable" });

  lose = false;
  browser.now += 5_000;

  expect((await tab.fetch("protected")).status).toBe(200);
});

test("4 without a BroadcastChannel and with forbidden Web Locks the page works alone", async () => {
  const denied = vi.fn(() => Promise.reject(new DOMException("denied in this context", "SecurityError")));
  vi.stubGlobal("BroadcastChannel", undefined);
  Object.defineProperty(navigator, "locks", { value: { request: denied }, configurable: true });
  const tab = createClient({ baseUrl: server.url, storage: "memory" });
  await tab.login(NAME, PASSWORD);
  server.expire();

  expect((await tab.fetch("protected")).status).toBe(200);
  expect(denied).toHaveBeenCalledTimes(2);

  await tab.logout();
  tab.close();
});

test.each([400, 403, 429, 500, 502, 503])("5 a response %i to the refresh keeps the session", async (status) => {
  const browser = browse({ storage: "local" });
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  server.fail("/token/refresh", status);
  const error = await thrown(tab.fetch("protected"));

  expect(error).toMatchObject({ status });
  expect(error).not.toBeInstanceOf(SessionExpiredError);
  expect(tab.state.status).toBe("signed-in");

  browser.now += 10_000;

  expect((await tab.fetch("protected")).status).toBe(200);
});

test("5 a page instead of JSON (captive portal) keeps the session", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  server.once("/token/refresh", (_request, response) => (response.writeHead(200).end("<h1>Wi-Fi</h1>"), true));

  expect(await thrown(tab.fetch("protected"))).toMatchObject({ name: "NetworkError", code: "server" });
  expect(tab.user).toEqual({ id: 1 });
});

test("5 no request is sent before Retry-After has passed, and the session continues after it", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  server.fail("/token/refresh", 429, { "Retry-After": "7" });
  const error = await thrown(tab.fetch("protected"));

  expect(error).toBeInstanceOf(RateLimitError);
  expect(error).toMatchObject({ retryAfter: 7, code: "unavailable" });

  browser.now += 6_000;
  await thrown(tab.fetch("protected"));

  expect(server.refreshes()).toBe(1);

  browser.now += 1_500;

  expect((await tab.fetch("protected")).status).toBe(200);
  expect(server.refreshes()).toBe(2);
});

test("5 only a 401 of the refresh signs out, and says why", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.sessions.forEach((one) => (one.alive = false));
  const response = await tab.fetch("protected");

  expect(response.status).toBe(401);
  expect(tab.state).toMatchObject({ status: "signed-out", user: null, error: { name: "SessionExpiredError" } });
});

test("6 a failed early refresh is no error while the token is valid", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  const token = await tab.token();
  browser.now += 880_000;
  browser.online = false;

  expect(await tab.token()).toBe(token);

  browser.now += 25_000;

  expect(await thrown(tab.token())).toMatchObject({ code: "offline" });
});

test("7 a request is sent again exactly once", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  for (let i = 0; i < 5; i++) server.fail("/protected", 401);

  expect((await tab.fetch("protected")).status).toBe(401);
  expect(server.count("GET", "/protected")).toBe(2);
  expect(server.refreshes()).toBe(1);
});

test("7 a 401 of the token routes causes no refresh", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  const body = JSON.stringify({ username: NAME, password: "wrong" });

  expect((await tab.fetch("token", { method: "POST", body })).status).toBe(401);
  expect(server.refreshes()).toBe(0);
});

test("7 an Authorization header of the caller is kept, and its 401 is returned", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);

  expect((await tab.fetch("protected", { headers: { Authorization: "Bearer a.b.c" } })).status).toBe(401);
  expect(server.seen.at(-1)?.headers.authorization).toBe("Bearer a.b.c");
  expect(server.refreshes()).toBe(0);
});

test("7 a stream can be sent only once, so its 401 is returned", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  const body = new Response("x").body;
  const response = await tab.fetch("tasks", { method: "POST", body, duplex: "half" } as RequestInit);

  expect(response.status).toBe(401);
  expect(server.count("POST", "/tasks")).toBe(1);
});

test("8 a Request is sent again with its body, headers and method", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  const request = new Request(`${server.url}tasks`, { method: "PUT", body: "hello", headers: { "X-Mine": "1" } });
  const response = await tab.fetch(request);

  expect(await response.json()).toMatchObject({ body: "hello" });
  expect(
    server.seen.filter((one) => one.path === "/tasks").map((one) => [one.method, one.body, one.headers["x-mine"]]),
  ).toEqual(Array(2).fill(["PUT", "hello", "1"]));
});

test("8 an abort also stops the second sending", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  const aborter = new AbortController();
  server.once("/token/refresh", () => (aborter.abort(), false));
  const error = await thrown(tab.fetch("protected", { signal: aborter.signal }));

  expect(error.name).toBe("AbortError");
  expect(server.count("GET", "/protected")).toBe(1);
});

test.each(MODES)("9 logout clears here first, then tells the server and the tabs (%s)", async (storage) => {
  const browser = browse({ storage });
  const [one, two] = [browser.tab(), browser.tab()];
  await one.login(NAME, PASSWORD);
  await settle();
  if (storage === "memory" || storage === "session") await two.login(NAME, PASSWORD);
  await two.ready();
  const leaving = one.logout();

  expect(one.state).toEqual({ status: "signed-out", user: null, error: null });

  await leaving;

  await vi.waitFor(() => expect(two.state.status).toBe("signed-out"));
  await settle();

  expect([...server.sessions.values()].map((session) => session.alive)).toEqual(
    [...server.sessions.values()].map(() => false),
  );
  expect(localStorage.length + sessionStorage.length).toBe(0);
});

test("9 the request of a logout continues after the page is closed", async () => {
  const browser = browse();
  const inits: (RequestInit | undefined)[] = [];
  const tab = browser.tab({}, { fetch: (input, init) => (inits.push(init), browser.fetch(input, init)) });
  await tab.login(NAME, PASSWORD);
  await tab.logout();

  expect(inits.at(-1)).toMatchObject({ method: "DELETE", keepalive: true });
});

test("9 a logout works offline, and the session of the remaining cookie is ended when the server answers again", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  browser.online = false;
  await tab.logout();

  expect(tab.state.status).toBe("signed-out");
  expect(browser.cookies.size).toBe(1);

  tab.close();
  const offline = browser.tab();

  expect((await offline.ready()).status).toBe("signed-out");

  browser.online = true;
  const reloaded = browser.tab();

  expect((await reloaded.ready()).status).toBe("signed-out");
  expect(server.refreshes()).toBe(0);
  expect(browser.cookies.size).toBe(0);
});

test("9 a pending logout of one server is not sent to another", async () => {
  const stranger = await startServer();
  const browser = browse();
  const other = browser.tab({ baseUrl: stranger.url }, { fetch });
  await other.login(NAME, PASSWORD);
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  browser.online = false;
  await tab.logout();
  window.dispatchEvent(new Event("online"));
  await settle();

  expect(stranger.count("DELETE", "/token")).toBe(0);

  await stranger.close();
});

test("9 only one tab sends the logout to the server", async () => {
  const browser = browse();
  const tabs = Array.from({ length: 4 }, () => browser.tab());
  await tabs[0]?.login(NAME, PASSWORD);
  await Promise.all(tabs.map((tab) => tab.ready()));
  const leaving = tabs[0]?.logout();
  // What a browser sends to the other tabs when one has written into the storage.
  window.dispatchEvent(new StorageEvent("storage"));
  await leaving;
  await settle();

  expect(tabs.map((tab) => tab.state.status)).toEqual(Array(4).fill("signed-out"));
  expect(server.count("DELETE", "/token")).toBe(1);
});

test("9 a logout everywhere that does not reach the server is an error", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  browser.online = false;

  expect(await thrown(tab.logout({ everywhere: true }))).toMatchObject({ code: "offline" });
  expect(tab.user).toBeNull();
});

test.each(MODES)("10 the response to a refresh is dropped after a logout (%s)", async (storage) => {
  const browser = browse({ storage });
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  let answerNow = (): void => {};
  const wait = new Promise<void>((done) => (answerNow = done));
  const asked = new Promise<void>((done) => server.once("/token/refresh", async () => (done(), await wait, false)));
  const late = tab.token({ force: true });
  await asked;
  const leaving = tab.logout();
  answerNow();
  await Promise.allSettled([leaving, late]);
  await settle();

  expect(await tab.token()).toBeNull();
  expect(tab.state.status).toBe("signed-out");
  expect(localStorage.length + sessionStorage.length).toBe(0);
});

test("10 a tab that is still loading notices the logout too", async () => {
  const browser = browse();
  const one = browser.tab();
  await one.login(NAME, PASSWORD);
  let answerNow = (): void => {};
  const wait = new Promise<void>((done) => (answerNow = done));
  const asked = new Promise<void>((done) => server.once("/token/refresh", async () => (done(), await wait, false)));
  browser.now += 880_000; // so that no tab sends its token to another
  const two = browser.tab();
  const found = two.ready();
  await asked;
  await one.logout();
  // The server had made the response before the logout arrived.
  server.sessions.forEach((session) => (session.alive = true));
  answerNow();
  await found;

  expect(two.state.status).toBe("signed-out");
});

test("10 a request of one user is not sent again with the token of another", async () => {
  const browser = browse({ storage: "memory" });
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.once("/tasks", async (_request, response) => {
    await tab.logout();
    await tab.login("other", "43214321");
    response.writeHead(401).end();
    return true;
  });
  const response = await tab.fetch("tasks", { method: "POST", body: "mine" });

  expect(response.status).toBe(401);
  expect(tab.user).toEqual({ id: 2 });
  expect(server.count("POST", "/tasks")).toBe(1);
});

test("11 the channel stays open when the page is hidden", async () => {
  const browser = browse();
  let closed = 0;
  const tab = browser.tab({}, { channel: () => ({ onmessage: null, postMessage() {}, close: () => void closed++ }) });
  await tab.login(NAME, PASSWORD);
  window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));

  expect(closed).toBe(0);
});

test.each(["cookie", "local"] as const)(
  "11 a page that comes back from the cache notices the logout (%s)",
  async (storage) => {
    const browser = browse({ storage }, { messages: false });
    const [frozen, other] = [browser.tab(), browser.tab()];
    await frozen.login(NAME, PASSWORD);
    await other.ready();
    await other.logout();

    expect(frozen.state.status).toBe("signed-in");

    window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));

    await vi.waitFor(() => expect(frozen.state.status).toBe("signed-out"));
  },
);

test("12 a focus or a new connection sends no request and calls no listener while nothing changed", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  let calls = 0;
  tab.onChange(() => calls++);
  const requests = server.seen.length;
  for (let i = 0; i < 20; i++) {
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    window.dispatchEvent(new Event("online"));
  }
  await settle(600); // longer than the wait for other tabs

  expect(server.seen.length).toBe(requests);
  expect(calls).toBe(0);
});

test("12 a tab that becomes visible with an expired token refreshes it, without a timer", async () => {
  const browser = browse();
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  browser.now += 8 * 3_600_000;
  await settle(600); // longer than the wait for other tabs

  expect(server.refreshes()).toBe(0);

  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));

  await vi.waitFor(() => expect(server.refreshes()).toBe(1));
  expect(tab.state.status).toBe("signed-in");
});

test("12 offline at the start: loading with an error, signed in when the connection is back", async () => {
  const browser = browse();
  const before = browser.tab();
  await before.login(NAME, PASSWORD);
  before.close();
  browser.online = false;
  const tab = browser.tab();

  expect(await tab.ready()).toMatchObject({ status: "loading", user: null, error: { code: "offline" } });

  browser.online = true;
  window.dispatchEvent(new Event("online"));

  await vi.waitFor(() => expect(tab.state).toEqual({ status: "signed-in", user: { id: 1 }, error: null }));
});

test("13 the state is replaced only when it changes", async () => {
  const browser = browse();
  const tab = browser.tab();
  const states: unknown[] = [];
  tab.onChange((state) => states.push(state));
  await tab.login(NAME, PASSWORD);
  const state = tab.getSnapshot();
  await tab.token({ force: true });
  await tab.fetch("protected");
  await tab.login(NAME, PASSWORD);

  expect(tab.getSnapshot()).toBe(state);
  expect(states).toEqual([state]);
});

test("13 a removed or failing listener does not affect the others", async () => {
  const browser = browse();
  const tab = browser.tab();
  let calls = 0;
  const off = tab.subscribe(() => calls++);
  // A common mistake: reading the id of a user who has just signed out.
  tab.subscribe((state) => void (state.user as { id: number }).id);
  tab.subscribe(() => calls++);
  off();
  // The exception is reported as an unhandled rejection.
  const reported: unknown[] = [];
  const own = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", (reason) => reported.push(reason));
  await tab.login(NAME, PASSWORD);
  await tab.logout();
  await settle();
  process.removeAllListeners("unhandledRejection");
  own.forEach((listener) => process.on("unhandledRejection", listener));

  expect(calls).toBe(2);
  expect([...server.sessions.values()].map((session) => session.alive)).toEqual([false]);
  expect(reported).toEqual([expect.any(TypeError)]);
});
