// Size of the package in an application. The size test, `npm run size` and the comparison with other clients use it.
// It measures the built files, which npm ships.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Largest allowed sizes: gzip, in bytes. */
export const BUDGET = { core: 3400, react: 4000 };

/** Entry → the imports of an application. */
export const ENTRY = {
  core: 'export { createClient } from "flask-signet";',
  react: 'export { createClient } from "flask-signet"; export * from "flask-signet/react";',
  "react + account":
    'export { createClient } from "flask-signet"; export * from "flask-signet/react"; export * from "flask-signet/account";',
  "all exports":
    'export * from "flask-signet"; export * from "flask-signet/react"; export * from "flask-signet/account";',
};

/**
 * Bundle *lines* as an application would: for browsers, minified, for production, without React and Next.
 *
 * @param folder the packages come from its node_modules.
 * @returns bytes: `minified`, and of that `gzip` (level 9) and `brotli`
 */
export async function weigh(lines, folder) {
  const { outputFiles } = await build({
    stdin: { contents: lines, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["react", "react-dom", "react/*", "next", "next/*"],
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
  const bundle = outputFiles[0].contents;
  return {
    minified: bundle.length,
    gzip: gzipSync(bundle, { level: 9 }).length,
    brotli: brotliCompressSync(bundle).length,
  };
}

const newest = (folder) =>
  Math.max(
    ...readdirSync(join(root, folder), { recursive: true })
      .map((name) => statSync(join(root, folder, name)))
      .map((entry) => (entry.isFile() ? entry.mtimeMs : 0)),
  );

/** Measure every entry of this package. */
export async function sizes() {
  // Otherwise the sizes would be those of an older build.
  if (newest("dist") < newest("src")) throw new Error("js/dist is older than js/src: make js/dist/.ready");
  const result = {};
  for (const [name, lines] of Object.entries(ENTRY)) result[name] = await weigh(lines, root);
  return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.table(await sizes());
