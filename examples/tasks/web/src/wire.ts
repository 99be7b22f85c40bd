/**
 * The `fetch` that the client is given: between the library and the server, in plain sight.
 *
 * It writes every request into the journal, can cut the line ("go offline"), and can put another token
 * in the place of the client's ("expire now", "corrupt"). The library knows nothing of it.
 */
import { begin, finish, note, type Report } from "./journal";
import { makeStore } from "./store";

export type AuthStep = "login" | "refresh" | null;

const PASSWORD = "__PASSWORD__";
const REFRESH = "__REFRESH__";
export const placeholders = { PASSWORD, REFRESH } as const;

/** The line is cut for this page. */
export const cut = makeStore(false);
/** What travels in the place of a token: real → sent. Lives until the client has a new one. */
export const swapped = makeStore<{ real: string; sent: string } | null>(null);

const refused = new Map<string, number>();

/** The last access token that the server gave to this tab, and for what. Tokens of other tabs are not here. */
export const given = makeStore<{ token: string; step: AuthStep } | null>(null);

/** What the server will see if the client sends *token*. */
export const onTheWire = (token: string, swap: { real: string; sent: string } | null): string =>
  swap?.real === token ? swap.sent : token;

function stepOf(method: string, path: string): AuthStep {
  if (method !== "POST") return null;
  return path === "/token" ? "login" : path === "/token/refresh" ? "refresh" : null;
}

/** The body for people: its secrets replaced, so that no log ever held them. */
function withoutSecrets(body: string): string | null {
  if (!body) return null;
  try {
    return JSON.stringify(JSON.parse(body), (key, value: unknown) => {
      if (key === "password" || key === "current_password") return PASSWORD;
      return key === "refresh_token" ? REFRESH : value;
    });
  } catch {
    return null;
  }
}

function reportOf(response: Response): Report | null {
  try {
    return JSON.parse(response.headers.get("X-Demo-Log") ?? "null") as Report | null;
  } catch {
    return null;
  }
}

async function tokenOf(response: Response): Promise<string> {
  const body = (await response.clone().json()) as { token?: unknown };
  return String(body.token);
}

async function errorOf(response: Response): Promise<string | null> {
  if (response.ok) return null;
  try {
    const body = (await response.clone().json()) as { error?: unknown };
    return typeof body.error === "string" ? body.error : null;
  } catch {
    return null;
  }
}

export const wireFetch: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const url = new URL(request.url);
  const path = url.pathname + url.search;
  const bearer = /^Bearer (.+)$/.exec(request.headers.get("Authorization") ?? "")?.[1] ?? null;
  const token = bearer && onTheWire(bearer, swapped.get());
  if (token) request.headers.set("Authorization", `Bearer ${token}`);

  const key = `${request.method} ${path}`;
  const again = Date.now() - (refused.get(key) ?? 0) < 15_000;
  refused.delete(key);
  const headers = [...request.headers].filter(([name]) => name !== "authorization");
  const body = request.body ? withoutSecrets(await request.clone().text()) : null;
  const id = begin({ method: request.method, path, headers, body, token, again });

  try {
    if (cut.get()) throw new TypeError("Failed to fetch"); // what a browser without a line does
    const response = await fetch(request);
    const step = stepOf(request.method, url.pathname);
    if (step && response.ok) given.set({ step, token: await tokenOf(response) });
    if (response.status === 401 && !step) refused.set(key, Date.now());
    finish(id, { status: response.status, error: await errorOf(response), report: reportOf(response) });
    return response;
  } catch (error) {
    finish(id, { status: 0, error: request.signal.aborted ? "aborted" : "no_answer", report: null });
    throw error;
  }
};

/** Cut the line or mend it, and tell the page as a browser would. */
export function setCut(offline: boolean): void {
  cut.set(offline);
  note(
    offline ? "bad" : "good",
    offline ? "Line cut" : "Line mended",
    offline ? "Every request fails until it is mended." : "",
  );
  window.dispatchEvent(new Event(offline ? "offline" : "online"));
}
