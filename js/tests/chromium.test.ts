// The client in six real tabs when the token expires.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { SignetClient } from "#signet/index.js";
import { type Server, startServer } from "./support/server.js";

declare global {
  interface Window {
    auth: SignetClient;
  }
}

// The path that `make browser` has written.
const noted = new URL("../../.venv/.browser", import.meta.url);
const executablePath =
  process.env["SIGNET_CHROMIUM"] ?? (existsSync(noted) ? readFileSync(noted, "utf8").trim() : "/usr/bin/chromium");
const run = test.skipIf(!existsSync(executablePath) && !process.env["CI"]);

let script: string;
let chrome: Browser | undefined;
let server: Server;

beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { createClient } from "./src/index.ts";
        window.auth = createClient({ storage: new URLSearchParams(location.search).get("storage") });`,
      resolveDir: fileURLToPath(new URL("..", import.meta.url)),
    },
    bundle: true,
    write: false,
    format: "esm",
  });
  script = outputFiles[0]?.text ?? "";
  if (existsSync(executablePath)) {
    chrome = await chromium.launch({ executablePath, args: ["--host-resolver-rules=MAP lan.test 127.0.0.1"] });
  }
}, 60_000);
afterAll(() => chrome?.close());
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

async function openTabs(host: string, storage: string): Promise<Page[]> {
  const context = await (chrome as Browser).newContext();
  const origin = `http://${host}:${new URL(server.url).port}`;
  server.pages.set("/", `<script type="module">${script}</script>`);
  const open = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${origin}/?storage=${storage}`);
    return page;
  };
  const first = await open();
  await first.evaluate(() => window.auth.login("alesanchezr", "12341234"));
  const tabs = [first, ...(await Promise.all(Array.from({ length: 5 }, open)))];
  await Promise.all(tabs.map((tab) => tab.evaluate(() => window.auth.ready())));
  return tabs;
}

const fiveRequests = (tabs: Page[]) =>
  Promise.all(
    tabs.map((tab) =>
      tab.evaluate(() =>
        Promise.all(
          [1, 2, 3, 4, 5].map(async (n) => {
            const response = await window.auth.fetch("tasks", { method: "POST", body: String(n) });
            return ((await response.json()) as { body?: string }).body;
          }),
        ),
      ),
    ),
  );

run.each(["cookie", "local"])(
  "six tabs, thirty requests, one refresh, every body sent again (%s)",
  async (storage) => {
    const tabs = await openTabs("localhost", storage);
    const before = server.refreshes();
    server.expire();

    expect(await fiveRequests(tabs)).toEqual(Array(6).fill(["1", "2", "3", "4", "5"]));
    expect(server.refreshes() - before).toBe(1);

    await tabs[3]?.evaluate(() => window.auth.logout());

    for (const tab of tabs) {
      await tab.waitForFunction(() => window.auth.state.status === "signed-out");
    }
  },
  60_000,
);

run.each(["memory", "session", "local"])(
  "without storage and locks the session lasts as long as the page (%s)",
  async (storage) => {
    server.sandbox = true;
    server.pages.set("/", `<script type="module">${script}</script>`);
    const page = await (chrome as Browser).newPage();
    await page.goto(`http://localhost:${new URL(server.url).port}/?storage=${storage}`);

    expect(
      await page.evaluate(() =>
        Promise.all([
          navigator.locks.request("x", () => "").catch((error: Error) => error.name),
          new Promise((done) => done(localStorage)).catch((error: Error) => error.name),
        ]),
      ),
    ).toEqual(["SecurityError", "SecurityError"]);

    await page.evaluate(() => window.auth.login("alesanchezr", "12341234"));
    server.expire();

    expect(await page.evaluate(async () => (await window.auth.fetch("protected")).status)).toBe(200);

    await page.evaluate(() => window.auth.logout());

    expect([...server.sessions.values()].map((session) => session.alive)).toEqual([false]);

    await page.close();
  },
  60_000,
);

run.each(["cookie", "local"])(
  "without Web Locks (plain HTTP) all tabs stay signed in with one token (%s)",
  async (storage) => {
    const tabs = await openTabs("lan.test", storage);

    expect(await tabs[0]?.evaluate(() => "locks" in navigator)).toBe(false);

    server.expire();

    expect(await fiveRequests(tabs)).toEqual(Array(6).fill(["1", "2", "3", "4", "5"]));

    const tokens = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.auth.token())));

    expect(new Set(tokens).size).toBe(1);
  },
  60_000,
);
