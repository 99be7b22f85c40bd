// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { sessionHint } from "#signet/hint.js";

afterEach(() => {
  vi.unstubAllGlobals();
  document.cookie = "signet_hint=; Max-Age=0";
});

test("in a page the hint is read from its cookies", () => {
  expect(sessionHint()).toBe(false);

  document.cookie = "signet_hint=1";

  expect(sessionHint()).toBe(true);
  expect(sessionHint({ cookieName: "shop" })).toBe(false);
});

test.each([
  ["signet_hint=1", true],
  ["a=b; signet_hint=1", true],
  ["a=b;signet_hint=1; c=d", true],
  ["signet_hint=", false],
  ["signet_hint=0", false],
  ["signet_hint=12", false],
  ["x_signet_hint=1", false],
  ["signet_hint", false],
  ["", false],
])("on a server the hint of the cookies %j is %s", (cookie, expected) => {
  expect(sessionHint({ headers: new Headers({ cookie }) })).toBe(expected);
});

test("the hint is undefined where it is unknown", () => {
  const from = (site: string, cookie = "") => sessionHint({ headers: new Headers({ cookie, "sec-fetch-site": site }) });

  // A link on another site: browsers send no SameSite=Strict cookie.
  expect(from("cross-site")).toBeUndefined();
  expect([from("none"), from("same-site"), from("same-origin")]).toEqual([false, false, false]);
  // In a frame on another site, with a partitioned cookie.
  expect(from("cross-site", "signet_hint=1")).toBe(true);
  expect(sessionHint({ headers: { get: () => null } })).toBe(false);

  vi.stubGlobal("document", undefined);

  expect(sessionHint()).toBeUndefined();
});
