/** Makes the one client of the page for the chosen storage, and writes its life into the journal. */
import { createClient, type SignetClient } from "flask-signet";

import { forgetAll, note } from "./journal";
import { remember, remembered } from "./remember";
import { makeStore } from "./store";
import { given, swapped, wireFetch } from "./wire";

export type Mode = "cookie" | "memory" | "session" | "local";
export const MODES: readonly Mode[] = ["cookie", "memory", "session", "local"];

const KEY = "tasks.storage";
const isMode = (text: string | null): text is Mode => MODES.includes(text as Mode);

interface Running {
  mode: Mode;
  client: SignetClient;
  stop: () => void;
}

/** Why this tab shows the login form again, if it is not the user's own wish. */
export const over = makeStore<"expired" | "elsewhere" | null>(null);
/** The token that the client would send now; `null` when signed out. */
export const accessToken = makeStore<string | null>(null);
/** What the user is called, as the server said last; `null` until it did. */
export const userName = makeStore<string | null>(null);

let leaving = false;

function welcome(wasKnown: boolean): void {
  const step = given.get()?.step;
  if (step === "login") note("good", "Signed in", "The password opened a session; the client keeps its tokens.");
  else if (step === "refresh")
    note("good", "Session carried on", "One silent refresh at the start of the page, no password.");
  else if (wasKnown) note("good", "Signed in by another tab", "It told this one, which asked the server for nothing.");
  else note("good", "Session found", "This browser still had it, or another tab did: no password, no request.");
}

function farewell(expired: boolean): void {
  if (leaving) note("plain", "Signed out", "Forgotten here first, then the server ended the session.");
  else if (expired) {
    over.set("expired");
    note("bad", "Session over", "The server refused to carry it on: somebody must sign in again.");
  } else {
    over.set("elsewhere");
    note("plain", "Signed out in another tab", "It told this one, which forgot its tokens too.");
  }
}

/** Watch *client* until the function that is given back is called. */
function watch(client: SignetClient): () => void {
  let before = client.state;

  /** The client's token may be another one: see which, and where it came from. */
  const look = async (): Promise<void> => {
    if (client.state.status !== "signed-in") return;
    const token = await client.token().catch(() => null);
    const old = accessToken.get();
    if (token === null || token === old || client.state.status !== "signed-in") return;
    accessToken.set(token);
    swapped.set(null);
    if (old === null) return; // the beginning of a session has an entry of its own
    if (given.get()?.token === token)
      note("good", "Token refreshed", "A new access token, and the refresh token changed too.");
    else note("plain", "Adopted from another tab", "It had a newer token, so this one asked the server for none.");
  };

  const off = client.onChange((state) => {
    const wasIn = before.status === "signed-in";
    if (state.status === "signed-in") {
      if (wasIn) accessToken.set(null); // another user
      over.set(null);
      welcome(before.status === "signed-out");
      void look();
    } else if (wasIn) {
      accessToken.set(null);
      swapped.set(null);
      farewell(state.error !== null && state.error.code !== "logged_out_elsewhere");
    }
    before = state;
  });
  // A refresh changes no state, and so no listener hears of it: look after each one of ours, and once a second for
  // those of other tabs. Close to its end the token is left alone; else looking would renew it for ever.
  const offGiven = given.subscribe(() => setTimeout(() => void look(), 20));
  const timer = setInterval(() => {
    if (!document.hidden && secondsLeft(accessToken.get()) > 35) void look();
  }, 1000);
  return () => {
    off();
    offGiven();
    clearInterval(timer);
  };
}

function secondsLeft(token: string | null): number {
  try {
    const payload = JSON.parse(atob((token ?? "").split(".")[1] ?? "")) as { exp?: number };
    return (payload.exp ?? 0) - Date.now() / 1000;
  } catch {
    return 0;
  }
}

function run(mode: Mode): Running {
  const client = createClient({ storage: mode }, { fetch: wireFetch });
  return { mode, client, stop: watch(client) };
}

const stored = remembered(KEY);
export const running = makeStore<Running>(run(isMode(stored) ? stored : "cookie"));

/** End the session by the user's wish. */
export async function signOut(client: SignetClient): Promise<void> {
  leaving = true;
  try {
    await client.logout();
  } finally {
    leaving = false;
  }
}

/** Keep tokens elsewhere from now on. They do not move, so the session ends. */
export async function changeMode(mode: Mode): Promise<void> {
  const { client, stop } = running.get();
  if (client.state.status === "signed-in") await signOut(client);
  stop();
  client.close();
  remember(KEY, mode);
  forgetAll();
  note("plain", `Storage: ${mode}`, "A new client was made; sign in to fill it.");
  running.set(run(mode));
}
