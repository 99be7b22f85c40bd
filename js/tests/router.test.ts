// The helpers for routers.
import { expect, test, vi } from "vitest";
import { requireUser, safeNext } from "#signet/router.js";
import { settle, thrown } from "./support/browser.js";
import { browser, NAME, PASSWORD, setUpServerAndBrowser } from "./support/setup.js";

setUpServerAndBrowser();

const request = (path: string, signal?: AbortSignal) =>
  new Request(`https://page.test${path}`, signal ? { signal } : {});

test("requireUser returns the user, or redirects to the login with the way back", async () => {
  const tab = browser.tab();
  const refused = await requireUser(tab, request("/tasks?x=1&y=é#z")).catch((response: Response) => response);

  expect((refused as Response).status).toBe(302);
  expect((refused as Response).headers.get("Location")).toBe(
    `/login?next=${encodeURIComponent("/tasks?x=1&y=%C3%A9")}`,
  );

  const next = new URL((refused as Response).headers.get("Location") ?? "", "https://page.test").searchParams.get(
    "next",
  );

  expect(safeNext(next)).toBe("/tasks?x=1&y=%C3%A9");

  await tab.login(NAME, PASSWORD);

  expect(await requireUser(tab, request("/tasks"))).toEqual({ id: 1 });
});

test("requireUser waits while offline instead of redirecting to the login", async () => {
  const before = browser.tab();
  await before.login(NAME, PASSWORD);
  before.close();
  browser.online = false;
  const fetchOffline: typeof fetch = async (input, init) => {
    if (!browser.online) throw new TypeError("fetch failed");
    return browser.fetch(input, init);
  };
  const tab = browser.tab({}, { fetch: fetchOffline });
  const waiting = requireUser(tab, request("/tasks"));

  await vi.waitFor(() => expect(tab.state).toMatchObject({ status: "loading", error: { code: "offline" } }));

  browser.online = true;
  browser.now += 5_000;

  expect(await waiting).toEqual({ id: 1 });
});

test("requireUser rejects when the navigation is cancelled", async () => {
  browser.online = false;
  const aborter = new AbortController();
  const waiting = thrown(requireUser(browser.tab(), request("/tasks", aborter.signal)));
  await settle();
  aborter.abort();

  expect((await waiting).name).toBe("AbortError");
});

test.each(["/", "/tasks", "/tasks?x=1#y", "/a%20b?next=//evil.test", "/100%25", "/käse?é=ü", "/@evil.test", "/a//b"])(
  "safeNext keeps a path of this site: %s",
  (path) => {
    expect(safeNext(path)).toBe(path);
  },
);

test("safeNext never leads to another site, in any spelling", () => {
  const pieces = [
    "/",
    "//",
    "\\",
    "\t",
    "\n",
    " ",
    "\0",
    "%2f",
    "%5C",
    "%252f",
    "%09",
    "..",
    ".",
    "/.",
    "evil.test",
    ":",
    "javascript:",
    "@",
    "?",
    "#",
    "%",
    "\u0085",
  ];
  const own = "https://own.test";
  let state = 1;
  const pick = (): string => pieces[(state = (state * 48_271) % 2_147_483_647) % pieces.length] as string;
  const wrong: unknown[] = [];
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + (round % 6) }, pick).join("");
    let path = safeNext(text, "/fallback");
    if (path !== text && path !== "/fallback") wrong.push([text, path]);
    // As it is, and after each decoding by a server.
    for (let decoded = 0; decoded < 4; decoded++) {
      const { origin, pathname } = new URL(path, own);
      if (origin !== own || pathname.startsWith("//")) wrong.push([text, path]);
      try {
        path = decodeURIComponent(path.split(/[?#]/)[0] as string);
      } catch {
        break;
      }
    }
  }

  expect(wrong).toEqual([]);

  for (const nothing of [
    null,
    undefined,
    "",
    "tasks",
    "https://own.test/x",
    "javascript:alert(1)",
    "?x",
    "/\\evil.test",
  ]) {
    expect(safeNext(nothing)).toBe("/");
  }
});
