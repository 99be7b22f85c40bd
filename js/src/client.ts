import { deadline, defaultLock, entry, openChannel, page } from "./browser.js";
import {
  NetworkError,
  noAnswer,
  type SessionEndCode,
  SessionExpiredError,
  sessionOver,
  SignetError,
  toError,
} from "./errors.js";
import { type Answer, fromText, received, type Tokens, toText } from "./tokens.js";
import type { AuthState, Channel, ClientOptions, Deps, SignetClient, TokenStorage, User } from "./types.js";

/**
 * A message between tabs: `in` is a login, `out` a logout, `new` a refresh, `ask` a request for a newer token.
 * The third part is the access token that was replaced (`new`), that the sender has (`ask`), or how the session ended
 * (`out`).
 */
type Message = readonly [kind: "in" | "out" | "new" | "ask", next?: Tokens | false, old?: string];

/** Start of the body of a 422 about the token, as Flask-JWT-Extended sends it. Rejected forms are answered with 422 too. */
const BAD_TOKEN = /^{\s*"msg": ?"[^"]*(token|segment|signature|header|subject|claim)/i;

const nothing = (): void => {};

/**
 * Create a client for one server. Create one per page. It does no I/O before its first use.
 *
 * The first request throws a TypeError if `baseUrl` is relative and there is no page to resolve it against.
 *
 * @typeParam U the type of the user, to narrow the type of the id: `createClient<User<number>>()`.
 */
export function createClient<U extends User & { readonly [K in Exclude<keyof U, "id">]: never } = User>(
  options: ClientOptions = {},
  deps: Partial<Deps> = {},
): SignetClient<U> {
  const { baseUrl = "/", storage = "cookie", key = "signet", timeoutMs = 10_000, leewayMs = 30_000 } = options;
  const { fetch: send = (...args) => fetch(...args), now = Date.now, lock = defaultLock } = deps;

  const cookie = storage === "cookie";
  const session = storage === "session";
  const custom = typeof storage === "object";
  // Undefined without a storage, and as soon as the storage fails because it is full or forbidden.
  let store: TokenStorage | undefined = custom
    ? storage
    : cookie || storage === "memory"
      ? undefined
      : entry(storage, key);
  const name = `${key} ${baseUrl}`;
  // Stays open while the page is hidden, so that the browser evicts the frozen page when a message arrives.
  let channel: Channel | undefined = (deps.channel ?? openChannel)(name);
  const post = (...message: Message): void => channel?.postMessage(message);

  // --- Requests to the server's own routes -----------------------------------------------------------

  /** Resolve *path* as late as possible: a server that renders the page has no location to resolve against. */
  const resolve = (path: string): string =>
    new URL(path, new URL(baseUrl.replace(/\/?$/, "/"), globalThis.location?.href)).href;

  /** POST *body* and return the JSON of the response; without a body, DELETE. Throw a `SignetError` on failure. */
  const call = async (
    path: string,
    bearer?: string | null | false,
    body?: object,
    login?: boolean,
  ): Promise<Answer | undefined> => {
    const href = resolve(path);
    const signal = deadline(timeoutMs) as AbortSignal;
    let response: Response | undefined;
    try {
      response = await send(href, {
        method: body ? "POST" : "DELETE",
        headers: {
          ...(body && { "Content-Type": "application/json" }),
          ...(cookie && { "X-Signet": "1" }),
          ...(bearer && { Authorization: "Bearer " + bearer }),
        },
        // `undefined` stays `undefined`.
        body: JSON.stringify(body),
        // Outside cookie mode, an old cookie must not compete with the token in the body.
        credentials: cookie ? "include" : "omit",
        // A password must not follow a redirect to another address.
        redirect: "error",
        // A logout is often the last request of a page.
        keepalive: !body,
        signal,
      });
      if (response.ok) return body && ((await response.json()) as Answer);
    } catch (cause) {
      throw noAnswer(
        response
          ? "server"
          : signal?.aborted
            ? "timeout"
            : globalThis.navigator?.onLine === false
              ? "offline"
              : // A page may send a request to any server; it needs permission only to read the response.
                (await send(resolve(""), { mode: "no-cors", signal }).catch(nothing))?.type === "opaque"
                ? "cors"
                : "unreachable",
        cause,
        href,
      );
    }
    throw await toError(response, login);
  };

  let tokens: Tokens | undefined;
  let state = {} as AuthState;
  let known = false; // whether the client has found out if a user is signed in
  let first: Promise<AuthState> | undefined;
  let flight: Promise<void> | undefined;
  let farewell: Promise<unknown> | undefined; // the logout request to the server
  let failure: { readonly error: SignetError; readonly at: number } | undefined;
  let adopted = nothing;
  const listeners = new Set<(state: AuthState) => void>();

  // --- State ---------------------------------------------------------------------------------------

  const publish = (error: SignetError | null = null): void => {
    const status = tokens ? "signed-in" : known ? "signed-out" : "loading";
    if (status === state.status && tokens?.user === state.user?.id && error === state.error) return;
    state = { status, user: tokens ? { id: tokens.user } : null, error } as AuthState;
    first &&= Promise.resolve(state);
    // Async, so that a listener that throws stops neither the other listeners nor the client.
    listeners.forEach(async (listener) => listener(state));
  };

  publish();

  const take = (next?: Tokens): void => {
    tokens = next;
    known = true;
    adopted();
  };

  const withStore = (work: (open: TokenStorage) => unknown) => async (): Promise<void> => {
    try {
      if (store) await work(store);
    } catch {
      store = undefined;
    }
  };
  const load = withStore(async (open) => {
    const before = tokens;
    const found = fromText(await open.get());
    // A login or a logout may have finished while a slow storage was read: then what was read is outdated.
    if (tokens === before) take(found);
  });
  const save = withStore((open) => open.set(toText(tokens)));

  // A custom storage may be slow or may call the client, so it is never used while other tabs wait for the lock.
  const loadLocked = custom ? nothing : load;
  const saveLocked = custom ? nothing : save;

  const elsewhere = (code = "logged_out_elsewhere"): SessionExpiredError | undefined =>
    tokens && sessionOver(code as SessionEndCode);

  const look = async (): Promise<void> => {
    const over = elsewhere();
    await load();
    publish(tokens ? null : (over ?? state.error));
  };

  // In cookie mode, a logout that did not reach the server is stored until the server answers, because the cookie
  // remains. One entry per server: otherwise the logout would be sent to another server and end a session there.
  const owed = entry("local", name);
  const owe = (how?: string): string | null | undefined => {
    try {
      if (cookie) return how == null ? owed.get() : (owed.set(how) as undefined);
    } catch {
      // No storage: the pending logout is lost when the page closes.
    }
  };

  // --- Refresh: one at a time in this tab and, with Web Locks, in all tabs -------------------------

  const locked = <T>(work: () => Promise<T>): Promise<T> => {
    const signal = deadline(timeoutMs) as AbortSignal;
    return lock(name, signal, work).catch((error: Error) => {
      if (error instanceof SignetError) throw error;
      if (signal?.aborted) throw noAnswer("timeout", error);
      // A browser that forbids the page its storage forbids the locks too.
      return work();
    });
  };

  /** Replace the tokens whose access token is *stale*. */
  const refresh = async (stale?: string): Promise<void> => {
    await locked(async () => {
      // Also with a shared storage: a write of another tab may become visible after that tab has released the lock.
      if (channel && tokens?.token === stale) {
        await new Promise<void>((done) => {
          // Milliseconds. Shorter at the start of a page, because the user is waiting for it.
          setTimeout(done, stale ? 200 : 50);
          adopted = () => tokens?.token === stale || done();
          post("ask", false, stale);
        });
      }
      const outdated = async (): Promise<boolean> => {
        await loadLocked();
        // Another tab has refreshed or logged out meanwhile: the response to the earlier request is dropped.
        return tokens?.token !== stale || (known && !stale);
      };
      if (await outdated()) return;
      const presented = tokens?.refresh;
      try {
        if (!cookie && !presented) throw sessionOver("token_expired");
        const next = received(await call("token/refresh", false, { refresh_token: presented }), now(), tokens);
        if (await outdated()) return;
        take(next);
        await saveLocked();
        post("new", (cookie || session) && next, stale);
      } catch (error) {
        const { status, code } = error as SignetError;
        // 422: Flask-JWT-Extended. 404 and 405: a server without refresh tokens, such as the one of the lesson.
        if (status !== 401 && status !== 422 && (presented || (status !== 404 && status !== 405))) throw error;
        if (await outdated()) return;
        take();
        await saveLocked();
        if (stale) {
          const over = sessionOver(status === 401 ? (code as SessionEndCode) : "token_expired", error);
          if (cookie) post("out", false, over.code);
          throw over;
        }
      }
    });
  };

  const renew = async (stale?: string): Promise<void> => {
    if (tokens && tokens.token !== stale) return;
    if (failure) {
      // Two seconds without a Retry-After. Absolute difference: a clock that is set back must not lengthen the wait.
      if (Math.abs(now() - failure.at) < (failure.error.retryAfter ?? 2) * 1000) throw failure.error;
    }
    if (custom) await load();
    await (flight ??= refresh(stale)
      .finally(async () => {
        flight = undefined;
        if (custom) {
          await save();
          post("new");
        }
      })
      .then(
        () => publish(),
        (error: SignetError) => {
          failure = { error, at: now() };
          if (error.status === 401 || !known) publish(error);
          throw error;
        },
      ));
  };

  const lasts = (ms: number): boolean | undefined =>
    tokens &&
    (!tokens.until ||
      // Otherwise a token whose lifetime is shorter than the leeway would be refreshed before every request.
      now() < tokens.until - Math.min(ms, (tokens.life as number) * 500) ||
      !(cookie || tokens.refresh));

  const token: SignetClient["token"] = async ({ force } = {}) => {
    await ready();
    if ((tokens || !known) && (force || !lasts(leewayMs))) {
      try {
        await renew(tokens?.token);
      } catch (error) {
        if (force || !lasts(0)) throw error;
      }
    }
    return tokens?.token ?? null;
  };

  // --- Login and logout ----------------------------------------------------------------------------

  /** Tell the server to end this session, or all sessions of the user if *query* says so. */
  const tell = (query: string, bearer?: string): Promise<unknown> =>
    (farewell = call(`token${query}`, bearer)
      .catch((error: unknown) => {
        // Another error would be the same on a second try.
        if (error instanceof NetworkError) throw error;
      })
      .then(() => owe("")));

  const exchange = async (path: string, body: Readonly<Record<string, unknown>>, signed?: boolean): Promise<User> => {
    const bearer = signed && (await token());
    // First wait for a running refresh or logout: it would replace or delete the cookie of this login.
    await Promise.allSettled([flight, farewell]);
    const next = await locked(async () =>
      received(
        await call(path, bearer, cookie ? { ...body, transport: storage } : body, !signed),
        now(),
        signed && tokens,
      ),
    );
    // If the user has logged out meanwhile, a response for the ended session does not sign them in again.
    if (signed && !tokens) throw sessionOver("logged_out");
    failure = undefined;
    owe("");
    take(next);
    await save();
    post("in", cookie && next);
    publish();
    return state.user as User;
  };

  /** Forget the tokens. Return the access token with which the session can be ended on the server. */
  const drop = (error?: SignetError): string | undefined => {
    const bearer = tokens?.token;
    take();
    void save();
    publish(error);
    return bearer;
  };

  const logout: SignetClient["logout"] = async ({ everywhere } = {}) => {
    if (!known) await load();
    const query = everywhere ? "?everywhere=1" : "?";
    owe(query);
    const bearer = drop();
    const told = cookie || bearer ? tell(query, bearer) : undefined;
    post("out");
    await (everywhere ? told : told?.catch(nothing));
  };

  // --- Start, messages of other tabs, events of the window -----------------------------------------

  const ready = (): Promise<AuthState> =>
    (first ??= (async () => {
      const query = owe();
      await (query ? tell(query) : cookie ? renew() : load()).catch(nothing);
      if (query || !cookie) {
        known = true;
        publish();
      }
      return state;
    })());

  const hear = ([kind, next, old]: Message): void => {
    // A shared storage has everything, and may be newer than the message.
    if (store && !session) void look();
    else if (kind === "out") {
      if (!known && !cookie) return;
      const bearer = drop(elsewhere(old));
      // Without a shared storage this tab has its own session, which no other tab can end.
      if (!cookie && bearer) tell("", bearer).catch(nothing);
    } else if (kind === "ask") {
      if (tokens?.token !== old && lasts(leewayMs)) post("new", cookie && tokens, old);
    } else if (
      next &&
      // Take the token if it replaces the one of this tab. In cookie mode also if it is the newer of two: later
      // expiry, then string order, so that every tab chooses the same one.
      ((cookie && (kind === "in" || !known)) ||
        (tokens && (tokens.token === old || (cookie && next.until + next.token > tokens.until + tokens.token))))
    ) {
      take(next);
      void save();
      publish();
    }
  };
  if (channel) channel.onmessage = (event) => hear(event.data as Message);

  const wake = async ({ type, persisted }: Event & { persisted?: boolean }): Promise<void> => {
    if (!first && !known) return;
    if (type === "online" && !failure?.error.status) failure = undefined;
    // On a storage event, the tab that stored the logout sends it itself.
    const query = type !== "storage" && owe();
    if (query) tell(query).catch(nothing);
    else {
      await look();
      if ((tokens || !known) && !page?.document?.hidden) token({ force: persisted && !store }).catch(nothing);
    }
  };
  const listen = (how: "addEventListener" | "removeEventListener"): void => {
    // visibilitychange bubbles from the document to the window.
    for (const type of ["online", "pageshow", "storage", "visibilitychange"])
      page?.[how]?.(type, wake as EventListener);
  };
  listen("addEventListener");

  // --- fetch ---------------------------------------------------------------------------------------

  const signedFetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const request = (input as Request).url ? (input as Request) : undefined;
    const href = resolve(request?.url ?? (input as string));
    const headers = new Headers(init.headers ?? request?.headers);
    // Compare `scheme://host/` of the resolved URL: no spelling of the rest can lead to another host. Origins cannot
    // be compared, because they are all "null" for the schemes of desktop and mobile applications.
    if (!href.startsWith(resolve("/")) || headers.has("Authorization")) return send(request ?? href, init);
    const spare = request?.clone();
    const sendSigned = (what: RequestInfo): Promise<Response> => {
      if (tokens) headers.set("Authorization", "Bearer " + tokens.token);
      return send(what, { ...init, headers });
    };

    await token();
    const used = tokens;
    const response = await sendSigned(request ?? href);
    const { status } = response;
    if (
      !used ||
      // Set only for a body that can be read once, so that it cannot be sent again.
      "duplex" in init ||
      href.replace("/refresh", "") === resolve("token") ||
      (status !== 401 && (status !== 422 || !BAD_TOKEN.test(await response.clone().text())))
    )
      return response;
    await renew(used.token).catch((error: unknown) => {
      if (!(error instanceof SessionExpiredError)) throw error;
    });
    // Another user may have signed in meanwhile: the request of one user is not sent with the token of another.
    return tokens?.user === used.user ? sendSigned(spare ?? href) : response;
  };

  const subscribe: SignetClient["subscribe"] = (listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };

  return {
    get user() {
      return state.user;
    },
    get state() {
      return state;
    },
    getSnapshot: () => state,
    onChange: subscribe,
    subscribe,
    ready,
    login: (username, password) => exchange("token", { username, password }),
    logout,
    fetch: signedFetch,
    token,
    exchange,
    close() {
      listen("removeEventListener");
      listeners.clear();
      channel?.close();
      channel = undefined;
    },
  } satisfies SignetClient as SignetClient<U>;
}
