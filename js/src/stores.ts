import { untilKnown } from "./retry.js";
import type { AuthState, SignetClient, User } from "./types.js";

/** A readable store of Svelte. */
export interface Store<T> {
  /** Call *run* at once with the current value, and at every change. Return the function that unsubscribes. */
  subscribe(run: (value: T) => void): () => void;
}

/** Return a Svelte store of the client's state: use `$auth.status` and `$auth.user` in a component. */
export const toStore = <U extends User>(client: SignetClient<U>): Store<AuthState<U>> => ({
  subscribe(run) {
    const end = untilKnown(client);
    run(client.state);
    const off = client.subscribe(run);
    return () => {
      end();
      off();
    };
  },
});

/**
 * Return a Vue ref that follows the client's state.
 *
 * @param shallowRef the function `shallowRef` of Vue, because this package does not depend on Vue.
 */
export function toRef<U extends User, R extends { value: AuthState<U> }>(
  client: SignetClient<U>,
  shallowRef: (state: AuthState<U>) => R,
): R {
  const ref = shallowRef(client.state);
  client.subscribe((state) => {
    ref.value = state;
  });
  untilKnown(client);
  return ref;
}
