import { afterEach, beforeEach } from "vitest";
import { openBrowser } from "./browser.js";
import { type Server, startServer } from "./server.js";

/** A user of the test server. */
export const NAME = "alesanchezr";
export const PASSWORD = "12341234";

/** The server and the browser of the running test. */
export let server: Server;
export let browser: ReturnType<typeof openBrowser>;

/** Start a server and open a browser on it before each test of the file; close both afterwards. */
export function setUpServerAndBrowser(): void {
  beforeEach(async () => {
    server = await startServer();
    browser = openBrowser(server.url);
  });
  afterEach(async () => {
    browser.close();
    await server.close();
  });
}
