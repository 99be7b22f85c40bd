import { isSignetError, noAnswer, toError } from "./errors.js";
import type { SignetClient } from "./types.js";

/** What `json` sends: as `fetch` takes it, but *body* is any value and is sent as JSON. */
export interface JsonInit extends Omit<RequestInit, "body"> {
  readonly body?: unknown;
}

/**
 * Send a request with the access token and return the JSON of its answer; `undefined` for an empty one (204).
 *
 * @param init as of `fetch`. With a *body* the method is POST if none is given.
 * @typeParam T what the route answers; nothing checks it.
 * @throws SignetError for every status that is not a success, with its `code` and `body`
 * @throws NetworkError if no usable answer came
 */
export async function json<T = unknown>(
  client: SignetClient,
  path: string | URL,
  { body, ...init }: JsonInit = {},
): Promise<T> {
  const headers = new Headers(init.headers);
  if (body !== undefined && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
  let response: Response;
  try {
    response = await client.fetch(path, {
      method: body === undefined ? "GET" : "POST",
      ...init,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    // The caller gave it up.
    if (isSignetError(cause) || init.signal?.aborted) throw cause;
    const code =
      globalThis.navigator?.onLine === false
        ? "offline"
        : // As in the client: a page may ask any server, and needs its permission only to read the answer.
          (await client.fetch(path, { mode: "no-cors" }).catch(() => undefined))?.type === "opaque"
          ? "cors"
          : "unreachable";
    throw noAnswer(code, cause, `${path}`);
  }
  if (!response.ok) throw await toError(response);
  if (response.status === 204) return undefined as T;
  return response.json().catch((cause: unknown) => {
    throw noAnswer("server", cause, response.url);
  }) as Promise<T>;
}
