// @vitest-environment jsdom
import { act, createElement as h, type ReactNode, StrictMode, Suspense, version } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SignetClient } from "#signet/index.js";
import { AuthProvider, RequireAuth, SignedIn, SignedOut, useAuth } from "#signet/react/index.js";
import { settle } from "./support/browser.js";
import { browser, server, setUpServerAndBrowser } from "./support/setup.js";

let root: Root | undefined;
let place: HTMLElement;

setUpServerAndBrowser();
beforeEach(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  place = document.body.appendChild(document.createElement("div"));
});
afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  place.remove();
  localStorage.clear();
});

const Page = () =>
  h(
    "main",
    null,
    h(SignedIn, null, "in "),
    h(SignedOut, null, "out "),
    h(RequireAuth, { fallback: "please log in", loading: "one moment" }, "secret"),
  );

const app = (client: SignetClient, page: ReactNode = h(Page)) =>
  h(StrictMode, null, h(AuthProvider, { client, children: page }));

const show = async (client: SignetClient, page: ReactNode = h(Page)): Promise<void> => {
  root = createRoot(place);
  await act(async () => root?.render(app(client, page)));
};

test("loading, signed out, signed in and out again are shown as they happen", async () => {
  const client = browser.tab();
  await show(client);

  expect(place.textContent).toBe("one moment");

  await act(async () => void (await client.ready()));

  expect(place.textContent).toBe("out please log in");

  await act(async () => void (await client.login("alesanchezr", "12341234")));

  expect(place.textContent).toBe("in secret");

  await act(() => client.logout());

  expect(place.textContent).toBe("out please log in");
});

test("StrictMode and several providers make one silent refresh", async () => {
  const client = browser.tab();
  await show(client, h(AuthProvider, { client, children: h(Page) }));
  await act(async () => void (await client.ready()));

  expect(server.refreshes()).toBe(1);
});

test("a login and a logout in another tab are shown here", async () => {
  const [here, there] = [browser.tab(), browser.tab()];
  await show(here);
  await act(async () => void (await here.ready()));
  await act(async () => {
    await there.login("alesanchezr", "12341234");
    await vi.waitFor(() => expect(here.state.status).toBe("signed-in"));
  });

  expect(place.textContent).toBe("in secret");

  await act(async () => {
    await there.logout();
    await vi.waitFor(() => expect(here.state.status).toBe("signed-out"));
  });

  expect(place.textContent).toBe("out please log in");
});

test("nothing renders again while nothing changes", async () => {
  const client = browser.tab();
  await client.login("alesanchezr", "12341234");
  const seen: unknown[] = [];
  const Probe = () => (seen.push(useAuth()), null);
  await show(client, h(Probe));
  const renders = seen.length;
  await act(async () => {
    await client.token({ force: true });
    await client.fetch("protected");
    window.dispatchEvent(new Event("online"));
    await settle();
  });

  expect(seen.length).toBe(renders);
  expect(seen.at(-1)).toMatchObject({ status: "signed-in", user: { id: 1 }, error: null, login: client.login });
});

test("what a server rendered is hydrated without a mismatch, signed in already or not", async () => {
  const client = browser.tab();
  const html = renderToString(app(client));

  expect(html).toContain("one moment");
  expect(server.seen).toEqual([]);

  await client.login("alesanchezr", "12341234");
  place.innerHTML = html;
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  const recovered: unknown[] = [];
  await act(async () => {
    root = hydrateRoot(place, app(client), { onRecoverableError: (error) => recovered.push(error) });
  });

  expect(place.textContent).toBe("in secret");
  expect([errors.mock.calls, recovered]).toEqual([[], []]);

  errors.mockRestore();
});

test("with suspense a component waits for the first response, and sends one request", async () => {
  const Name = () => `user ${String(useAuth({ suspense: true }).user?.id)}`;
  const before = browser.tab();
  await before.login("alesanchezr", "12341234");
  before.close();
  const client = browser.tab();
  await show(client, h(Suspense, { fallback: "waiting" }, h(Name)));

  expect(place.textContent).toBe("waiting");

  await act(async () => void (await client.ready()));

  expect(place.textContent).toBe("user 1");
  expect(server.refreshes()).toBe(1);
});

test("with suspense and offline the component is shown with the error, without asking for ever", async () => {
  browser.online = false;
  const client = browser.tab();
  const Name = () => useAuth({ suspense: true }).error?.code ?? "fine";
  await show(client, h(Suspense, { fallback: "waiting" }, h(Name)));
  await act(async () => void (await client.ready()));

  expect(place.textContent).toBe("offline");
});

// --- No answer ---------------------------------------------------------------------------------------------

/** Return a tab whose server gives no usable response until it is started. */
const beforeTheServer = (answer: () => Promise<Response>) => {
  let started = false;
  const client = browser.tab({}, { fetch: (...given) => (started ? browser.fetch(...given) : answer()), now: Date.now });
  return { client, start: () => void (started = true) };
};

const ANSWERS: [code: string, answer: () => Promise<Response>][] = [
  ["unreachable", () => Promise.reject(new TypeError("fetch failed"))],
  ["server", async () => new Response("Bad Gateway", { status: 502 })],
  ["csrf_failed", async () => Response.json({ error: "csrf_failed", msg: "no" }, { status: 403 })],
];

test.each(ANSWERS)("when the first response is %s, the page shows the error and asks again later", async (code, answer) => {
  const { client, start } = beforeTheServer(answer);
  const page = h(RequireAuth, { fallback: "log in", loading: "one moment", error: (error) => `trouble ${error.code}` });
  await show(client, page);
  await act(async () => void (await client.ready()));

  expect(place.textContent).toBe(`trouble ${code}`);

  start();
  await act(() => vi.waitFor(() => expect(client.state.status).toBe("signed-out"), 8000));

  expect(place.textContent).toBe("log in");
  expect(server.refreshes()).toBe(1);
});

test("the error content may be fixed, and is the loading content by default", async () => {
  const { client } = beforeTheServer(() => Promise.reject(new TypeError("fetch failed")));
  const fixed = h(RequireAuth, { loading: "one moment", error: "trouble" });
  await show(client, h("p", null, fixed, " ", h(RequireAuth, { loading: "one moment" })));

  expect(place.textContent).toBe("one moment one moment");

  await act(async () => void (await client.ready()));

  expect(place.textContent).toBe("trouble one moment");
});

test("the retry function asks again at once, and does nothing else while there is no response", async () => {
  const { client, start } = beforeTheServer(() => Promise.reject(new TypeError("fetch failed")));
  const error = (_error: unknown, retry: () => void): ReactNode => h("button", { onClick: retry });
  await show(client, h(RequireAuth, { fallback: "log in", error }));
  await act(async () => void (await client.ready()));
  const press = (): void => place.querySelector("button")?.click();
  await act(async () => press());

  expect(client.state).toMatchObject({ status: "loading", error: { code: "unreachable" } });

  start();
  // The client waits two seconds after a failure before it asks again.
  await settle(2050);
  await act(async () => {
    press();
    await vi.waitFor(() => expect(client.state.status).toBe("signed-out"), 300);
  });

  expect(place.textContent).toBe("log in");
});

test("a hidden or unmounted page sends no request", async () => {
  let asked = 0;
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  const { client } = beforeTheServer(() => (asked++, Promise.reject(new TypeError("fetch failed"))));
  await show(client);
  await act(async () => void (await client.ready()));
  const first = asked;
  await settle(2700);

  expect(asked).toBe(first);

  hidden.mockRestore();
  await act(async () => root?.unmount());
  root = undefined;
  await settle(5200);

  expect(asked).toBe(first);
}, 20_000);

// --- The hint ----------------------------------------------------------------------------------------------

const hinted = (client: SignetClient, hint: boolean | undefined): ReactNode =>
  h(StrictMode, null, h(AuthProvider, { client, hint, children: h(Page) }));

test.each([
  [undefined, "one moment"],
  [true, "one moment"],
  [false, "out please log in"],
])("with the hint %s a server renders %j, hydrated without a mismatch, signed in or not", async (hint, first) => {
  for (const signedIn of [false, true]) {
    const client = browser.tab();
    if (signedIn) await client.login("alesanchezr", "12341234");
    const html = renderToString(hinted(client, hint));
    place.innerHTML = html;
    // React puts comments between the strings.
    expect(place.textContent).toBe(first);

    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const recovered: unknown[] = [];
    await act(async () => {
      root = hydrateRoot(place, hinted(client, hint), { onRecoverableError: (error) => recovered.push(error) });
    });
    await act(async () => void (await client.ready()));

    expect(place.textContent).toBe(signedIn ? "in secret" : "out please log in");
    expect([errors.mock.calls, recovered]).toEqual([[], []]);

    errors.mockRestore();
    await act(async () => root?.unmount());
  }
});

test("a hint shows no content that needs a user, and the known state replaces it", async () => {
  const seen: unknown[] = [];
  const Probe = () => {
    const { status, user, hint } = useAuth();
    seen.push([status, user?.id, hint]);
    return null;
  };
  const client = browser.tab();
  root = createRoot(place);
  await act(async () => root?.render(h(AuthProvider, { client, hint: true }, h(Probe), h(Page))));

  expect(place.textContent).toBe("one moment");

  await act(async () => void (await client.ready()));
  await act(async () => void (await client.login("alesanchezr", "12341234")));

  expect(place.textContent).toBe("in secret");
  expect(seen).toEqual([
    ["loading", undefined, true],
    ["signed-out", undefined, undefined],
    ["signed-in", 1, undefined],
  ]);
});

test("a login form shown by a hint keeps its input when the state is known", async () => {
  const client = browser.tab();
  const form = h(RequireAuth, { fallback: h("input"), loading: "one moment" }, "secret");
  root = createRoot(place);
  await act(async () => root?.render(h(AuthProvider, { client, hint: false }, form)));
  const field = place.querySelector("input");
  await act(async () => void (await client.ready()));

  expect(client.state.status).toBe("signed-out");
  expect(field?.isConnected).toBe(true);
});

test("without a provider the error says what is missing", () => {
  expect(() => renderToString(h(SignedIn))).toThrow("AuthProvider");
});

test("the tests run with the requested version of React", () => {
  expect(version.split(".")[0]).toBe(process.env["REACT_MAJOR"] ?? "19");
});
