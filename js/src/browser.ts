import type { Channel, Lock } from "./types.js";

/** Whether this is a page: only there are all tabs, locks and messages of one user. */
export const inPage = (): boolean => typeof window !== "undefined";

/** One entry of `localStorage` or `sessionStorage`, looked up at every use: even asking for it may throw. */
export const entry = (
  where: "localStorage" | "sessionStorage",
  key: string,
): { get(): string | null; set(text: string | null): void } => ({
  get: () => globalThis[where].getItem(key),
  set: (text) => (text === null ? globalThis[where].removeItem(key) : globalThis[where].setItem(key, text)),
});

/** Web Locks where there are any (they need https or localhost), else a queue for this client alone. */
export function defaultLock(): Lock {
  let last: Promise<void> = Promise.resolve();
  return (name, signal, work) =>
    inPage() && navigator.locks
      ? navigator.locks.request(name, { signal }, work)
      : (last = last.then(work, work));
}

/** A channel to the other tabs. It stays open when the page is hidden: so a logout evicts the frozen page. */
export const defaultChannel = (name: string): Channel | undefined =>
  inPage() && typeof BroadcastChannel !== "undefined" ? new BroadcastChannel(name) : undefined;
