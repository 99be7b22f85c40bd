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
import type { AuthState, SignetClient, User } from "../types.js";

/** What a server renders and the browser begins with: nobody knows yet. */
const UNKNOWN: AuthState<never> = { status: "loading", user: null, error: null };

const ClientContext = createContext<SignetClient | null>(null);

/** The state and what can be done about it. Two renders without a change get the same object. */
export type Auth<U extends User = User> = AuthState<U> &
  Pick<SignetClient<U>, "login" | "logout" | "fetch" | "token"> & { readonly client: SignetClient<U> };

/** Give all below it one client, and have it find out who is signed in. */
export const AuthProvider: FunctionComponent<{ readonly client: SignetClient; readonly children?: ReactNode }> = ({
  client,
  children,
}) => {
  useEffect(() => {
    // Once per client, however often this runs (StrictMode runs it twice): the client keeps the promise.
    void client.ready();
  }, [client]);
  return createElement(ClientContext.Provider, { value: client }, children);
};

/**
 * Read who is signed in; the component renders again when that changes.
 *
 * @param options with `suspense` the component waits (in the next `<Suspense>`) until the first answer is there.
 * @throws Error outside of an `<AuthProvider>`
 */
export function useAuth<U extends User = User>({ suspense = false }: { readonly suspense?: boolean } = {}): Auth<U> {
  // Whoever calls knows which client the provider was given.
  const client = useContext(ClientContext) as SignetClient<U> | null;
  if (!client) throw new Error("useAuth: no <AuthProvider client={…}> above this component");
  const state = useSyncExternalStore<AuthState<U>>(client.subscribe, client.getSnapshot, () => UNKNOWN);
  const { status, error } = client.state;
  // Not on a server, which would wait for a browser's cookie. The promise lives in the client, as React asks.
  if (suspense && status === "loading" && !error && typeof window !== "undefined") throw client.ready();
  return useMemo(() => {
    const { login, logout, fetch, token } = client;
    return { ...state, login, logout, fetch, token, client };
  }, [client, state]);
}

/** Show *children* to whoever is signed in, *fallback* (a login form) to others, *loading* until that is known. */
export const RequireAuth: FunctionComponent<{
  readonly children?: ReactNode;
  readonly fallback?: ReactNode;
  readonly loading?: ReactNode;
}> = ({ children, fallback, loading }) => {
  const { status } = useAuth();
  return status === "signed-in" ? children : status === "loading" ? loading : fallback;
};

/** Show *children* while somebody is signed in. */
export const SignedIn: FunctionComponent<{ readonly children?: ReactNode }> = ({ children }) =>
  useAuth().status === "signed-in" ? children : null;

/** Show *children* once it is known that nobody is signed in. */
export const SignedOut: FunctionComponent<{ readonly children?: ReactNode }> = ({ children }) =>
  useAuth().status === "signed-out" ? children : null;
