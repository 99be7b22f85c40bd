import { untilKnown } from "./retry.js";
import type { AuthState, SignetClient, User } from "./types.js";

/** What Svelte calls a readable store. */
export interface Store<T> {
  /** Call *run* with the value of now, at once, and at every change; return what ends that. */
  subscribe(run: (value: T) => void): () => void;
}

/** Make a Svelte store of the client's state: `$auth.status`, `$auth.user` in a component. */
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
 * Make a Vue ref that follows the client's state.
 *
 * @param shallowRef Vue's function of this name; this package does not depend on Vue.
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
