import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The paths of Flask. All others belong to the page. */
const API = ["/token", "/account", "/tasks", "/protected", "/demo", "/health", "/.well-known"];
const server = "http://127.0.0.1:5000";

export default defineConfig({
  plugins: [react()],
  build: {
    // The Content-Security-Policy forbids inline scripts and `data:` styles, so nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // For `npm run dev` beside `make run`: the browser sees one origin, so CORS is not needed and cookies work.
    proxy: Object.fromEntries(API.map((path) => [path, { target: server, changeOrigin: false }])),
  },
});
