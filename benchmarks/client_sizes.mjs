// Installs other clients into a temporary folder, measures each in the same way as flask-signet, and prints the sizes
// as JSON.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { version as esbuild } from "esbuild";
import { ENTRY, weigh } from "../js/scripts/size.mjs";

const OURS = fileURLToPath(new URL("../js/", import.meta.url));
const KIT = ["useSignIn", "useSignOut", "useAuthUser", "useAuthHeader", "useIsAuthenticated"];

// Name, npm packages, and the imports of an application.
const CLIENTS = [
  ["flask-signet", [], ENTRY.core],
  ["flask-signet with React", [], ENTRY.react],
  ["flask-signet, all of it", [], ENTRY["all exports"]],
  ["next-auth/react", ["next-auth"], `export { SessionProvider, useSession, signIn, signOut } from "next-auth/react";`],
  ["better-auth/client", ["better-auth"], `export { createAuthClient } from "better-auth/client";`],
  ["better-auth/react", ["better-auth"], `export { createAuthClient } from "better-auth/react";`],
  ["oidc-client-ts, UserManager", ["oidc-client-ts"], `export { UserManager } from "oidc-client-ts";`],
  [
    "axios with axios-auth-refresh",
    ["axios", "axios-auth-refresh"],
    `import axios from "axios"; import * as refresh from "axios-auth-refresh"; export { axios, refresh };`,
  ],
  ["supabase auth-js, AuthClient", ["@supabase/auth-js"], `export { AuthClient } from "@supabase/auth-js";`],
  [
    "react-auth-kit",
    ["react-auth-kit"],
    [
      `export { default as AuthProvider } from "react-auth-kit"; export { default as createStore } from "react-auth-kit/createStore";`,
      ...KIT.map((name) => `export { default as ${name} } from "react-auth-kit/hooks/${name}";`),
    ].join("\n"),
  ],
];
const PACKAGES = [...new Set(CLIENTS.flatMap(([, names]) => names))];

const folder = mkdtempSync(join(tmpdir(), "client-sizes-"));
try {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", "--loglevel=error"];
  execFileSync("npm", ["install", ...quiet, ...PACKAGES], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });

  const versionOf = (name) =>
    JSON.parse(readFileSync(join(name ? join(folder, "node_modules", name) : OURS, "package.json"))).version;
  const rows = [];
  for (const [name, packages, contents] of CLIENTS) {
    rows.push({
      name,
      version: (packages.length ? packages : [null]).map(versionOf).join(" + "),
      ...(await weigh(contents, packages.length ? folder : OURS)),
    });
  }
  console.log(JSON.stringify({ esbuild, node: process.version, rows }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
