import type { SignetClient, User } from "./types.js";

/** Settings of `requireUser`. */
export interface RequireUserOptions {
  /** Path of the login page. `?next=` with the address of the request is added. Default `"/login"`. */
  readonly login?: string;
}

const HOST = "http://own.invalid";

/** Return whether *path* leads to another site once a browser has removed control characters and resolved dots. */
function leadsAway(path: string): boolean {
  const bare = path.replace(/[\0-\x20\x7f-\x9f]/g, "");
  try {
    const { origin, pathname } = new URL(bare, HOST);
    return !bare.startsWith("/") || origin !== HOST || pathname.startsWith("//");
  } catch {
    return true; // for example `//` alone
  }
}

/**
 * Return *url* if it is a path on this site, else *fallback*. Use it for parameters such as `?next=`: an attacker may
 * have written the address, and it must not lead the user to another site.
 *
 * These are rejected: other hosts (`//`, `/\`), schemes (`javascript:`), backslashes, control characters and spaces
 * (browsers remove some of them), and a path that leads to another site after percent-decoding, because a server may
 * decode it.
 */
export function safeNext(url: string | null | undefined, fallback = "/"): string {
  if (!url || !/^\/[^\\\0-\x20\x7f-\x9f]*$/.test(url) || leadsAway(url)) return fallback;
  let path = url.split(/[?#]/)[0] as string;
  for (let rounds = 0; rounds < 5; rounds++) {
    try {
      path = decodeURIComponent(path);
    } catch {
      break; // invalid percent-encoding: it cannot be decoded further
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
 * Return the user in the loader of a route, or throw a redirect to the login page: a `Response` with status 302, which
 * React Router understands.
 *
 * While it is unknown whether the user is signed in (offline, or the server fails), it waits and tries again until the
 * router cancels the navigation. So a lost connection does not send a signed-in user to the login page.
 *
 * @param request the request of the loader; its `signal` ends the wait.
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
