import type { SignetError } from "./errors.js";

/** The id of a user, with the type that the server uses. */
export type UserId = string | number;

/** The signed-in user. The server sends only the id. `User<number>` sets its type. */
export interface User<Id extends UserId = UserId> {
  readonly id: Id;
}

/** The state of the session. It is a new object only after a change. */
export type AuthState<U extends User = User> =
  | {
      readonly status: "loading";
      readonly user: null;
      /** Why the state is still unknown: offline, or the server fails. */
      readonly error: SignetError | null;
    }
  | { readonly status: "signed-in"; readonly user: U; readonly error: null }
  | {
      readonly status: "signed-out";
      readonly user: null;
      /** A `SessionExpiredError` unless the user signed out in this tab; its `code` says how the session ended. */
      readonly error: SignetError | null;
    };

/** A custom storage for the tokens. `set(null)` deletes them. */
export interface TokenStorage {
  get(): string | null | undefined | Promise<string | null | undefined>;
  set(text: string | null): void | Promise<void>;
}

/** Where the tokens are stored. The page "The front end" says what an injected script could steal from each. */
export type StorageMode = "cookie" | "memory" | "session" | "local" | TokenStorage;

/** Settings of a client. */
export interface ClientOptions {
  /**
   * The address of the server; default `"/"`. It is a folder: a missing last slash is added. Relative paths are resolved
   * against it as by `new URL(path, baseUrl)`. The token is sent to its origin only.
   */
  readonly baseUrl?: string;
  /** Default `"cookie"`: the refresh token in an HttpOnly cookie, the access token in memory. */
  readonly storage?: StorageMode;
  /** The key in `localStorage` or `sessionStorage`. Clients with the same key share the session. Default `"signet"`. */
  readonly key?: string;
  /** Time limit of one request to the server and of the wait for other tabs, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
  /** How long before its expiry a token is refreshed, in milliseconds. Default 30 000. */
  readonly leewayMs?: number;
}

/**
 * Runs *work* while it holds the lock *name*. Rejects if *signal* aborts before the lock is free. The signal is
 * `undefined` on a platform without `AbortController`.
 */
export type Lock = <T>(name: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** The part of a BroadcastChannel that the client uses. */
export interface Channel {
  onmessage: ((event: MessageEvent) => unknown) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** What a client uses from its environment. Pass others for tests and unusual platforms. */
export interface Deps {
  readonly fetch: typeof fetch;
  /** The time in milliseconds. Only differences matter. */
  readonly now: () => number;
  /** Default: Web Locks if the platform has them, else no lock. */
  readonly lock: Lock;
  /** Default: a BroadcastChannel in a browser. None elsewhere, because a server serves many users in one process. */
  readonly channel: (name: string) => Channel | undefined;
}

/** The client. Its functions can be used without the object: `const { login } = auth`. */
export interface SignetClient<U extends User = User> {
  /** The signed-in user, or `null`. */
  readonly user: U | null;
  readonly state: AuthState<U>;
  /** Return `state`. The function itself never changes, as `useSyncExternalStore` requires. */
  getSnapshot(): AuthState<U>;
  /**
   * Call *listener* at every change of the state, also if another tab caused it. Return the function that unsubscribes.
   * An exception of the listener is reported as an uncaught error and does not stop the other listeners.
   */
  onChange(listener: (state: AuthState<U>) => void): () => void;
  /** The same as `onChange`, under the name that store libraries use. */
  subscribe(listener: (state: AuthState<U>) => void): () => void;
  /**
   * Find out whether a user is signed in (with storage `"cookie"` by one silent refresh) and return the current state.
   * It asks only once, and returns the same promise while the state does not change.
   * It never rejects. Offline, the state stays `loading` with an error until the connection is back.
   */
  ready(): Promise<AuthState<U>>;
  /**
   * Open a session with `POST token`.
   *
   * @throws InvalidCredentialsError, ValidationError, RateLimitError, CsrfError, NetworkError
   */
  login(username: string, password: string): Promise<U>;
  /**
   * Forget the tokens, end the session on the server, and inform the other tabs.
   * It works offline too: the remaining cookie is not used, and is deleted when the server answers again.
   *
   * @throws NetworkError only with `everywhere`, if the server could not be reached. The user is signed out here anyway.
   */
  logout(options?: { readonly everywhere?: boolean }): Promise<void>;
  /**
   * `fetch` with the access token. On a 401 it refreshes the token and sends the request once more, with its body.
   * Every response of the server is returned as a `Response`. Requests to other origins are sent without the token.
   *
   * @throws SessionExpiredError if the session had ended before the request was sent
   * @throws NetworkError, RateLimitError if the token had to be refreshed and that failed
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /**
   * Return a valid access token, or `null` if no user is signed in. With `force` it is a new one.
   *
   * @throws SessionExpiredError, NetworkError, RateLimitError
   */
  token(options?: { readonly force?: boolean | undefined }): Promise<string | null>;
  /**
   * POST *body* as JSON to a route that answers like `POST token`, and use the tokens of the response.
   * `login` does this. Use it for other ways to log in and for a password change.
   *
   * @param signed whether to send the access token with the request.
   */
  exchange(path: string, body: Readonly<Record<string, unknown>>, signed?: boolean): Promise<U>;
  /** Stop listening to other tabs and to the window, and remove all listeners. The client still works in this page. */
  close(): void;
}
