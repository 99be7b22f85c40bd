/** Makes the one client of the page for the chosen storage, and writes its life into the journal. */
import { createClient } from "flask-signet";

import { forgetAll, note } from "./journal";
import { remember, remembered } from "./remember";
import { makeStore } from "./store";
import { swapped, takeAuthStep, takeRefusal, wireFetch } from "./wire";

export type Mode = "cookie" | "memory" | "session" | "local";
export const MODES: readonly Mode[] = ["cookie", "memory", "session", "local"];
export type Client = ReturnType<typeof makeClient>;

const KEY = "tasks.storage";
const isMode = (text: string | null): text is Mode => MODES.includes(text as Mode);

const makeClient = (mode: Mode) => createClient({ baseUrl: "/", storage: mode }, { fetch: wireFetch });

interface Running {
  mode: Mode;
  client: Client;
}

/** Why this tab shows the login form again, if it is not the user's own wish. */
export const over = makeStore<"expired" | "elsewhere" | null>(null);
/** The token that the client would send now; `null` when signed out. */
export const accessToken = makeStore<string | null>(null);

let leaving = false;

function watch(client: Client): void {
  let wasIn = false;
  let first = true;
  client.onChange((state) => {
    if (state.status === "loading") return;
    const isIn = state.status === "signed-in";
    if (isIn) void tokenChanged(client, wasIn, first);
    else if (wasIn) signedOut();
    wasIn = isIn;
    first = false;
  });
}

async function tokenChanged(client: Client, wasIn: boolean, first: boolean): Promise<void> {
  const step = takeAuthStep();
  const token = await client.token().catch(() => null);
  if (token === null || token === accessToken.get()) return;
  accessToken.set(token);
  swapped.set(null);
  over.set(null);
  if (step === "login") note("good", "Signed in", "The password opened a session; the client keeps its tokens.");
  else if (step === "refresh" && wasIn) note("good", "Token refreshed", "A new access token, and the refresh token changed too.");
  else if (step === "refresh") note("good", "Session carried on", "One silent refresh at the start of the page, no password.");
  else if (first) note("good", "Session found", "The storage of this browser still had its tokens.");
  else note("plain", "Adopted from another tab", "Another tab had a newer token, so this one asked for none.");
}

function signedOut(): void {
  accessToken.set(null);
  swapped.set(null);
  if (leaving) note("plain", "Signed out", "Forgotten here first, then the server ended the session.");
  else if (takeRefusal()) {
    over.set("expired");
    note("bad", "Session over", "The server refused the refresh token: somebody must sign in again.");
  } else {
    over.set("elsewhere");
    note("plain", "Signed out in another tab", "It told this one, which forgot its tokens too.");
  }
}

function run(mode: Mode): Running {
  const client = makeClient(mode);
  watch(client);
  return { mode, client };
}

const stored = remembered(KEY);
export const running = makeStore<Running>(run(isMode(stored) ? stored : "cookie"));

/** End the session by the user's wish. */
export async function signOut(client: Client): Promise<void> {
  leaving = true;
  try {
    await client.logout();
  } catch {
    // The tokens are gone from this browser; without a line the server learns of it when they expire.
  } finally {
    leaving = false;
  }
}

/** Keep tokens elsewhere from now on. They do not move, so the session ends. */
export async function changeMode(mode: Mode): Promise<void> {
  const { client } = running.get();
  await signOut(client);
  client.close();
  remember(KEY, mode);
  forgetAll();
  note("plain", `Storage: ${mode}`, "A new client was made; sign in to fill it.");
  running.set(run(mode));
}
