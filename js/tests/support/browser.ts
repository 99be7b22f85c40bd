import type { Channel, ClientOptions, Deps, Lock, SignetClient } from "#signet/index.js";
import { createClient } from "#signet/index.js";

/** Web Locks for the tabs of one browser, first come, first served. A signal ends only the wait. */
export function makeLocks(): Lock & { held(): boolean } {
  let queue: Promise<unknown> = Promise.resolve();
  let holders = 0;
  const lock = <T>(_name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      queue = queue.then(async () => {
        if (signal.aborted) return;
        holders++;
        try {
          resolve(await work());
        } catch (error) {
          reject(error as Error);
        } finally {
          holders--;
        }
      });
    });
  return Object.assign(lock, { held: () => holders > 0 });
}

/** Open a browser: its tabs share cookies, locks and messages. The test sets its clock. */
export function openBrowser(baseUrl: string, common: ClientOptions = {}, { locks = true, messages = true } = {}) {
  const lock = makeLocks();
  const free: Lock = (_name, _signal, work) => work();
  const id = Math.random().toString(36);
  const open: (SignetClient | { close(): void })[] = [];
  const browser = {
    cookies: new Map<string, string>(),
    now: 1_000_000,
    /** Whether there is a connection; `navigator.onLine` has the same value. */
    get online() {
      return globalThis.navigator?.onLine !== false;
    },
    set online(yes: boolean) {
      if (!globalThis.navigator) Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
      Object.defineProperty(navigator, "onLine", { value: yes, configurable: true });
    },
    held: lock.held,
    /** The messages to other tabs, in order. */
    posted: [] as unknown[],
    fetch: (async (input, init) => {
      if (!browser.online) throw new TypeError("fetch failed");
      const request = new Request(input, init);
      const jar = init?.credentials !== "omit";
      if (jar && browser.cookies.size > 0) {
        request.headers.set("Cookie", [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; "));
      }
      const response = await fetch(request);
      if (jar) {
        for (const line of response.headers.getSetCookie()) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          if (line.includes("Max-Age=0")) browser.cookies.delete(name);
          else browser.cookies.set(name, value);
        }
      }
      return response;
    }) as typeof fetch,
    /** Open a tab, if needed with its own settings and environment. */
    tab(options: ClientOptions = {}, deps: Partial<Deps> = {}): SignetClient {
      const channel = (name: string): Channel | undefined => {
        if (!messages) return undefined;
        const real = new BroadcastChannel(name + id);
        const send = real.postMessage.bind(real);
        real.postMessage = (message: unknown) => {
          browser.posted.push(message);
          send(message);
        };
        return real as unknown as Channel;
      };
      const client = createClient(
        { baseUrl, ...common, ...options },
        { fetch: browser.fetch, now: () => browser.now, lock: locks ? lock : free, channel, ...deps },
      );
      open.push(client);
      return client;
    },
    close(): void {
      browser.online = true;
      open.splice(0).forEach((one) => one.close());
    },
  };
  return browser;
}

/** Wait until messages between tabs and promises are done. */
export const settle = (ms = 30): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Return the error that *promise* rejects with. Throw if it fulfils. */
export const thrown = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error("nothing was thrown");
    },
    (error: Error) => error,
  );
