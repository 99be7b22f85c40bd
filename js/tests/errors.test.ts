// The error of each failure, and its message and hint.
import { expect, test, vi } from "vitest";
import { changePassword } from "#signet/account/index.js";
import { InvalidCredentialsError, isSignetError, MfaRequiredError, NetworkError, RateLimitError, SignetError, ValidationError } from "#signet/index.js";
import { explain, hintOf, MESSAGES, messageOf } from "#signet/messages.js";
import { thrown } from "./support/browser.js";
import { startServer } from "./support/server.js";
import { browser, NAME, PASSWORD, server, setUpServerAndBrowser } from "./support/setup.js";

setUpServerAndBrowser();

const MFA = { error: "mfa_required", msg: "x", mfa_token: "sgm_1", methods: ["totp"], expires_in: 300 };

test.each([
  [401, { msg: "Bad username or password" }, InvalidCredentialsError, "invalid_credentials"],
  [401, { error: "Bad email or password" }, InvalidCredentialsError, "invalid_credentials"],
  [401, "<h1>Unauthorized</h1>", InvalidCredentialsError, "invalid_credentials"],
  [401, MFA, MfaRequiredError, "mfa_required"],
  [401, { ...MFA, error: "mfa_setup_required" }, SignetError, "mfa_setup_required"],
  [401, { error: "account_locked", msg: "x" }, SignetError, "account_locked"],
  [403, { error: "email_unverified", msg: "x", email: "m@x.test" }, SignetError, "email_unverified"],
  [422, { msg: "x" }, ValidationError, "invalid_request"],
  [429, { msg: "x" }, RateLimitError, "invalid_request"],
  [500, { msg: "x" }, NetworkError, "server"],
] as const)("the error of a login answered with %i %j has its code and body", async (status, body, Kind, code) => {
  server.fail("/token", status, {}, body);
  const error = await thrown(browser.tab().login(NAME, PASSWORD));

  expect(error.constructor).toBe(Kind);
  expect(error).toMatchObject({ code, status, ...(typeof body === "object" && { body }) });
  expect(isSignetError(error)).toBe(true);
});

test.each([
  ["token_revoked", { error: "token_revoked", msg: "x" }],
  ["token_expired", { error: "token_expired", msg: "x" }],
  ["invalid_token", { error: "invalid_token", msg: "x" }],
  ["invalid_token", { msg: "Token has expired" }],
])("the state says how the server ended the session: %s", async (code, body) => {
  const tab = browser.tab();
  const other = browser.tab();
  await tab.login(NAME, PASSWORD);
  await other.ready();
  server.fail("/token/refresh", 401, {}, body);

  expect(await thrown(tab.token({ force: true }))).toMatchObject({ name: "SessionExpiredError", code });
  expect(tab.state.error).toMatchObject({ code });
  await vi.waitFor(() => expect(other.state).toMatchObject({ status: "signed-out", error: { code } }));
});

test("a logout here is no error; a logout in another tab is one", async () => {
  const [one, two] = [browser.tab(), browser.tab()];
  await one.login(NAME, PASSWORD);
  await two.ready();
  await one.logout();
  await vi.waitFor(() => expect(two.state.status).toBe("signed-out"));

  expect(one.state.error).toBeNull();
  expect(two.state.error).toMatchObject({ name: "SessionExpiredError", code: "logged_out_elsewhere" });

  await two.login(NAME, PASSWORD);

  expect(two.state.error).toBeNull();
  expect(await thrown(changePassword(browser.tab({ storage: "memory" }), "a", "b"))).toMatchObject({
    code: "logged_out",
  });
});

test("a missing server is unreachable, not offline", async () => {
  const free = await startServer();
  await free.close();
  const tab = browser.tab({ baseUrl: free.url, storage: "memory" });
  const error = await thrown(tab.login(NAME, PASSWORD));

  expect(error).toMatchObject({ name: "NetworkError", code: "unreachable", status: 0 });
  expect(hintOf(error)).toContain("Is Flask running?");

  browser.online = false;
  const offline = await thrown(browser.tab().login(NAME, PASSWORD));

  expect(offline).toMatchObject({ code: "offline" });
  expect([messageOf(offline), hintOf(offline)]).toEqual(["You are offline.", undefined]);
});

test.each([
  [404, "<h1>Not found</h1>", /proxy/],
  [200, "<!doctype html>", /not JSON.* proxy/],
  [405, "<h1>Method Not Allowed</h1>", /proxy/],
  [404, { error: "not_found", msg: "x" }, undefined],
  [500, "", /Is Flask running/],
  [502, "<h1>Bad Gateway</h1>", /Is Flask running/],
  [503, { error: "unavailable", msg: "x" }, undefined],
] as const)("the hint for a response %i %j says what to do", async (status, body, hint) => {
  server.fail("/token", status, {}, body);
  const error = await thrown(browser.tab().login(NAME, PASSWORD));

  if (hint) expect(hintOf(error)).toMatch(hint);
  else expect(hintOf(error)).toBeUndefined();
  expect(messageOf(error)).not.toContain("HTTP");
});

test("messages are chosen by code, never from the response; custom messages come first", async () => {
  const error = new RateLimitError("try 1", { code: "rate_limited", status: 429, retryAfter: 90 });
  const weak = new ValidationError("x", { code: "invalid_request", status: 400, fields: { username: "is missing" } });

  expect(messageOf(error)).toBe("Too many tries. Try again in 2 min.");
  expect(messageOf(error, { rate_limited: "Warte {time}." })).toBe("Warte 2 min.");
  expect(messageOf(weak)).toBe("is missing");
  expect([messageOf(new Error("secret")), messageOf(null), messageOf("x")]).toEqual(Array(3).fill(MESSAGES.unknown));
});

test("explain returns the message for users and writes the hint to the console", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const html = new NetworkError("server http://x/", { code: "server", status: 0 });
  const bug = new TypeError("x is undefined");

  expect([explain(html), explain(bug), explain(html, { server: "Kaputt." })]).toEqual([
    MESSAGES.server,
    MESSAGES.unknown,
    "Kaputt.",
  ]);
  expect(warn.mock.calls).toEqual([[hintOf(html)], [bug], [hintOf(html)]]);

  warn.mockRestore();
});
