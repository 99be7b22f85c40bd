import type { SignetError } from "./errors.js";

/** The id of a user, in the type that the server uses. */
export type UserId = string | number;

/** Who is signed in. The id is all that the server tells; `User<number>` says which type yours have. */
export interface User<Id extends UserId = UserId> {
  readonly id: Id;
}

/** What is known about the session; a new object only when something changed. */
export type AuthState<U extends User = User> =
  | {
      readonly status: "loading";
      readonly user: null;
      /** Why the first answer is still missing: offline, or the server has trouble. */
      readonly error: SignetError | null;
    }
  | { readonly status: "signed-in"; readonly user: U; readonly error: null }
  | {
      readonly status: "signed-out";
      readonly user: null;
      /** A `SessionExpiredError` if it was not the user who signed out in this tab; its `code` says how it ended. */
      readonly error: SignetError | null;
    };

/** A place of your own for the tokens. `null` means: forget them. */
export interface TokenStorage {
  get(): string | null | undefined | Promise<string | null | undefined>;
  set(text: string | null): void | Promise<void>;
}

/** Where the tokens live; see the page "The front end" for what a script injection could take from each. */
export type StorageMode = "cookie" | "memory" | "session" | "local" | TokenStorage;

/** Settings of a client. */
export interface ClientOptions {
  /**
   * Where the server is; default `"/"`. It is a folder: a missing last slash is added. Relative paths are resolved
   * against it as `new URL(path, baseUrl)` does, and the token is sent to its origin only.
   */
  readonly baseUrl?: string;
  /** Default `"cookie"`: the refresh token in an HttpOnly cookie, the access token in memory. */
  readonly storage?: StorageMode;
  /** The name in `localStorage` or `sessionStorage`; tabs whose clients share it share the session. Default `"signet"`. */
  readonly key?: string;
  /** Time for one request to the server, and for the wait for other tabs; milliseconds, default 10 000. */
  readonly timeoutMs?: number;
  /** How long before its end a token is renewed; milliseconds, default 30 000. */
  readonly leewayMs?: number;
}

/**
 * Runs *work* while nobody else holds *name*; rejects if *signal* aborts before its turn comes. The signal is
 * `undefined` on a platform without `AbortController`.
 */
export type Lock = <T>(name: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** The part of a BroadcastChannel that is used. */
export interface Channel {
  onmessage: ((event: MessageEvent) => unknown) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** What a client takes from its surroundings; hand in others for tests and unusual places. */
export interface Deps {
  readonly fetch: typeof fetch;
  /** Milliseconds; only differences count. */
  readonly now: () => number;
  /** Default: Web Locks where there are any, else none. */
  readonly lock: Lock;
  /** Default: a BroadcastChannel in a browser, none elsewhere (a server serves many users in one process). */
  readonly channel: (name: string) => Channel | undefined;
}

/** What a client does. All functions may be passed around without their object. */
export interface SignetClient<U extends User = User> {
  /** Who is signed in, or `null`. */
  readonly user: U | null;
  readonly state: AuthState<U>;
  /** The same as `state`, as a function that never changes. */
  getSnapshot(): AuthState<U>;
  /**
   * Have *listener* called at every change of the state, in every tab; gives back what ends that.
   * What it throws is reported like anything that nobody catches, and keeps nobody else from hearing of the change.
   */
  onChange(listener: (state: AuthState<U>) => void): () => void;
  /** The same as `onChange`, under the name that stores have. */
  subscribe(listener: (state: AuthState<U>) => void): () => void;
  /**
   * Find out, once, whether somebody is signed in (with storage `"cookie"`: one silent refresh) and give the state
   * of now; the same promise while nothing changes.
   * Never rejects: offline, the state stays `loading` with an error, and is found out when the connection is back.
   */
  ready(): Promise<AuthState<U>>;
  /**
   * Open a session with `POST token`.
   *
   * @throws InvalidCredentialsError, ValidationError, RateLimitError, CsrfError, NetworkError
   */
  login(username: string, password: string): Promise<U>;
  /**
   * Forget the tokens here, end the session at the server, tell the other tabs.
   * Offline it works too; a cookie that could not be deleted is not used and deleted when the server answers again.
   *
   * @throws NetworkError only with `everywhere`, if the server did not hear it: here the user is signed out all the same.
   */
  logout(options?: { readonly everywhere?: boolean }): Promise<void>;
  /**
   * `fetch` with the access token. On a 401 it renews the token once and sends again, body and all.
   * Every answer of the server is a `Response`; other origins get no token.
   *
   * @throws SessionExpiredError if the session was found to be over before the request was sent
   * @throws NetworkError, RateLimitError if a new token was needed and could not be had
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /**
   * An access token that is good for now, or `null` if nobody is signed in; with `force` a new one.
   *
   * @throws SessionExpiredError, NetworkError, RateLimitError
   */
  token(options?: { readonly force?: boolean | undefined }): Promise<string | null>;
  /**
   * Post *body* as JSON to a route that answers as `POST token` does, and go on with the tokens that it gives.
   * `login` is this; other ways of logging in and a changed password are too.
   *
   * @param signed send the access token along.
   */
  exchange(path: string, body: Readonly<Record<string, unknown>>, signed?: boolean): Promise<U>;
  /** Stop listening to other tabs and to the window, and forget all listeners; the rest goes on, for this page. */
  close(): void;
}
