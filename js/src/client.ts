import { defaultLock, entry, page } from "./browser.js";
import { NetworkError, noAnswer, SessionExpiredError, sessionOver, SignetError } from "./errors.js";
import { connect, resolver } from "./server.js";
import { fromText, rank, received, type Tokens, toText } from "./tokens.js";
import type { AuthState, Channel, ClientOptions, Deps, SignetClient, TokenStorage, User } from "./types.js";

/** How long to wait for a tab that has a newer token; milliseconds. */
const ASK_MS = 50;
/** How long a failed refresh is not tried again if the server named no time; seconds. */
const COOL_SECONDS = 2;

/**
 * What tabs say: `in` and `out` for login and logout, `new` for a refresh, `ask` for whoever has a newer token.
 * The third part is the access token that was replaced, or that the one who asks knows.
 */
type Message = readonly [kind: "in" | "out" | "new" | "ask", next?: Tokens | false, old?: string];

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
  const memory = storage === "memory";
  const session = storage === "session";
  const custom = typeof storage === "object";
  // Undefined without one, and from the moment on that it turns out to be full or forbidden.
  let store: TokenStorage | undefined = custom ? storage : cookie || memory ? undefined : entry(storage, key);
  const name = `${key} ${baseUrl}`;
  // It stays open when the page is hidden: so a logout elsewhere evicts the frozen page.
  const channel: Channel | undefined = deps.channel ? deps.channel(name) : page && new BroadcastChannel(name);
  const post = (...message: Message): void => channel?.postMessage(message);
  const resolve = resolver(baseUrl);
  const call = connect(resolve, send, cookie, timeoutMs);

  let tokens: Tokens | undefined;
  let state = { status: "loading", user: null, error: null } as AuthState;
  let known = false; // whether it was ever found out if somebody is signed in
  let logouts = 0; // a refresh that was asked for before a logout is thrown away when it comes
  let first: Promise<AuthState> | undefined;
  let flight: Promise<void> | undefined;
  let failure: { readonly error: SignetError; readonly at: number } | undefined;
  let adopted = nothing;
  const listeners = new Set<(state: AuthState) => void>();

  // --- What is known -------------------------------------------------------------------------------

  const publish = (error: SignetError | null = null): void => {
    const status = tokens ? "signed-in" : known ? "signed-out" : "loading";
    const user = tokens ? { id: tokens.user } : null;
    if (status === state.status && user?.id === state.user?.id && error === state.error) return;
    state = { status, user, error } as AuthState;
    for (const listener of listeners) listener(state);
  };

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
  const load = withStore(async (open) => take(fromText(await open.get())));
  const save = withStore((open) => open.set(toText(tokens)));

  // A user's storage may take its time or call us: it is never used while others wait for the lock.
  const loadLocked = custom ? nothing : load;
  const saveLocked = custom ? nothing : save;

  const look = async (): Promise<void> => {
    await load();
    publish(tokens ? null : state.error);
  };

  // A logout that the server has not heard must outlive the page in cookie mode: the cookie does too.
  const owed = entry("local", `${key}-logout`);
  const owe = (how?: string): string | null | undefined => {
    try {
      if (cookie && how == null) return owed.get();
      if (cookie) owed.set(how as string);
    } catch {
      // No storage: then it is forgotten with the page.
    }
  };

  // --- Refresh: one at a time in this tab and, with Web Locks, in all ------------------------------

  const locked = <T>(work: () => Promise<T>): Promise<T> =>
    lock(name, AbortSignal.timeout(timeoutMs), work).catch((error: unknown) => {
      throw error instanceof SignetError ? error : noAnswer(error);
    });

  const fetchTokens = async (path: string, body: object, bearer?: string | null): Promise<Tokens> =>
    received(await call(path, bearer, body), now());

  /** Replace the tokens whose access token is *stale*. */
  const refresh = async (stale?: string): Promise<void> => {
    const before = logouts;
    await locked(async () => {
      // Even with a common storage: what another tab wrote there may be seen later than its lock is.
      if (channel && tokens?.token === stale) {
        await new Promise<void>((done) => {
          setTimeout(done, ASK_MS);
          adopted = () => tokens?.token === stale || done();
          post("ask", false, stale);
        });
      }
      const outdated = async (): Promise<boolean> => {
        await loadLocked();
        return before !== logouts || tokens?.token !== stale;
      };
      if (await outdated()) return;
      const presented = tokens?.refresh;
      try {
        if (!cookie && !presented) throw sessionOver();
        const next = await fetchTokens("token/refresh", { refresh_token: presented });
        if (await outdated()) return;
        take(next);
        await saveLocked();
        post("new", (cookie || session) && next, stale);
      } catch (error) {
        const { status } = error as SignetError;
        // 404 and 405: a server without refresh tokens, as the lesson's is.
        if (status !== 401 && (presented || (status !== 404 && status !== 405))) throw error;
        if (await outdated()) return;
        take();
        await saveLocked();
        if (stale) {
          if (cookie) post("out");
          throw sessionOver(error);
        }
      }
    });
  };

  const renew = async (stale?: string): Promise<void> => {
    if (tokens && tokens.token !== stale) return;
    if (failure) {
      // Less than nothing: the clock was set back, and how long ago it was is not known.
      const age = now() - failure.at;
      if (age >= 0 && age < (failure.error.retryAfter ?? COOL_SECONDS) * 1000) throw failure.error;
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
          const over = error.status === 401;
          if (!over) failure = { error, at: now() };
          if (over || !known) publish(error);
          throw error;
        },
      ));
  };

  const lasts = (ms: number): boolean | undefined =>
    tokens && (!tokens.until || now() < tokens.until - ms || !(cookie || tokens.refresh));

  const token: SignetClient["token"] = async ({ force } = {}) => {
    await ready();
    if (known && !tokens) return null;
    if (force || !lasts(leewayMs)) {
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
  const tell = async (query: string, bearer?: string): Promise<void> => {
    try {
      await call(`token${query}`, bearer);
    } catch (error) {
      // Any other refusal will not change by asking again.
      if (error instanceof NetworkError) throw error;
    }
    owe("");
  };

  const exchange = async (path: string, body: Readonly<Record<string, unknown>>, signed?: boolean): Promise<User> => {
    const bearer = signed ? await token() : null;
    // One after the other, so that the cookie of a refresh cannot replace the one of this login.
    await flight?.catch(nothing);
    const next = await locked(() => fetchTokens(path, cookie ? { ...body, transport: "cookie" } : body, bearer));
    failure = undefined;
    owe("");
    take(next);
    await save();
    post("in", cookie && next);
    publish();
    return state.user as User;
  };

  /** Forget the tokens, and give what the server needs to hear of it. */
  const drop = (): string | undefined => {
    const bearer = tokens?.token;
    logouts++;
    take();
    void save();
    return bearer;
  };

  const logout: SignetClient["logout"] = async ({ everywhere } = {}) => {
    if (!known) await load();
    const query = everywhere ? "?everywhere=1" : "";
    const bearer = drop();
    owe(query || "?");
    publish();
    const told = cookie || bearer ? tell(query, bearer) : undefined;
    post("out");
    await told?.catch((error: unknown) => {
      if (everywhere) throw error;
    });
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
      if (!known) return;
      const bearer = drop();
      // Without a common storage this tab had a session of its own, which nobody else can end.
      if ((memory || session) && bearer) tell("", bearer).catch(nothing);
      publish();
    } else if (kind === "ask") {
      if (tokens && tokens.token !== old && lasts(leewayMs)) post("new", cookie && tokens, old);
    } else if (
      next &&
      // Ours was replaced; or, with one cookie for all, theirs is the newer of two (the same choice in every tab).
      ((cookie && (kind === "in" || !known)) ||
        (tokens && (tokens.token === old || (cookie && rank(next) > rank(tokens)))))
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
    const query = owe();
    if (query) tell(query).catch(nothing);
    else {
      await look();
      if ((tokens || !known) && !document.hidden) token({ force: persisted && !store }).catch(nothing);
    }
  };
  const listen = (how: "addEventListener" | "removeEventListener"): void => {
    // visibilitychange bubbles from the document to the window.
    for (const type of ["online", "pageshow", "storage", "visibilitychange"]) page?.[how](type, wake);
  };
  listen("addEventListener");

  // --- fetch ---------------------------------------------------------------------------------------

  const signedFetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const request = (input as Request).url ? (input as Request) : undefined;
    const url = resolve(request ? request.url : String(input));
    const headers = new Headers(init.headers ?? request?.headers);
    if (url.origin !== resolve("").origin || headers.has("Authorization")) return send(request ?? url.href, init);
    const spare = request?.clone();
    const sendWith = (what: RequestInfo, bearer?: string | null): Promise<Response> => {
      if (bearer) headers.set("Authorization", `Bearer ${bearer}`);
      return send(what, { ...init, headers });
    };

    const used = await token();
    const who = tokens?.user;
    const response = await sendWith(request ?? url.href, used);
    if (
      response.status !== 401 ||
      !used ||
      init.body instanceof ReadableStream ||
      url.href.replace("/refresh", "") === resolve("token").href
    )
      return response;
    try {
      await renew(used);
    } catch (error) {
      if (error instanceof SessionExpiredError) return response;
      throw error;
    }
    // Somebody else may have signed in meanwhile: what the one wrote is not sent in the name of the other.
    return tokens?.user === who ? sendWith(spare ?? url.href, tokens?.token) : response;
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
    },
  } satisfies SignetClient as SignetClient<U>;
}
