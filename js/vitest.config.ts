import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

// scripts/mutants.mjs runs the same tests with another source folder.
const source = process.env["SIGNET_SRC"] ?? fileURLToPath(new URL("src", import.meta.url));
// scripts/react18.mjs runs the tests of the React bindings with another version of React.
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
