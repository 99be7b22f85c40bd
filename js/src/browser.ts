import type { Lock } from "./types.js";

/**
 * The window of a page, else nothing: only in a page do all tabs, locks and messages belong to one user.
 * In React Native there is a window too, but it has neither events nor storage.
 */
export const page: Partial<Window & typeof globalThis> | undefined = globalThis.window;

/** One entry of `localStorage` or `sessionStorage`, looked up at every use: even asking for it may throw. */
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

/** Where tabs talk; nothing where there is no page or no such thing, or where the user forbids it. */
export const openChannel = (name: string): BroadcastChannel | undefined => {
  try {
    return page && new BroadcastChannel(name);
  } catch {
    // Then every tab is by itself.
  }
};

/** Web Locks where there are any (they need https or localhost); without them the server's grace time does it. */
export const defaultLock: Lock = <T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
  // The library's type does not know that T is what a promise gives.
  (page?.navigator?.locks?.request?.(name, { signal }, work) as Promise<T> | undefined) ?? work();

/** Return a signal that aborts after *ms*; nothing on a platform that can abort nothing. (`AbortSignal.timeout` is rare.) */
export const deadline = (ms: number): AbortSignal | undefined => {
  const aborter = globalThis.AbortController && new AbortController();
  // Node would else wait for it before it ends.
  (setTimeout(() => aborter?.abort(), ms) as { unref?: () => void }).unref?.();
  return aborter?.signal;
};
