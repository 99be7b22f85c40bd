// The bindings for Svelte and Vue.
import { expect, test, vi } from "vitest";
import type { SignetClient } from "#signet/index.js";
import { toRef, toStore } from "#signet/stores.js";
import { browser, NAME, PASSWORD, setUpServerAndBrowser } from "./support/setup.js";

setUpServerAndBrowser();

test("a Svelte store calls its subscriber at once and at every change; a Vue ref follows", async () => {
  const tab = browser.tab();
  const seen: string[] = [];
  const off = toStore(tab).subscribe((state) => seen.push(state.status));

  expect(seen).toEqual(["loading"]);

  const ref = toRef(tab, (value) => ({ value }));
  await tab.login(NAME, PASSWORD);

  expect(seen.at(-1)).toBe("signed-in");
  expect(ref.value).toBe(tab.state);

  off();
  await tab.logout();

  expect(seen.at(-1)).toBe("signed-in");
  expect(ref.value.status).toBe("signed-out");
});

test("a Svelte store and a Vue ref ask again until the server is started", async () => {
  for (const follow of [
    (tab: SignetClient) => void toStore(tab).subscribe(() => {}),
    (tab: SignetClient) => void toRef(tab, (value) => ({ value })),
  ]) {
    let started = false;
    const send: typeof fetch = (...given) => (started ? browser.fetch(...given) : Promise.reject(new TypeError("no")));
    const tab = browser.tab({}, { fetch: send, now: Date.now });
    // Only a browser has a window.
    vi.stubGlobal("window", {});
    follow(tab);
    await tab.ready();

    expect(tab.state).toMatchObject({ status: "loading", error: { code: "unreachable" } });

    started = true;
    await vi.waitFor(() => expect(tab.state.status).toBe("signed-out"), 5000);
    vi.unstubAllGlobals();
  }
}, 20_000);
