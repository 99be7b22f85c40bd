/**
 * The `fetch` of the client, between the library and the server.
 *
 * It writes every request into the journal, can let all requests fail ("Go offline"), and can send another token
 * instead of the client's ("Use an expired token", "Use a changed token"). The library does not notice it.
 */
import { begin, finish, note, type Report } from "./journal";
import { makeStore } from "./store";

export type AuthStep = "login" | "refresh" | null;

const PASSWORD = "__PASSWORD__";
const REFRESH = "__REFRESH__";
export const placeholders = { PASSWORD, REFRESH } as const;

/** Whether all requests of this page fail. */
export const cut = makeStore(false);
/** The token that is sent instead of the real one, until the client has a new one. */
export const swapped = makeStore<{ real: string; sent: string } | null>(null);

const refused = new Map<string, number>();

/** The last access token that the server sent to this tab, and the request for it. Not the tokens of other tabs. */
export const given = makeStore<{ token: string; step: AuthStep } | null>(null);

/** Return the token that is really sent if the client sends *token*. */
export const onTheWire = (token: string, swap: { real: string; sent: string } | null): string =>
  swap?.real === token ? swap.sent : token;

function stepOf(method: string, path: string): AuthStep {
  if (method !== "POST") return null;
  return path === "/token" ? "login" : path === "/token/refresh" ? "refresh" : null;
}

/** Return the body with its secrets replaced, so that the log never has them. */
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
    if (cut.get()) throw new TypeError("Failed to fetch"); // as a browser without a connection
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

/** Let all requests fail, or end that, and send the event that a browser would send. */
export function setCut(offline: boolean): void {
  cut.set(offline);
  note(
    offline ? "bad" : "good",
    offline ? "Offline" : "Online again",
    offline ? "Every request fails until you go online." : "",
  );
  window.dispatchEvent(new Event(offline ? "offline" : "online"));
}
