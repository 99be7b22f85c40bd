// Where requests and passwords are sent, and the helpers for JSON and the account.
import { expect, test } from "vitest";
import { account, remove, update } from "#signet/account/index.js";
import { createClient, NetworkError, SessionExpiredError } from "#signet/index.js";
import { json } from "#signet/json.js";
import { thrown } from "./support/browser.js";
import { startServer } from "./support/server.js";
import { browser, NAME, PASSWORD, server, setUpServerAndBrowser } from "./support/setup.js";

setUpServerAndBrowser();

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
