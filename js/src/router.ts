import type { SignetClient, User } from "./types.js";

/** Settings of `requireUser`. */
export interface RequireUserOptions {
  /** Where a signed-out user is sent; `?next=` with the address of the request is added. Default `"/login"`. */
  readonly login?: string;
}

const HOST = "http://own.invalid";

/** Whether *path* leads to another site, after what a browser does to it: it leaves controls out, and dots apply. */
function leadsAway(path: string): boolean {
  const bare = path.replace(/[\0-\x20\x7f-\x9f]/g, "");
  try {
    const { origin, pathname } = new URL(bare, HOST);
    return !bare.startsWith("/") || origin !== HOST || pathname.startsWith("//");
  } catch {
    return true; // such as `//` alone
  }
}

/**
 * Return *url* if it is a path on this site, else *fallback*. For `?next=` and its like: an address that an attacker
 * may have written must not lead the user to another site.
 *
 * Refused are other hosts (`//`, `/\`), schemes (`javascript:`), backslashes, control characters and spaces (a browser
 * leaves some of them out), and a path that leads away once it is percent-decoded, since a server may do that.
 */
export function safeNext(url: string | null | undefined, fallback = "/"): string {
  if (!url || !/^\/[^\\\0-\x20\x7f-\x9f]*$/.test(url) || leadsAway(url)) return fallback;
  let path = url.split(/[?#]/)[0] as string;
  for (let rounds = 0; rounds < 5; rounds++) {
    try {
      path = decodeURIComponent(path);
    } catch {
      break; // a percent sign that begins no byte: nobody decodes it further
    }
    if (leadsAway(path)) return fallback;
  }
  return url;
}

const wait = (client: SignetClient, signal: AbortSignal | undefined, ms: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const clear = (): void => {
      clearTimeout(timer);
      off();
      signal?.removeEventListener("abort", give);
    };
    const end = (): void => {
      clear();
      resolve();
    };
    const give = (): void => {
      clear();
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(end, ms);
    const off = client.subscribe(end);
    signal?.addEventListener("abort", give);
    if (signal?.aborted) give();
  });

/**
 * Return the user for a loader of a router, or throw a redirect to the login page (a `Response` with the status 302, as
 * React Router takes it).
 *
 * While nobody can tell whether the user is signed in (offline, or the server has trouble) it waits and tries again,
 * until the router gives the navigation up: a signed-in user is not sent to the login page because of a lost connection.
 *
 * @param request what the loader was given; its `signal` ends the wait.
 * @throws Response the redirect
 */
export async function requireUser<U extends User>(
  client: SignetClient<U>,
  request: Request,
  { login = "/login" }: RequireUserOptions = {},
): Promise<U> {
  await client.ready();
  for (let ms = 2000; client.state.status === "loading"; ms = Math.min(ms * 2, 30_000)) {
    await wait(client as unknown as SignetClient, request.signal, ms);
    if (client.state.status === "loading") await client.token().catch(() => null);
  }
  if (client.user) return client.user;
  const { pathname, search } = new URL(request.url);
  const query = `${login.includes("?") ? "&" : "?"}next=${encodeURIComponent(pathname + search)}`;
  throw new Response(null, { status: 302, headers: { Location: login + query } });
}
