import type { SignetClient, User } from "./types.js";

/**
 * Find out who is signed in. If there is no answer (the server starts later, or fails), ask again after 2.5, 5, 10, 20
 * and then every 30 seconds, while the page is visible. On a server it never asks again.
 *
 * @returns a function that stops it
 */
export const untilKnown = <U extends User>(client: SignetClient<U>): (() => void) => {
  let timer: ReturnType<typeof setTimeout>;
  let ended: boolean | undefined;
  let ms = 2500;
  const again = (): void => {
    const page = globalThis.window;
    if (ended || !page || client.state.status !== "loading") return;
    // A hidden page waits. The client itself asks as soon as the page is visible.
    timer = setTimeout(() => (page.document?.hidden ? again() : client.token().then(again, again)), ms);
    ms = Math.min(ms * 2, 30_000);
  };
  void client.ready().then(again);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
};
