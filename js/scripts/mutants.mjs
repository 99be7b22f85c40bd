// Breaks the client in one place at a time and checks that the tests of the affected rule fail.
// Each mutant is a copy of the source with one replacement; the tests read it from the folder in `SIGNET_SRC`.
// With `--check` it only checks that the source still has each original code.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = `${root}mutants/`;

const MUTANTS = [
  // rule, file, original code, replacement
  [1, "tokens.ts", "at + life * 1000", "Date.parse('2026-01-01') + life * 1000"],
  [2, "client.ts", "(flight ??= refresh(stale)", "(flight = refresh(stale)"],
  [2, "client.ts", "tokens?.token !== stale || (known && !stale)", "known && !stale"],
  [2, "client.ts", 'post("ask", false, stale);', ""],
  [2, "client.ts", "tokens?.token === stale || done()", "done()"],
  [3, "client.ts", "custom ? nothing : save", "save"],
  [3, "client.ts", "lock(name, signal, work)", "lock(name, new AbortController().signal, work)"],
  [4, "client.ts", "cookie && next.until + next.token > tokens.until + tokens.token", "cookie"],
  [4, "client.ts", "failure = { error, at: now() };", "take();"],
  [4, "client.ts", "return work();", "throw error;"],
  [
    4,
    "browser.ts",
    "return page && new BroadcastChannel(name);\n  } catch {",
    "return page && new BroadcastChannel(name);\n  } finally {",
  ],
  [
    5,
    "client.ts",
    "status !== 401 && status !== 422 && (presented || (status !== 404 && status !== 405))",
    "status >= 500 || !status",
  ],
  [5, "client.ts", "failure.error.retryAfter ?? 2", "2"],
  [5, "errors.ts", 'Number(response.headers?.get("Retry-After")) || undefined', "undefined"],
  [6, "client.ts", "if (force || !lasts(0)) throw error;", "throw error;"],
  [7, "client.ts", '      "duplex" in init ||\n', ""],
  [7, "client.ts", 'href.replace("/refresh", "") === resolve("token")', "false"],
  [7, "client.ts", ' || headers.has("Authorization")', ""],
  [7, "client.ts", "sendSigned(spare ?? href)", "signedFetch(spare ?? href, init)"],
  [8, "client.ts", "request?.clone()", "request"],
  [8, "client.ts", "send(what, { ...init, headers })", "send(what, { ...init, headers, signal: null })"],
  [9, "client.ts", '    post("out");\n    await (', "    await ("],
  [
    9,
    "client.ts",
    "    const bearer = drop();\n    const told = cookie || bearer ? tell(query, bearer) : undefined;",
    "    const bearer = tokens?.token;\n    const told = cookie || bearer ? tell(query, bearer) : undefined;\n    await told;\n    drop();",
  ],
  [9, "client.ts", "owe(query);", ""],
  [9, "client.ts", 'entry("local", name)', 'entry("local", `${key}-logout`)'],
  [9, "client.ts", 'type !== "storage" && owe()', "owe()"],
  [9, "client.ts", "keepalive: !body", "keepalive: false"],
  [10, "client.ts", "tokens?.token !== stale || (known && !stale)", "false"],
  [10, "client.ts", "tokens?.token !== stale || (known && !stale)", "tokens?.token !== stale"],
  [10, "client.ts", "if (!known && !cookie) return;", "if (!known) return;"],
  [10, "client.ts", "tokens?.user === used.user", "tokens"],
  [11, "client.ts", "force: persisted && !store", "force: false"],
  [
    11,
    "client.ts",
    '["online", "pageshow", "storage", "visibilitychange"]',
    '["online", "storage", "visibilitychange"]',
  ],
  [
    11,
    "client.ts",
    '  listen("addEventListener");\n',
    '  listen("addEventListener");\n  page?.addEventListener("pagehide", () => channel?.close());\n',
  ],
  [12, "client.ts", "force: persisted && !store", "force: true"],
  [12, "client.ts", '"visibilitychange"]', "]"],
  [12, "client.ts", '["online", ', "["],
  [
    13,
    "client.ts",
    "if (status === state.status && tokens?.user === state.user?.id && error === state.error) return;",
    "",
  ],
  [13, "client.ts", "void listeners.delete(listener)", "undefined"],
  [13, "client.ts", "async (listener) => listener(state)", "(listener) => listener(state)"],
];

// All mutants, or those of the rules in the arguments.
const onlyCheck = process.argv.includes("--check");
const rules = process.argv.slice(2).map(Number).filter(Boolean);
const chosen = MUTANTS.filter(([rule]) => rules.length === 0 || rules.includes(rule));
for (const [rule, file, from] of chosen) {
  if (readFileSync(`${root}src/${file}`, "utf8").split(from).length !== 2)
    throw new Error(`rule ${rule}: not found exactly once in ${file}: ${from}`);
}
if (onlyCheck) process.exit();
rmSync(folder, { recursive: true, force: true });
let survivors = 0;
for (const [index, [rule, file, from, to]] of chosen.entries()) {
  const source = `${folder}${index}/`;
  mkdirSync(source, { recursive: true });
  cpSync(`${root}src`, source, { recursive: true });
  const text = readFileSync(`${source}${file}`, "utf8");
  writeFileSync(
    `${source}${file}`,
    text.replace(from, () => to),
  );
  // A mutant that does not build would count as killed by any test.
  await build({ entryPoints: [`${source}index.ts`], bundle: true, write: false, logLevel: "error" });
  const { status } = spawnSync("npx", ["--no", "vitest", "run", "tests/rules.test.ts", "--bail=1", "-t", `^${rule} `], {
    cwd: root,
    env: { ...process.env, SIGNET_SRC: source.slice(0, -1) },
    stdio: "ignore",
    timeout: 120_000,
  });
  console.log(`${status === 0 ? "SURVIVED" : "killed  "} rule ${rule}: ${from.trim().split("\n")[0]}`);
  if (status === 0) survivors++;
}
rmSync(folder, { recursive: true, force: true });
console.log(`${chosen.length - survivors} of ${chosen.length} killed`);
process.exit(survivors ? 1 : 0);
