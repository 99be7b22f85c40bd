import type { Lock } from "./types.js";

/**
 * The window of the page, or `undefined` outside a browser. Locks and messages are used only in a page, because only
 * there do all tabs belong to one user. React Native has a window too, without events and storage.
 */
export const page: Partial<Window & typeof globalThis> | undefined = globalThis.window;

/** One entry of `localStorage` or `sessionStorage`. The storage is looked up at every use, because access may throw. */
export const entry = (
  where: "local" | "session",
  key: string,
): { get(): string | null; set(text: string | null): void } => {
  const place = (): Storage => globalThis[`${where}Storage`];
  return {
    get: () => place().getItem(key),
    set: (text) => (text ? place().setItem(key, text) : place().removeItem(key)),
  };
};

/** Open the channel between the tabs. Return `undefined` outside a page, and where the browser has or allows none. */
export const openChannel = (name: string): BroadcastChannel | undefined => {
  try {
    return page && new BroadcastChannel(name);
  } catch {
    // Each tab then works alone.
  }
};

/** Web Locks, which need HTTPS or localhost. Without them the server's grace time covers parallel refreshes. */
export const defaultLock: Lock = <T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
  // The DOM type does not say that T is the value of the promise.
  (page?.navigator?.locks?.request?.(name, { signal }, work) as Promise<T> | undefined) ?? work();

/** Return a signal that aborts after *ms*, or `undefined` without `AbortController`. (`AbortSignal.timeout` is rare.) */
export const deadline = (ms: number): AbortSignal | undefined => {
  const aborter = globalThis.AbortController && new AbortController();
  // Otherwise Node would wait for this timer before it exits.
  (setTimeout(() => aborter?.abort(), ms) as { unref?: () => void }).unref?.();
  return aborter?.signal;
};
