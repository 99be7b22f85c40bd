/** The headers of a request: `request.headers`, or the object that a framework has instead. */
export interface HeadersOf {
  get(name: string): string | null | undefined;
}

/** Settings of `sessionHint`. */
export interface SessionHintOptions {
  /** The headers of the request, on a server that renders the page. Default: read the cookies of this page. */
  readonly headers?: HeadersOf | undefined;
  /** The value of `SIGNET_COOKIE_NAME` on the server. Default `"signet"`. */
  readonly cookieName?: string;
}

/**
 * Return whether a session probably exists. Reads the hint cookie that cookie mode sets beside the refresh cookie. Pass
 * the result to `<AuthProvider hint={…}>`. The cookie has no secret and proves nothing: use it only to choose what is
 * shown first.
 *
 * Returns `undefined` if it is unknown: on a server without the headers, and for a request from a link on another site,
 * because browsers do not send the cookie with it.
 */
export function sessionHint({ headers, cookieName = "signet" }: SessionHintOptions = {}): boolean | undefined {
  const cookies = headers ? (headers.get("cookie") ?? "") : globalThis.document?.cookie;
  if (cookies === undefined) return undefined;
  if (cookies.split(";").some((one) => one.trim() === `${cookieName}_hint=1`)) return true;
  return headers?.get("sec-fetch-site") === "cross-site" ? undefined : false;
}
