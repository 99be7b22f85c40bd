import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

// Mutants of the client are tested by pointing the same tests at another source folder.
const source = process.env["SIGNET_SRC"] ?? fileURLToPath(new URL("src", import.meta.url));
// Another React than the installed one, for the bindings: see scripts/react18.mjs.
const react = process.env["REACT_FOLDER"];

const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: [
      { find: "#signet", replacement: source },
      ...(react ? [{ find: /^(react|react-dom)(?=$|\/)/, replacement: `${react}$1` }] : []),
    ],
  },
  test: { include: ["tests/**/*.test.{ts,tsx}"], testTimeout: 10_000 },
});

export default config;
