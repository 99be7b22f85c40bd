// Prints what an application pays for the package: minified by esbuild, gzip level 9, React not counted.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

export const BUDGET = { core: 3072, react: 3686 };

const ENTRY = {
  core: 'export { createClient } from "./src/index.ts";',
  react: 'export { createClient } from "./src/index.ts"; export * from "./src/react/index.ts";',
  "react + account":
    'export { createClient } from "./src/index.ts"; export * from "./src/react/index.ts"; export * from "./src/account/index.ts";',
};

/** Return entry → bytes after minification and gzip. */
export async function sizes() {
  const result = {};
  for (const [name, contents] of Object.entries(ENTRY)) {
    const { outputFiles } = await build({
      stdin: { contents, loader: "ts", resolveDir: fileURLToPath(new URL("..", import.meta.url)) },
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      platform: "browser",
      target: "es2022",
      external: ["react"],
      define: { "process.env.NODE_ENV": '"production"' },
    });
    result[name] = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  }
  return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.table(await sizes());
