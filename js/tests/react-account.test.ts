// @vitest-environment jsdom
// useAccount and useSessions: what a component shows as users, responses and connections change.
import { act, createElement as h, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Account } from "#signet/account/index.js";
import type { SignetClient } from "#signet/index.js";
import { useAccount, useSessions } from "#signet/react/account.js";
import { AuthProvider } from "#signet/react/index.js";
import { openBrowser, settle, thrown } from "./support/browser.js";
import { browser, server, setUpServerAndBrowser } from "./support/setup.js";

const [MARIA, OTHER] = [
  ["alesanchezr", "12341234"],
  ["other", "43214321"],
] as const;

let client: SignetClient;
let root: Root | undefined;
let place: HTMLElement;
let account: ReturnType<typeof useAccount>;
let sessions: ReturnType<typeof useSessions>;
const accounts: ReturnType<typeof useAccount>[] = [];

setUpServerAndBrowser();
beforeEach(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  client = browser.tab();
  place = document.body.appendChild(document.createElement("div"));
});
afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  place.remove();
  accounts.length = 0;
  localStorage.clear();
});

const ShowAccount = () => {
  accounts.push((account = useAccount()));
  const { data, error, pending } = account;
  return `${data?.username ?? "nobody"} ${error?.code ?? "fine"}${pending ? " …" : ""}`;
};
const ShowSessions = () => {
  sessions = useSessions();
  return `${sessions.data?.length ?? "no"} open, ${sessions.error?.code ?? "fine"}${sessions.pending ? " …" : ""}`;
};

const show = async (component: () => string): Promise<void> => {
  root = createRoot(place);
  await act(async () => root?.render(h(StrictMode, null, h(AuthProvider, { client }, h(component)))));
};
// Polls, because React renders only at the end of `act`, and must not render outside of it.
const shown = async (text: string): Promise<void> => {
  for (let round = 0; round < 400 && place.textContent !== text; round++) await act(() => settle(5));
  expect(place.textContent).toBe(text);
};
const login = ([name, password]: readonly [string, string]): Promise<void> =>
  act(async () => void (await client.login(name, password)));

/** Hold the next response to *path* until the returned function is called. */
const hold = (path: string, body: unknown): (() => void) => {
  let release = (): void => {};
  const held = new Promise<void>((done) => (release = done));
  server.once(path, async (_request, response) => {
    await held;
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    return true;
  });
  return release;
};

// --- Both ----------------------------------------------------------------------------------------------------

test("no request is sent while no user is signed in; after the login the account is read", async () => {
  await show(ShowAccount);
  await shown("nobody fine");

  expect(server.count("GET", "/account")).toBe(0);

  await login(MARIA);
  await shown("alesanchezr fine");

  expect(account.data).toMatchObject({ id: 1, roles: [] });
});

test("after a logout the account is not shown, and no request is sent", async () => {
  await show(ShowAccount);
  await login(MARIA);
  await shown("alesanchezr fine");
  const asked = server.count("GET", "/account");
  await act(() => client.logout());
  await shown("nobody fine");

  expect(server.count("GET", "/account")).toBe(asked);
});

test("the account of one user is never shown to the next one, not even for one render", async () => {
  await show(ShowAccount);
  await login(MARIA);
  await shown("alesanchezr fine");
  accounts.length = 0;
  await login(OTHER);
  await shown("other fine");

  expect(new Set(accounts.map((one) => one.data?.id))).toEqual(new Set([undefined, 2]));
});

test("a response that arrives after the user has changed is dropped", async () => {
  await client.login(...MARIA);
  const release = hold("/account", { id: 1, username: "late" });
  // StrictMode sends two requests: the second one is held too.
  const again = hold("/account", { id: 1, username: "late" });
  await show(ShowAccount);
  await shown("nobody fine …");
  await login(OTHER);
  await shown("other fine");
  release();
  again();
  await act(() => settle());

  expect(place.textContent).toBe("other fine");
});

test("a response that arrives after the component was unmounted causes no error", async () => {
  await client.login(...MARIA);
  const releases = [hold("/account", { id: 1 }), hold("/account", { id: 1 })];
  await show(ShowAccount);
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  await act(async () => root?.unmount());
  root = undefined;
  releases.forEach((release) => release());
  await settle();

  expect(errors.mock.calls).toEqual([]);
  errors.mockRestore();
});

test("an error is shown and does not reject; reload asks again", async () => {
  await client.login(...MARIA);
  for (let times = 0; times < 2; times++) server.fail("/account", 503);
  await show(ShowAccount);
  await shown("nobody server");

  await act(() => account.reload());
  await shown("alesanchezr fine");
});

test("the old data stays during a reload and beside an error", async () => {
  await client.login(...MARIA);
  await show(ShowAccount);
  await shown("alesanchezr fine");
  const release = hold("/account", { id: 1, username: "new" });
  let reloaded: Promise<void> | undefined;
  await act(async () => void (reloaded = account.reload()));

  expect(place.textContent).toBe("alesanchezr fine …");

  release();
  await act(async () => reloaded);
  await shown("new fine");
  browser.online = false;
  await act(() => account.reload());
  await shown("new offline");
});

test("a new token causes no request", async () => {
  await client.login(...MARIA);
  await show(ShowAccount);
  await shown("alesanchezr fine");
  const [asked, renders] = [server.count("GET", "/account"), accounts.length];
  await act(async () => void (await client.token({ force: true })));
  await act(() => settle());

  expect([server.count("GET", "/account"), accounts.length]).toEqual([asked, renders]);
});

test("two renders without a change get the same object", async () => {
  await client.login(...MARIA);
  await show(ShowAccount);
  await shown("alesanchezr fine");
  const before = account;
  await act(async () => root?.render(h(StrictMode, null, h(AuthProvider, { client }, h(ShowAccount)))));

  expect(account).toBe(before);
});

test("after the server has ended the session no account is shown", async () => {
  await client.login(...MARIA);
  await show(ShowAccount);
  await shown("alesanchezr fine");
  for (const session of server.sessions.values()) session.alive = false;
  await act(() => account.reload());
  await shown("nobody fine");

  expect(client.state.error?.code).toBe("token_revoked");
});

// --- Each ----------------------------------------------------------------------------------------------------

test("update changes what is shown and returns the account", async () => {
  await client.login(...MARIA);
  await show(ShowAccount);
  await shown("alesanchezr fine");
  let changed: Account | undefined;
  await act(async () => void (changed = await account.update({ username: "maria" })));
  await shown("maria fine");

  expect(changed).toMatchObject({ id: 1, username: "maria" });
});

test("a rejected update throws, and the old data stays", async () => {
  await client.login(...MARIA);
  await show(ShowAccount);
  await shown("alesanchezr fine");
  let error: Error | undefined;
  await act(async () => void (error = await thrown(account.update({ username: "other" }))));

  expect(error).toMatchObject({ name: "ValidationError", code: "conflict", fields: { username: "taken" } });
  expect(place.textContent).toBe("alesanchezr fine");
});

test("the sessions of all devices are listed; one is ended, then all others", async () => {
  const devices = [1, 2, 3].map(() => openBrowser(server.url));
  for (const device of devices) await device.tab().login(...MARIA);
  await client.login(...MARIA);
  await show(ShowSessions);
  await shown("4 open, fine");
  const other = sessions.data?.find((one) => !one.current);
  await act(() => sessions.end(other?.id ?? ""));
  await shown("3 open, fine");

  expect(sessions.data?.map((one) => one.id)).not.toContain(other?.id);

  await act(() => sessions.endOthers());
  await shown("1 open, fine");

  expect(sessions.data?.[0]?.current).toBe(true);
  expect(client.state.status).toBe("signed-in");
  devices.forEach((device) => device.close());
});

test("ending an unknown session throws, and the list stays", async () => {
  await client.login(...MARIA);
  await show(ShowSessions);
  await shown("1 open, fine");
  let error: Error | undefined;
  await act(async () => void (error = await thrown(sessions.end("no/such"))));

  expect(error).toMatchObject({ code: "not_found", status: 404 });
  expect(server.seen.at(-1)?.path).toBe("/account/sessions/no%2Fsuch");
  expect(place.textContent).toBe("1 open, fine");
});
