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

/** What a server renders and the browser begins with: nobody knows yet. */
const UNKNOWN: AuthState<never> = { status: "loading", user: null, error: null };

interface Given {
  readonly client: SignetClient;
  readonly hint: boolean | undefined;
}

const ClientContext = createContext<Given | null>(null);

/** The state and what can be done about it. Two renders without a change get the same object. */
export type Auth<U extends User = User> = AuthState<U> &
  Pick<SignetClient<U>, "login" | "logout" | "fetch" | "token"> & {
    readonly client: SignetClient<U>;
    /** While `status` is `loading`: whether a session probably exists, if that is known. */
    readonly hint: boolean | undefined;
  };

/**
 * Give all below it one client, and have it find out who is signed in. While the server gives no answer it is asked
 * again, after 2.5 seconds at first and every 30 seconds at last.
 *
 * With a *hint* (see `flask-signet/hint`) the time until that is known shows something better: with `false` the
 * components below show what they show to a signed-out user, with `true` a *loading* that looks like the page of
 * a signed-in user fits. Give the browser the same hint as the server that rendered the page.
 */
export const AuthProvider: FunctionComponent<{
  readonly client: SignetClient;
  readonly hint?: boolean | undefined;
  readonly children?: ReactNode;
}> = ({ client, hint, children }) => {
  // One silent refresh per client, however often this runs (StrictMode runs it twice): the client keeps the promise.
  useEffect(() => untilKnown(client), [client]);
  const value = useMemo(() => ({ client, hint }), [client, hint]);
  return createElement(ClientContext.Provider, { value }, children);
};

/**
 * Read who is signed in; the component renders again when that changes.
 *
 * @param options with `suspense` the component waits (in the next `<Suspense>`) until the first answer is there.
 * @throws Error outside of an `<AuthProvider>`
 */
export function useAuth<U extends User = User>({ suspense = false }: { readonly suspense?: boolean } = {}): Auth<U> {
  // Whoever calls knows which client the provider was given.
  const given = useContext(ClientContext);
  if (!given) throw new Error("useAuth: no <AuthProvider client={…}> above this component");
  const { client, hint } = given as Given & { readonly client: SignetClient<U> };
  const state = useSyncExternalStore<AuthState<U>>(client.subscribe, client.getSnapshot, () => UNKNOWN);
  const { status, error } = client.state;
  // Not on a server, which would wait for a browser's cookie. The promise lives in the client, as React asks.
  if (suspense && status === "loading" && !error && typeof window !== "undefined") throw client.ready();
  return useMemo(() => {
    const { login, logout, fetch, token } = client;
    return { ...state, login, logout, fetch, token, client, hint: state.status === "loading" ? hint : undefined };
  }, [client, state, hint]);
}

/** Who is signed in, if it is known or can be guessed: a guess never shows what needs a user. */
const useStatus = (): AuthState["status"] => {
  const { status, hint } = useAuth();
  return hint === false ? "signed-out" : status;
};

/**
 * Show *children* to whoever is signed in, *fallback* (a login form) to others, *loading* until that is known or hinted,
 * and *error* if it cannot be known yet because the server gives no usable answer; default: the same as *loading*.
 *
 * As a function *error* gets the error and what asks again at once.
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
  // What comes of it is in the state.
  return typeof trouble === "function" ? trouble(error, () => void token().catch(() => {})) : trouble;
};

/** Show *children* while somebody is signed in. */
export const SignedIn: FunctionComponent<{ readonly children?: ReactNode }> = ({ children }) =>
  useStatus() === "signed-in" ? children : null;

/** Show *children* once it is known, or hinted, that nobody is signed in. */
export const SignedOut: FunctionComponent<{ readonly children?: ReactNode }> = ({ children }) =>
  useStatus() === "signed-out" ? children : null;
