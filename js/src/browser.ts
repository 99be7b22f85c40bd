import type { Lock } from "./types.js";

/** The window of a page, else nothing: only in a page are all tabs, locks and messages of one user. */
export const page: Window | undefined = globalThis.window;

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
    page?.navigator.locks
      ? page.navigator.locks.request(name, { signal }, work)
      : (last = last.then(work, work));
}
