/** What has the headers of a request: `request.headers`, or what a framework gives in their place. */
export interface HeadersOf {
  get(name: string): string | null | undefined;
}

/** Settings of `sessionHint`. */
export interface SessionHintOptions {
  /** The headers of the request, on a server that renders the page. Default: the cookies of this page. */
  readonly headers?: HeadersOf | undefined;
  /** What the server has in `SIGNET_COOKIE_NAME`. Default `"signet"`. */
  readonly cookieName?: string;
}

/**
 * Return whether a session probably exists, by the hint cookie that cookie mode sets beside its refresh cookie; for the
 * `hint` of `<AuthProvider>`. It has no secret and proves nothing: use it only to choose what is shown first.
 *
 * `undefined` where it cannot be known: on a server without the headers, and for a request that a link on another site
 * caused, with which browsers send no such cookie.
 */
export function sessionHint({ headers, cookieName = "signet" }: SessionHintOptions = {}): boolean | undefined {
  const cookies = headers ? (headers.get("cookie") ?? "") : globalThis.document?.cookie;
  if (cookies === undefined) return undefined;
  if (cookies.split(";").some((one) => one.trim() === `${cookieName}_hint=1`)) return true;
  return headers?.get("sec-fetch-site") === "cross-site" ? undefined : false;
}
