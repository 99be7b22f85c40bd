/** Creates the client of the page for the chosen storage, and writes its events into the journal. */
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

/** Why this tab shows the login form again; `null` if the user signed out here. */
export const over = makeStore<"expired" | "elsewhere" | null>(null);
/** The token that the client would send now; `null` when signed out. */
export const accessToken = makeStore<string | null>(null);
/** The user name that the server sent last; `null` before. */
export const userName = makeStore<string | null>(null);

let leaving = false;

function welcome(wasKnown: boolean): void {
  const step = given.get()?.step;
  if (step === "login") note("good", "Signed in", "The server opened a session. The client keeps its tokens.");
  else if (step === "refresh")
    note("good", "Session resumed", "The page sent one refresh request at its start. No password was needed.");
  else if (wasKnown)
    note("good", "Signed in by another tab", "The other tab sent its token. This tab sent no request.");
  else note("good", "Session found", "In the storage of this browser or in another tab. No request was needed.");
}

function farewell(expired: boolean): void {
  if (leaving) note("plain", "Signed out", "The client deleted its tokens, then the server ended the session.");
  else if (expired) {
    over.set("expired");
    note("bad", "Session ended", "The server refused the refresh. Sign in again.");
  } else {
    over.set("elsewhere");
    note("plain", "Signed out in another tab", "This tab deleted its tokens too.");
  }
}

/** Watch *client* until the returned function is called. */
function watch(client: SignetClient): () => void {
  let before = client.state;

  /** Check whether the client has a new token, and note where it came from. */
  const look = async (): Promise<void> => {
    if (client.state.status !== "signed-in") return;
    const token = await client.token().catch(() => null);
    const old = accessToken.get();
    if (token === null || token === old || client.state.status !== "signed-in") return;
    accessToken.set(token);
    swapped.set(null);
    if (old === null) return; // the start of a session has its own entry
    if (given.get()?.token === token)
      note("good", "Token refreshed", "The server sent a new access token and a new refresh token.");
    else note("plain", "Token from another tab", "Another tab refreshed the token. This tab sent no request.");
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
  // A refresh does not change the state, so no listener is called. Check after each refresh of this tab, and once a
  // second for those of other tabs. Not close to the expiry: there, reading the token would refresh it.
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

/** Sign the user out. */
export async function signOut(client: SignetClient): Promise<void> {
  leaving = true;
  try {
    await client.logout();
  } finally {
    leaving = false;
  }
}

/** Change the storage of the tokens. They are not moved, so the session ends. */
export async function changeMode(mode: Mode): Promise<void> {
  const { client, stop } = running.get();
  if (client.state.status === "signed-in") await signOut(client);
  stop();
  client.close();
  remember(KEY, mode);
  forgetAll();
  note("plain", `Storage: ${mode}`, "The page created a new client. Sign in to use it.");
  running.set(run(mode));
}
