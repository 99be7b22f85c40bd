import { defaultChannel, defaultLock, entry, inPage } from "./browser.js";
import { NetworkError, SessionExpiredError, type SignetError, toError } from "./errors.js";
import { fromText, isNewer, received, type Tokens, toText } from "./tokens.js";
import type { AuthState, ClientOptions, Deps, SignetClient, TokenStorage, User } from "./types.js";

/** How long to wait for a tab that has a newer token; milliseconds. */
const ASK_MS = 50;
/** How long a failed refresh is not tried again if the server named no time; milliseconds. */
const COOL_MS = 2_000;

type Message = readonly [kind: "in" | "new" | "out" | "ask" | "look", next?: Tokens, replaced?: string];

const nothing = (): void => {};

/**
 * Make a client for one server. It does no I/O before its first use, and is made once per page.
 *
 * @throws TypeError at the first request if `baseUrl` is relative and there is no page to resolve it against.
 */
export function createClient(options: ClientOptions = {}, deps: Partial<Deps> = {}): SignetClient {
  const { baseUrl = "/", storage = "cookie", key = "signet", timeoutMs = 10_000, leewayMs = 30_000 } = options;
  const { fetch: send = (...args) => fetch(...args), now = Date.now, lock = defaultLock() } = deps;

  const cookie = storage === "cookie";
  const memory = storage === "memory";
  const session = storage === "session";
  const custom = typeof storage === "object";
  // Undefined without one, and from the moment on that it turns out to be full or forbidden.
  let store: TokenStorage | undefined =
    custom ? storage : cookie || memory ? undefined : entry(session ? "sessionStorage" : "localStorage", key);
  // In cookie mode a logout that the server has not heard must outlive the page: the cookie does too.
  const owed: { get(): string | null; set(text: string | null): unknown } = entry("localStorage", `${key}-logout`);

  const name = `signet ${key} ${baseUrl}`;
  const channel = (deps.channel ?? defaultChannel)(name);
  const post = (...message: Message): void => channel?.postMessage(message);

  let tokens: Tokens | undefined;
  let state: AuthState = { status: "loading", user: null, error: null };
  let known = false; // whether it was ever found out if somebody is signed in
  let epoch = 0; // raised by login and logout: what was asked for before is thrown away
  let logouts = 0;
  let first: Promise<AuthState> | undefined;
  let flight: Promise<void> | undefined;
  let failure: { readonly error: SignetError; readonly at: number } | undefined;
  let adopted = nothing;
  const listeners = new Set<(state: AuthState) => void>();

  // --- State ---------------------------------------------------------------------------------------

  const publish = (error: SignetError | null = null): void => {
    const status = tokens ? "signed-in" : known ? "signed-out" : "loading";
    if (tokens) error = null;
    if (status === state.status && tokens?.user === state.user?.id && error === state.error) return;
    state = { status, user: tokens ? { id: tokens.user } : null, error } as AuthState;
    for (const listener of [...listeners]) {
      try {
        listener(state);
      } catch (thrown) {
        // A broken listener is its owner's business; neither we nor the other listeners stop for it.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  };

  const take = (next: Tokens | undefined): void => {
    tokens = next;
    known = true;
    adopted();
  };

  const save = async (): Promise<void> => {
    try {
      await store?.set(toText(tokens));
    } catch {
      const broken = store;
      store = undefined;
      await Promise.resolve(broken?.set(null)).catch(nothing);
    }
  };

  const load = async (): Promise<void> => {
    try {
      if (store) take(fromText(await store.get()));
    } catch {
      store = undefined;
    }
    known = true;
  };

  // --- Requests to the server's own routes ---------------------------------------------------------

  const resolve = (path: string): URL => new URL(path, new URL(baseUrl, globalThis.location?.href));

  const call = async (method: string, path: string, body?: object, bearer?: string, login?: boolean) => {
    const headers: Record<string, string> = {};
    if (body) headers["Content-Type"] = "application/json";
    if (cookie) headers["X-Signet"] = "1";
    if (bearer) headers["Authorization"] = `Bearer ${bearer}`;
    let response;
    let answer;
    try {
      response = await send(resolve(path).href, {
        method,
        headers,
        ...(body && { body: JSON.stringify(body) }),
        // Without cookie mode a cookie that was left behind must not compete with the token in the body.
        credentials: cookie ? "include" : "omit",
        keepalive: method === "DELETE",
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.ok && method === "POST") answer = await response.json();
    } catch (cause) {
      const code = response ? "server" : (cause as Error).name === "TimeoutError" ? "timeout" : "offline";
      throw new NetworkError(`No answer (${code})`, { code, cause });
    }
    if (!response.ok) throw await toError(response, login);
    return answer;
  };

  const locked = async (work: () => Promise<void>): Promise<void> => {
    try {
      await lock(name, AbortSignal.timeout(timeoutMs), work);
    } catch (error) {
      throw (error as Error).name === "TimeoutError"
        ? new NetworkError("Waited too long for another tab", { code: "timeout", cause: error })
        : error;
    }
  };

  // --- Refresh: one at a time in this tab and, with Web Locks, in all ------------------------------

  /** Replace the tokens whose access token is *stale*. */
  const refresh = async (stale: string | undefined): Promise<void> => {
    const age = failure ? now() - failure.at : -1;
    if (failure && age >= 0 && age < (failure.error.retryAfter ?? COOL_MS / 1000) * 1000) throw failure.error;
    failure = undefined;
    const before = epoch;
    let over: SignetError | null = null;
    // A user's storage may take its time or call us: it is never used while others wait for the lock.
    if (custom) await load();
    try {
      await locked(async () => {
        if (store && !custom) await load();
        else if (channel && !memory && tokens?.token === stale) {
          await new Promise<void>((done) => {
            adopted = done;
            setTimeout(done, ASK_MS);
            post("ask", undefined, stale);
          });
          adopted = nothing;
        }
        if (before !== epoch || tokens?.token !== stale) return;
        const presented = tokens?.refresh;
        const outdated = async (): Promise<boolean> => {
          if (store && !custom) await load();
          return before !== epoch || tokens?.refresh !== presented || tokens?.token !== stale;
        };
        try {
          if (!cookie && !presented) throw new SessionExpiredError("Session over", { code: "token_expired", status: 401 });
          const next = received(await call("POST", "token/refresh", presented ? { refresh_token: presented } : {}), now());
          if (await outdated()) return;
          take(next);
          if (!custom) await save();
          post("new", cookie || session ? next : undefined, stale);
        } catch (error) {
          const { status } = error as SignetError;
          // 404 and 405: a server without refresh tokens, as the lesson's is.
          if (status === 401 || (!presented && (status === 404 || status === 405))) {
            if (await outdated()) return;
            if (stale) over = new SessionExpiredError("Session over", { code: "token_expired", status: 401, cause: error });
            epoch++;
            take(undefined);
            if (!custom) await save();
            if (cookie && stale) post("out");
          } else {
            failure = { error: error as SignetError, at: now() };
            throw error;
          }
        }
      });
    } catch (error) {
      publish(known ? null : (error as SignetError));
      throw error;
    }
    if (custom) {
      await save();
      post("look");
    }
    publish(over);
    if (over) throw over;
  };

  const renew = (stale: string | undefined): Promise<void> => {
    if (tokens && tokens.token !== stale) return Promise.resolve();
    return (flight ??= refresh(stale).finally(() => (flight = undefined)));
  };

  const lasts = (ms: number): boolean =>
    !!tokens && (tokens.until === undefined || now() < tokens.until - ms || !(cookie || tokens.refresh));

  const token = async ({ force = false } = {}): Promise<string | null> => {
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

  // --- Login, logout -------------------------------------------------------------------------------

  const exchange = async (path: string, body: Readonly<Record<string, unknown>>, signed = false): Promise<User> => {
    const before = logouts;
    const bearer = signed ? await token() : undefined;
    let next!: Tokens;
    // Under the lock, so that the cookie of a refresh that is under way cannot replace the one of this login.
    await locked(async () => {
      const full = cookie ? { ...body, transport: "cookie" } : body;
      next = received(await call("POST", path, full, bearer ?? undefined, !signed), now());
    });
    if (before !== logouts) {
      await call("DELETE", "token", undefined, next.token).catch(nothing);
      throw new SessionExpiredError("Signed out meanwhile", { code: "token_revoked" });
    }
    epoch++;
    failure = undefined;
    remember(null);
    take(next);
    await save();
    post("in", cookie ? next : undefined);
    publish();
    return { id: next.user };
  };

  const remember = (text: string | null): void => {
    try {
      if (cookie) void owed.set(text);
    } catch {
      // No storage: then it is forgotten with the page.
    }
  };

  const recall = (): string | null => {
    try {
      return cookie ? owed.get() : null;
    } catch {
      return null;
    }
  };

  /** Tell the server that this session is over; *how* is the query. */
  const tell = async (how: string, bearer?: string): Promise<void> => {
    try {
      await call("DELETE", `token${how}`, undefined, bearer);
    } catch (error) {
      if (!((error as SignetError).status < 500) || !(error as SignetError).status) throw error;
    }
    remember(null);
  };

  const drop = (): string | undefined => {
    const bearer = tokens?.token;
    epoch++;
    logouts++;
    take(undefined);
    void save();
    return bearer;
  };

  const logout = async ({ everywhere = false } = {}): Promise<void> => {
    const how = everywhere ? "?everywhere=1" : "";
    if (!tokens && store) await load();
    const bearer = drop();
    remember(how || "?");
    publish();
    const told = cookie || bearer ? tell(how, bearer) : undefined;
    post("out");
    await told?.catch((error: unknown) => {
      if (everywhere) throw error;
    });
  };

  // --- The beginning, and what other tabs and the window say ---------------------------------------

  const ready = (): Promise<AuthState> =>
    (first ??= (async () => {
      const how = recall();
      if (how) {
        known = true;
        await tell(how).catch(nothing);
      } else if (cookie) await renew(undefined).catch(nothing);
      else await load();
      if (known) publish(state.error);
      return state;
    })());

  const look = (): Promise<void> => load().then(() => publish());

  const hear = ([kind, next, replaced]: Message): void => {
    if (kind === "out") {
      if (!known) return;
      const bearer = drop();
      // Without a common storage this tab had a session of its own, which nobody else can end.
      if ((memory || session) && bearer) void tell("", bearer).catch(nothing);
      publish();
    } else if (store && !session) void look();
    else if (kind === "ask") {
      if (tokens && tokens.token !== replaced && lasts(leewayMs)) post("new", tokens, replaced);
    } else if (!next) return;
    else if (
      // Ours was replaced; or, with one cookie for all, theirs is the newer of two (the same choice in every tab).
      (tokens ? tokens.token === replaced || (cookie && isNewer(next, tokens)) : cookie && !known) ||
      (cookie && kind === "in")
    ) {
      if (kind === "in") epoch++;
      take(next);
      void save();
      publish();
    }
  };
  if (channel) channel.onmessage = (event) => hear(event.data as Message);

  const wake = (event: Event): void => {
    if (!first && !known) return;
    const restored = event.type === "pageshow";
    if (restored && !(event as PageTransitionEvent).persisted) return;
    if (event.type === "online" && failure?.error.code === "offline") failure = undefined;
    const how = recall();
    if (how) void tell(how).catch(nothing);
    else if (store && (restored || event.type === "storage")) void look();
    else if (event.type !== "storage" && (tokens || !known) && document.visibilityState !== "hidden")
      void token({ force: restored }).catch(nothing);
  };
  const events = ["online", "pageshow", "storage", "visibilitychange"];
  const listen = (how: "addEventListener" | "removeEventListener"): void => {
    // visibilitychange bubbles from the document to the window.
    if (inPage()) events.forEach((type) => window[how](type, wake));
  };
  listen("addEventListener");

  // --- fetch ---------------------------------------------------------------------------------------

  const signedFetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const request = typeof input === "object" && "url" in input ? input : undefined;
    const url = resolve(request ? request.url : String(input));
    const headers = new Headers(init.headers ?? request?.headers);
    if (url.origin !== resolve("").origin || headers.has("Authorization")) return send(request ?? url.href, init);
    const spare = request?.clone();
    const sendWith = (what: RequestInfo, bearer: string | null): Promise<Response> => {
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
      ["token", "token/refresh"].some((path) => resolve(path).pathname === url.pathname) ||
      // A newer token is no fresher: this asks for the password (RFC 9470).
      response.headers.get("WWW-Authenticate")?.includes("insufficient_user")
    )
      return response;
    try {
      await renew(used);
    } catch (error) {
      if (error instanceof SessionExpiredError) return response;
      throw error;
    }
    // Somebody else may have signed in meanwhile: what the one wrote is not sent in the name of the other.
    if (!tokens || tokens.user !== who) return response;
    response.body?.cancel().catch(nothing);
    return sendWith(spare ?? url.href, tokens.token);
  };

  const getSnapshot = (): AuthState => state;
  const onChange = (listener: (state: AuthState) => void): (() => void) => {
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
    getSnapshot,
    onChange,
    subscribe: onChange,
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
  };
}
