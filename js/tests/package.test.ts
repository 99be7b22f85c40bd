// Properties of the package as a whole.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const manifest = JSON.parse(readFileSync(path("package.json"), "utf8")) as Record<string, unknown>;

test("the codes and bodies are those of the server", () => {
  execFileSync(path("../.venv/bin/python"), [path("../scripts/typescript_types.py"), "--check"]);
});

test("the client has at most 3400 bytes, with React 4000", async () => {
  const { BUDGET, sizes } = (await import(path("scripts/size.mjs"))) as {
    BUDGET: { core: number; react: number };
    sizes(): Promise<Record<"core" | "react", { gzip: number }>>;
  };
  const { core, react } = await sizes();

  expect(BUDGET).toEqual({ core: 3400, react: 4000 });
  expect(core.gzip).toBeLessThanOrEqual(BUDGET.core);
  expect(react.gzip).toBeLessThanOrEqual(BUDGET.react);
  // A smaller size would mean that a file is missing.
  expect(core.gzip).toBeGreaterThan(2000);
  expect(react.gzip - core.gzip).toBeGreaterThan(200);
});

test("every page states the measured size", async () => {
  const { BUDGET, sizes } = (await import(path("scripts/size.mjs"))) as {
    BUDGET: { core: number; react: number };
    sizes(): Promise<Record<"core" | "react", { gzip: number }>>;
  };
  const { core, react } = await sizes();
  const kB = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
  const text = (name: string): string => readFileSync(path(name), "utf8");

  expect(text("../docs/dependencies.md")).toContain(`at most ${kB(BUDGET.core)}, ${kB(BUDGET.react)} with React`);
  expect(text("../docs/front-end.md")).toContain(`The core weighs ${kB(core.gzip)}, with React ${kB(react.gzip)}`);
  expect(text("README.md")).toContain(`No dependency, ${kB(core.gzip)} (minified, gzip)`);
});

test("the table in the documentation has the sizes of this client", async () => {
  const { sizes } = (await import(path("scripts/size.mjs"))) as {
    sizes(): Promise<Record<string, { minified: number; gzip: number }>>;
  };
  const measured = await sizes();
  const table = readFileSync(path("../docs/benchmarks/client_sizes.md"), "utf8");
  const listed = (name: string): number[] =>
    (new RegExp(`^\\| ${name} \\| [\\d.]+ \\| (\\d+) \\| (\\d+) `, "m").exec(table) ?? []).slice(1).map(Number);

  for (const [row, entry] of Object.entries({
    "flask-signet": "core",
    "flask-signet with React": "react",
    "flask-signet, all of it": "all exports",
  })) {
    const [minified, gzip = 0] = listed(row);

    // Stale? make bench ARGS=client_sizes
    expect([row, minified]).toEqual([row, measured[entry]?.minified]);
    // Another version of zlib compresses slightly differently.
    expect(Math.abs(gzip - (measured[entry]?.gzip ?? 0))).toBeLessThan(20);
  }
});

test("an import of one function does not bundle the others", async () => {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    stdin: { contents: 'export { isSignetError } from "./src/index.ts";', loader: "ts", resolveDir: path("") },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
  });

  expect(outputFiles[0]?.contents.length).toBeLessThan(200);
});

test("no dependency, React optional, types first, provenance", () => {
  const conditions = Object.values(manifest["exports"] as Record<string, object>).filter(
    (one) => typeof one === "object",
  );

  expect(manifest["dependencies"]).toBeUndefined();
  expect(manifest).toMatchObject({
    type: "module",
    sideEffects: false,
    peerDependencies: { react: ">=18" },
    peerDependenciesMeta: { react: { optional: true } },
    publishConfig: { provenance: true },
  });
  expect(conditions.map((one) => Object.keys(one)[0])).toEqual(conditions.map(() => "types"));
  expect(conditions.length).toBe(9);
});

test("the npm package has the built files and the licence, and nothing else", () => {
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: path(""), encoding: "utf8" }),
  ) as [{ files: { path: string }[] }];
  const files = packed.files.map((one) => one.path).filter((name) => !/^dist\/[\w-]+(\.d\.ts|\.js)$/.test(name));

  expect(files.filter((name) => name !== "dist/.ready").sort()).toEqual(["LICENSE", "README.md", "package.json"]);
  expect(readFileSync(path("LICENSE"), "utf8")).toBe(readFileSync(path("../LICENSE"), "utf8"));
});

test("the version is that of the Python package", () => {
  expect(readFileSync(path("../pyproject.toml"), "utf8")).toContain(`version = "${String(manifest["version"])}"`);
});
