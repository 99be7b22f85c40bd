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
 * What tabs say: `in` and `out` for login and logout, `new` for a refresh, `ask` for whoever has a newer token.
 * The third part is the access token that was replaced, or that the one who asks knows; of `out`, how the session ended.
 */
type Message = readonly [kind: "in" | "out" | "new" | "ask", next?: Tokens | false, old?: string];

/** How the body of a 422 begins that is about the token, as of Flask-JWT-Extended; forms are refused with 422 too. */
const BAD_TOKEN = /^{\s*"msg": ?"[^"]*(token|segment|signature|header|subject|claim)/i;

const nothing = (): void => {};

/**
 * Make a client for one server. It does no I/O before its first use, and is made once per page.
 *
 * The first request throws a TypeError if `baseUrl` is relative and there is no page to resolve it against.
 *
 * @typeParam U who signs in, if more is known than `User` says: `createClient<User<number>>()`.
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
  // Undefined without one, and from the moment on that it turns out to be full or forbidden.
  let store: TokenStorage | undefined = custom
    ? storage
    : cookie || storage === "memory"
      ? undefined
      : entry(storage, key);
  const name = `${key} ${baseUrl}`;
  // It stays open when the page is hidden: so a logout elsewhere evicts the frozen page.
  let channel: Channel | undefined = (deps.channel ?? openChannel)(name);
  const post = (...message: Message): void => channel?.postMessage(message);

  // --- Requests to the server's own routes -----------------------------------------------------------

  /** As late as possible: a server that renders the page has no address to resolve against. */
  const resolve = (path: string): string =>
    new URL(path, new URL(baseUrl.replace(/\/?$/, "/"), globalThis.location?.href)).href;

  /** Send *body* by POST and return the answer; without one, DELETE. Throw a `SignetError` if it is no success. */
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
        // Of nothing it makes nothing.
        body: JSON.stringify(body),
        // Without cookie mode a cookie that was left behind must not compete with the token in the body.
        credentials: cookie ? "include" : "omit",
        // A password is for this address only.
        redirect: "error",
        // A logout is often the last thing that a page does.
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
              : // A page may ask anything of another server; only reading the answer has to be allowed.
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
  let known = false; // whether it was ever found out if somebody is signed in
  let first: Promise<AuthState> | undefined;
  let flight: Promise<void> | undefined;
  let farewell: Promise<unknown> | undefined; // what the server is told of a logout
  let failure: { readonly error: SignetError; readonly at: number } | undefined;
  let adopted = nothing;
  const listeners = new Set<(state: AuthState) => void>();

  // --- What is known -------------------------------------------------------------------------------

  const publish = (error: SignetError | null = null): void => {
    const status = tokens ? "signed-in" : known ? "signed-out" : "loading";
    if (status === state.status && tokens?.user === state.user?.id && error === state.error) return;
    state = { status, user: tokens ? { id: tokens.user } : null, error } as AuthState;
    first &&= Promise.resolve(state);
    // A listener that throws must neither keep the others from hearing it nor us from going on.
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
    // Unless a login or a logout was faster than a storage that takes its time.
    if (tokens === before) take(found);
  });
  const save = withStore((open) => open.set(toText(tokens)));

  // A user's storage may take its time or call us: it is never used while others wait for the lock.
  const loadLocked = custom ? nothing : load;
  const saveLocked = custom ? nothing : save;

  const elsewhere = (code = "logged_out_elsewhere"): SessionExpiredError | undefined =>
    tokens && sessionOver(code as SessionEndCode);

  const look = async (): Promise<void> => {
    const over = elsewhere();
    await load();
    publish(tokens ? null : (over ?? state.error));
  };

  // A logout that the server has not heard must outlive the page in cookie mode: the cookie does too. One entry for
  // each server, else a logout here would end a session there.
  const owed = entry("local", name);
  const owe = (how?: string): string | null | undefined => {
    try {
      if (cookie) return how == null ? owed.get() : (owed.set(how) as undefined);
    } catch {
      // No storage: then it is forgotten with the page.
    }
  };

  // --- Refresh: one at a time in this tab and, with Web Locks, in all ------------------------------

  const locked = <T>(work: () => Promise<T>): Promise<T> => {
    const signal = deadline(timeoutMs) as AbortSignal;
    return lock(name, signal, work).catch((error: Error) => {
      if (error instanceof SignetError) throw error;
      if (signal?.aborted) throw noAnswer("timeout", error);
      // Who forbids a page its storage forbids it the locks too.
      return work();
    });
  };

  /** Replace the tokens whose access token is *stale*. */
  const refresh = async (stale?: string): Promise<void> => {
    await locked(async () => {
      // Even with a common storage: what another tab wrote there may be seen later than its lock is.
      if (channel && tokens?.token === stale) {
        await new Promise<void>((done) => {
          // Milliseconds. Somebody looks at a page that only begins, so that it waits less.
          setTimeout(done, stale ? 200 : 50);
          adopted = () => tokens?.token === stale || done();
          post("ask", false, stale);
        });
      }
      const outdated = async (): Promise<boolean> => {
        await loadLocked();
        // Somebody else was faster, or logged out: what was asked for before that is thrown away when it comes.
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
        // 422: Flask-JWT-Extended. 404 and 405: a server without refresh tokens, as the lesson's is.
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
      // Two seconds, if the server named no time. Both ways: a clock that was set back must not keep us waiting for as long as it was.
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
      // What lives shorter than the leeway would else be renewed for every request.
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

  /** Tell the server that this session is over; *query* says whether all of the user's are. */
  const tell = (query: string, bearer?: string): Promise<unknown> =>
    (farewell = call(`token${query}`, bearer)
      .catch((error: unknown) => {
        // Any other refusal will not change by asking again.
        if (error instanceof NetworkError) throw error;
      })
      .then(() => owe("")));

  const exchange = async (path: string, body: Readonly<Record<string, unknown>>, signed?: boolean): Promise<User> => {
    const bearer = signed && (await token());
    // One after the other, so that the cookie of this login is neither replaced by a refresh nor taken by a logout.
    await Promise.allSettled([flight, farewell]);
    const next = await locked(async () =>
      received(
        await call(path, bearer, cookie ? { ...body, transport: storage } : body, !signed),
        now(),
        signed && tokens,
      ),
    );
    // Who has logged out meanwhile is not signed in again by an answer to the session that is over.
    if (signed && !tokens) throw sessionOver("logged_out");
    failure = undefined;
    owe("");
    take(next);
    await save();
    post("in", cookie && next);
    publish();
    return state.user as User;
  };

  /** Forget the tokens, and give what the server needs to hear of it. */
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

  // --- The beginning, and what other tabs and the window say ---------------------------------------

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
    // A common storage says it all, and may be newer than the message.
    if (store && !session) void look();
    else if (kind === "out") {
      if (!known && !cookie) return;
      const bearer = drop(elsewhere(old));
      // Without a common storage this tab had a session of its own, which nobody else can end.
      if (!cookie && bearer) tell("", bearer).catch(nothing);
    } else if (kind === "ask") {
      if (tokens?.token !== old && lasts(leewayMs)) post("new", cookie && tokens, old);
    } else if (
      next &&
      // Ours was replaced; or, with one cookie for all, theirs is the newer of two: by their end, then anyhow, but
      // in the same way in every tab.
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
    // The tab that wrote it into the storage tells it itself.
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
    // What `fetch` is given begins with `scheme://host/`: behind that no spelling leads elsewhere. Origins are not
    // compared, since they are all "null" for the schemes of desktop and mobile applications.
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
      // Only for a body that can be read once must this be said.
      "duplex" in init ||
      href.replace("/refresh", "") === resolve("token") ||
      (status !== 401 && (status !== 422 || !BAD_TOKEN.test(await response.clone().text())))
    )
      return response;
    await renew(used.token).catch((error: unknown) => {
      if (!(error instanceof SessionExpiredError)) throw error;
    });
    // Somebody else may have signed in meanwhile: what the one wrote is not sent in the name of the other.
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
