import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The paths that belong to Flask; all else is the page. */
const API = ["/token", "/account", "/tasks", "/protected", "/demo", "/health", "/.well-known"];
const server = "http://127.0.0.1:5000";

export default defineConfig({
  plugins: [react()],
  build: {
    // The page's policy forbids inline scripts and `data:` styles, so that nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` next to `make run`: one origin for the browser, so neither CORS nor cookies need care.
    proxy: Object.fromEntries(API.map((path) => [path, { target: server, changeOrigin: false }])),
  },
});
