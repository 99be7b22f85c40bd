// Runs the tests of the React bindings with React 18. It is installed in a separate folder, because one node_modules
// holds only one version of React.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const place = `${root}node_modules/.react18/`;

if (!existsSync(`${place}node_modules/react-dom/package.json`)) {
  mkdirSync(place, { recursive: true });
  writeFileSync(`${place}package.json`, '{ "private": true }\n');
  execFileSync("npm", ["install", "--prefix", place, "--no-fund", "--no-audit", "react@18.3.1", "react-dom@18.3.1"], {
    cwd: place,
    stdio: "inherit",
  });
}
const { status } = spawnSync("npx", ["--no", "vitest", "run", "tests/react.test.ts", "tests/react-account.test.ts"], {
  cwd: root,
  env: { ...process.env, REACT_MAJOR: "18", REACT_FOLDER: `${place}node_modules/` },
  stdio: "inherit",
});
process.exit(status ?? 1);
