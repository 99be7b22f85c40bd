import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

// Mutants of the client are tested by pointing the same tests at another source folder.
const source = process.env["SIGNET_SRC"] ?? fileURLToPath(new URL("src", import.meta.url));

const config: ViteUserConfig = defineConfig({
  resolve: { alias: { "#signet": source } },
  test: { include: ["tests/**/*.test.{ts,tsx}"], testTimeout: 10_000 },
});

export default config;
