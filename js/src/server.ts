import { noAnswer, toError } from "./errors.js";
import type { Answer } from "./tokens.js";

/** Resolve as late as possible: a server that renders the page has no address to resolve against. */
export const resolver =
  (baseUrl: string) =>
  (path: string): URL =>
    new URL(path, new URL(baseUrl, globalThis.location?.href));

/**
 * Make the function that asks the server's own routes: with a body a POST, and it gives the answer; else a DELETE.
 *
 * It throws a `SignetError` for everything that is not a success.
 */
export const connect =
  (resolve: (path: string) => URL, send: typeof fetch, cookie: boolean, timeoutMs: number) =>
  async (path: string, bearer?: string | null, body?: object): Promise<Answer | undefined> => {
    let response: Response | undefined;
    try {
      response = await send(resolve(path).href, {
        method: body ? "POST" : "DELETE",
        headers: {
          ...(body && { "Content-Type": "application/json" }),
          ...(cookie && { "X-Signet": "1" }),
          ...(bearer && { Authorization: `Bearer ${bearer}` }),
        },
        // Of nothing it makes nothing.
        body: JSON.stringify(body),
        // Without cookie mode a cookie that was left behind must not compete with the token in the body.
        credentials: cookie ? "include" : "omit",
        // A logout is often the last thing that a page does.
        keepalive: !body,
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.ok) return body && ((await response.json()) as Answer);
    } catch (cause) {
      throw noAnswer(cause, response && "server");
    }
    throw await toError(response, !bearer);
  };
