import { isSignetError, noAnswer, toError } from "./errors.js";
import type { SignetClient } from "./types.js";

/** Options of `json`: those of `fetch`, except that *body* is any value and is sent as JSON. */
export interface JsonInit extends Omit<RequestInit, "body"> {
  readonly body?: unknown;
}

/**
 * Send a request with the access token and return the JSON of the response; `undefined` for an empty response (204).
 *
 * @param init the options of `fetch`. With a *body* the default method is POST.
 * @typeParam T the type of the JSON. It is not checked.
 * @throws SignetError for every status that is not a success, with its `code` and `body`
 * @throws NetworkError if there is no usable response
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
    // Aborted by the caller.
    if (isSignetError(cause) || init.signal?.aborted) throw cause;
    const code =
      globalThis.navigator?.onLine === false
        ? "offline"
        : // As in the client: a page may send a request to any server; it needs permission only to read the response.
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
