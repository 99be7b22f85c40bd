// The client without each of a browser's globals, in React Native, in Node and in a worker thread.
import { fileURLToPath } from "node:url";
import { createContext, Script } from "node:vm";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
// @ts-expect-error it has no types
import { JSDOM } from "jsdom";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Server, startServer } from "./support/server.js";

// Every platform with `fetch` has these.
const NEEDED = ["Headers", "Request", "Response", "URL"];
// A login, a request, a rejected token, a logout; the result has the statuses that the page sees.
const JOURNEY = `
  globalThis.journey = (async () => {
    const auth = createClient({ baseUrl, storage, timeoutMs: 5000 }, send ? { fetch: send } : {});
    await auth.ready();
    const user = await auth.login("alesanchezr", "12341234");
    const first = (await auth.fetch("protected")).status;
    await expire();
    const second = (await auth.fetch("protected")).status;
    await auth.logout();
    const third = (await auth.fetch("protected")).status;
    auth.close();
    return [user.id, first, second, third, auth.state.status].join();
  })();
`;
const GOES_WELL = "1,200,200,401,signed-out";

let bundle: string;
let server: Server;

beforeAll(async () => {
  const source = process.env["SIGNET_SRC"] ?? fileURLToPath(new URL("../src", import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: `export { createClient } from "${source}/index.ts";`, resolveDir: source },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "signet",
  });
  bundle = `${outputFiles[0]?.text ?? ""};var { createClient } = signet;`;
  server = await startServer();
});
afterAll(() => server.close());

/** Return the globals of a browser page by name. The server is on another origin. */
function makeGlobals(): Map<string, unknown> {
  const { window } = new JSDOM("<!doctype html>", { url: "https://page.test/" }) as { window: object };
  const globals = new Map<string, unknown>();
  for (const from of [window, globalThis] as Record<string, unknown>[]) {
    for (const name of Object.getOwnPropertyNames(from)) {
      try {
        globals.set(
          name,
          typeof from[name] === "function" && !/^[A-Z]/.test(name) ? (from[name] as () => void).bind(from) : from[name],
        );
      } catch {
        // For example the storage of a page without an origin.
      }
    }
  }
  // Globals of the language itself exist in every context.
  for (const name of Object.getOwnPropertyNames(new Script("globalThis").runInContext(createContext({}))))
    globals.delete(name);
  for (const name of ["globalThis", "self", "global", "top", "parent", "frames"]) globals.delete(name);
  globals.set("window", window);
  return globals;
}

let made: Map<string, unknown> | undefined;
const pageGlobals = (): Map<string, unknown> => new Map((made ??= makeGlobals()));

/** Run the journey with only these globals, and collect the names that are read. */
async function run(globals: Map<string, unknown>, storage: string, touched = new Set<string>()): Promise<string> {
  const send = globals.has("fetch") ? undefined : fetch;
  const context = createContext({ baseUrl: server.url, storage, send, expire: () => server.expire() });
  for (const [name, value] of globals) {
    Object.defineProperty(context, name, { get: () => (touched.add(name), value), set: () => {}, configurable: true });
  }
  new Script(bundle + JOURNEY).runInContext(context);
  return (context as { journey: Promise<string> }).journey;
}

/** Return the same globals without the member *gone* of the window, and collect the members that are read. */
function withWindow(globals: Map<string, unknown>, gone: string | null, touched: Set<string>): Map<string, unknown> {
  const window = globals.get("window") as object;
  const watched = new Proxy(window, {
    get(target, name) {
      touched.add(String(name));
      const value: unknown = name === gone ? undefined : Reflect.get(target, name, target);
      return typeof value === "function" && !/^[A-Z]/.test(String(name)) ? (value as () => void).bind(target) : value;
    },
  });
  return new Map([...globals, ["window", watched]]);
}

const MODES = ["memory", "session", "local"] as const;

test("the client works without any one of the globals that it reads", async () => {
  const touched = new Set<string>();
  for (const storage of MODES) expect(await run(pageGlobals(), storage, touched)).toBe(GOES_WELL);
  const names = [...touched].filter((name) => !NEEDED.includes(name));

  expect(names).toEqual(expect.arrayContaining(["window", "BroadcastChannel", "AbortController", "location", "fetch"]));

  const results: Record<string, string> = {};
  // Also those that are read after a rejected token or a lost connection.
  for (const name of [...names, "atob", "navigator", "document", "crypto", "TextDecoder", "AbortSignal"]) {
    if (name.startsWith("set")) continue; // a timer is a part of every platform
    for (const storage of MODES) {
      const globals = pageGlobals();
      globals.delete(name);
      results[`${name}, ${storage}`] = await run(globals, storage).catch(String);
    }
  }

  expect(results).toEqual(Object.fromEntries(Object.keys(results).map((key) => [key, GOES_WELL])));
}, 60_000);

test("the client works without any one of the window's members", async () => {
  const touched = new Set<string>();

  expect(await run(withWindow(pageGlobals(), null, touched), "local")).toBe(GOES_WELL);
  expect([...touched]).toEqual(expect.arrayContaining(["addEventListener", "navigator", "removeEventListener"]));

  const results: Record<string, string> = {};
  for (const name of [...touched, "document"]) {
    results[name] = await run(withWindow(pageGlobals(), name, new Set()), "local").catch(String);
  }

  expect(results).toEqual(Object.fromEntries(Object.keys(results).map((key) => [key, GOES_WELL])));
});

test.each(["localStorage", "sessionStorage", "BroadcastChannel", "navigator", "document"])(
  "the client works where reading %s throws",
  async (name) => {
    for (const storage of MODES) {
      const globals = pageGlobals();
      const window = globals.get("window") as object;
      const forbidden = (): never => {
        throw new Error("SecurityError");
      };
      globals.delete(name);
      globals.set(
        "window",
        new Proxy(window, { get: (target, key) => (key === name ? undefined : Reflect.get(target, key, target)) }),
      );
      const context = createContext({ baseUrl: server.url, storage, send: fetch, expire: () => server.expire() });
      for (const [key, value] of globals) Object.defineProperty(context, key, { value, configurable: true });
      if (name.endsWith("Storage") || name === "BroadcastChannel")
        Object.defineProperty(context, name, { get: forbidden });
      new Script(bundle + JOURNEY).runInContext(context);

      expect(await (context as { journey: Promise<string> }).journey).toBe(GOES_WELL);
    }
  },
);

test("the client works in React Native: no events, storage, AbortSignal.timeout or document", async () => {
  const { AbortController: Aborter } = globalThis;
  const globals = new Map<string, unknown>(
    Object.entries({
      fetch,
      URL,
      Headers,
      Request,
      Response,
      setTimeout,
      clearTimeout,
      AbortController: Aborter,
      console,
    }),
  );
  globals.set("AbortSignal", { abort: () => {} });
  globals.set("navigator", { product: "ReactNative" });
  let kept: string | null = null;
  const storage = { get: async () => kept, set: async (text: string | null) => void (kept = text) };
  const context = createContext({
    baseUrl: server.url.slice(0, -1),
    storage,
    send: undefined,
    expire: () => server.expire(),
  });
  for (const [name, value] of globals) Object.defineProperty(context, name, { value, configurable: true });
  new Script("globalThis.window = globalThis;" + bundle + JOURNEY).runInContext(context);

  expect(await (context as { journey: Promise<string> }).journey).toBe(GOES_WELL);
  expect(kept).toBeNull();
});

test("a request times out without AbortSignal.timeout too", async () => {
  server.once("/token", () => new Promise((done) => setTimeout(() => done(false), 400)));
  const globals = pageGlobals();
  globals.delete("AbortSignal");
  const context = createContext({ baseUrl: server.url });
  for (const [name, value] of globals) Object.defineProperty(context, name, { value, configurable: true });
  new Script(
    `${bundle}globalThis.code = createClient({ baseUrl, storage: "memory", timeoutMs: 50 }).login("a", "b").catch((error) => error.code);`,
  ).runInContext(context);

  expect(await (context as { code: Promise<string> }).code).toBe("timeout");
});

test("the client works in a worker thread", async () => {
  const worker = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads");
     const { baseUrl, storage, send } = workerData;
     const expire = () => new Promise((done) => { parentPort.once("message", done); parentPort.postMessage("expire"); });
     ${bundle}${JOURNEY}
     globalThis.journey.then((text) => parentPort.postMessage(text), (error) => parentPort.postMessage(String(error)));`,
    { eval: true, workerData: { baseUrl: server.url, storage: "local", send: null } },
  );
  const result = await new Promise((done) => {
    worker.on("message", (text: string) => {
      if (text !== "expire") return done(text);
      server.expire();
      worker.postMessage("done");
    });
  });
  await worker.terminate();

  expect(result).toBe(GOES_WELL);
});

test("the client does not keep Node running", async () => {
  const { spawn } = await import("node:child_process");
  const node = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `${bundle}
     const auth = createClient({ baseUrl: ${JSON.stringify(server.url)}, storage: "memory", timeoutMs: 60_000 });
     await auth.login("alesanchezr", "12341234");
     console.log((await auth.fetch("protected")).status);`,
  ]);
  const output: string[] = [];
  node.stdout.on("data", (part: Buffer) => output.push(part.toString()));
  const status = await new Promise((done) => node.on("exit", done));

  expect([status, output.join("").trim()]).toEqual([0, "200"]);
});
