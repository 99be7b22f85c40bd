import type { SignetClient, User } from "./types.js";

/**
 * Find out who is signed in. If the first answer does not come (the server was started later, or has trouble), ask again
 * after 2.5, 5, 10, 20 and then every 30 seconds, while the page can be seen; never on a server.
 *
 * @returns what ends it
 */
export const untilKnown = <U extends User>(client: SignetClient<U>): (() => void) => {
  let timer: ReturnType<typeof setTimeout>;
  let ended: boolean | undefined;
  let ms = 2500;
  const again = (): void => {
    const page = globalThis.window;
    if (ended || !page || client.state.status !== "loading") return;
    // A hidden page waits: the client itself asks as soon as it is visible.
    timer = setTimeout(() => (page.document?.hidden ? again() : client.token().then(again, again)), ms);
    ms = Math.min(ms * 2, 30_000);
  };
  void client.ready().then(again);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
};
