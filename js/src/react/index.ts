"use client";

import {
  createContext,
  createElement,
  type FunctionComponent,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from "react";
import type { SignetError } from "../errors.js";
import { untilKnown } from "../retry.js";
import type { AuthState, SignetClient, User } from "../types.js";

/** The state of server rendering and of the first render in the browser: still unknown. */
const UNKNOWN: AuthState<never> = { status: "loading", user: null, error: null };

interface Given {
  readonly client: SignetClient;
  readonly hint: boolean | undefined;
}

const ClientContext = createContext<Given | null>(null);

/** The state of the session and the functions of the client. Renders without a change get the same object. */
export type Auth<U extends User = User> = AuthState<U> &
  Pick<SignetClient<U>, "login" | "logout" | "fetch" | "token"> & {
    readonly client: SignetClient<U>;
    /** While `status` is `loading`: whether a session probably exists, or `undefined` if that is unknown. */
    readonly hint: boolean | undefined;
  };

/**
 * Provide the client to the components below, and find out who is signed in. While the server does not answer, it asks
 * again: first after 2.5 seconds, later every 30 seconds.
 *
 * A *hint* (see `flask-signet/hint`) decides what is shown until the state is known. With `false`, the components below
 * show what a signed-out user sees. With `true`, choose a *loading* that looks like the page of a signed-in user. Pass
 * the same hint in the browser as on the server that rendered the page.
 */
export const AuthProvider: FunctionComponent<{
  readonly client: SignetClient;
  readonly hint?: boolean | undefined;
  readonly children?: ReactNode;
}> = ({ client, hint, children }) => {
  // StrictMode runs this twice. The client keeps its promise, so there is one silent refresh.
  useEffect(() => untilKnown(client), [client]);
  const value = useMemo(() => ({ client, hint }), [client, hint]);
  return createElement(ClientContext.Provider, { value }, children);
};

/**
 * Return the state of the session. The component renders again when it changes.
 *
 * @param options with `suspense`, the nearest `<Suspense>` shows its fallback until the state is known.
 * @throws Error outside of an `<AuthProvider>`
 */
export function useAuth<U extends User = User>({ suspense = false }: { readonly suspense?: boolean } = {}): Auth<U> {
  // The caller knows the user type of the client that the provider has.
  const given = useContext(ClientContext);
  if (!given) throw new Error("useAuth: no <AuthProvider client={…}> above this component");
  const { client, hint } = given as Given & { readonly client: SignetClient<U> };
  const state = useSyncExternalStore<AuthState<U>>(client.subscribe, client.getSnapshot, () => UNKNOWN);
  const { status, error } = client.state;
  // Not on a server, which has no cookie to wait for. The client caches the promise, as React requires.
  if (suspense && status === "loading" && !error && typeof window !== "undefined") throw client.ready();
  return useMemo(() => {
    const { login, logout, fetch, token } = client;
    return { ...state, login, logout, fetch, token, client, hint: state.status === "loading" ? hint : undefined };
  }, [client, state, hint]);
}

/** Return the status, or `signed-out` by the hint. A hint never shows content that needs a user. */
const useStatus = (): AuthState["status"] => {
  const { status, hint } = useAuth();
  return hint === false ? "signed-out" : status;
};

/**
 * Show *children* to a signed-in user and *fallback* (a login form) to others. Show *loading* until the state is known
 * or hinted, and *error* while it is unknown because the server gives no usable response. Default of *error*: *loading*.
 *
 * *error* may be a function of the error and of a function that asks the server again.
 */
export const RequireAuth: FunctionComponent<{
  readonly children?: ReactNode;
  readonly fallback?: ReactNode;
  readonly loading?: ReactNode;
  readonly error?: ReactNode | ((error: SignetError, retry: () => void) => ReactNode);
}> = ({ children, fallback, loading, error: trouble = loading }) => {
  const { error, token } = useAuth();
  const status = useStatus();
  if (status !== "loading") return status === "signed-in" ? children : fallback;
  if (!error) return loading;
  // The result is in the state.
  return typeof trouble === "function" ? trouble(error, () => void token().catch(() => {})) : trouble;
};

/** Show *children* while a user is signed in. */
export const SignedIn: FunctionComponent<{ readonly children?: ReactNode }> = ({ children }) =>
  useStatus() === "signed-in" ? children : null;

/** Show *children* if it is known or hinted that no user is signed in. */
export const SignedOut: FunctionComponent<{ readonly children?: ReactNode }> = ({ children }) =>
  useStatus() === "signed-out" ? children : null;
