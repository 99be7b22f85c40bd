"use client";

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { account, type Account, type Session, sessions, update } from "../account/index.js";
import type { SignetError } from "../errors.js";
import type { SignetClient } from "../types.js";
import { useAuth } from "./index.js";

/** The data of a route, and the state of the request for it. */
export interface Loaded<T> {
  /** `null` until the response arrives, and while no user is signed in. It stays if `reload` fails. */
  readonly data: T | null;
  readonly error: SignetError | null;
  readonly pending: boolean;
  /** Send the request again. It never rejects: check `error`. */
  readonly reload: () => Promise<void>;
}

interface Kept<T> {
  readonly of: unknown;
  readonly data: T | null;
  readonly error: SignetError | null;
  readonly pending: boolean;
}

/** Send one request for each user who signs in, and drop responses that arrive after a change of the user. */
function useLoaded<T>(ask: (client: SignetClient) => Promise<T>): Loaded<T> {
  const { client, user } = useAuth();
  const [kept, setKept] = useState<Kept<T> | null>(null);
  const turn = useRef({ count: 0 });
  const reload = useCallback(async (): Promise<void> => {
    const mine = ++turn.current.count;
    if (!user) return setKept(null);
    setKept((old) => ({ of: user, data: old?.of === user ? old.data : null, error: null, pending: true }));
    const next = await ask(client).then(
      (data) => ({ data, error: null }),
      (error: SignetError) => ({ error }),
    );
    // The old data stays beside an error, so that a lost connection does not empty the page.
    if (mine === turn.current.count) setKept((old) => ({ ...(old as Kept<T>), ...next, pending: false }));
  }, [ask, client, user]);
  useEffect(() => {
    const turns = turn.current;
    void reload();
    return () => void turns.count++;
  }, [reload]);
  return useMemo(() => {
    // In the first render after a change of the user, `kept` still belongs to the other user.
    const now = user && kept?.of === user ? kept : null;
    return { data: now?.data ?? null, error: now?.error ?? null, pending: now?.pending ?? !!user, reload };
  }, [kept, user, reload]);
}

/** Return the account of the signed-in user, read once (`GET account`). `update` changes it and reads it again. */
export function useAccount(): Loaded<Account> & {
  readonly update: (changes: Parameters<typeof update>[1]) => Promise<Account>;
} {
  const { client } = useAuth();
  const loaded = useLoaded(account);
  return useMemo(
    () => ({
      ...loaded,
      async update(changes) {
        const changed = await update(client, changes);
        await loaded.reload();
        return changed;
      },
    }),
    [client, loaded],
  );
}

/** Return the user's sessions on all devices (`GET account/sessions`). `end` and `endOthers` read the list again. */
export function useSessions(): Loaded<readonly Session[]> & {
  readonly end: (id: string) => Promise<void>;
  readonly endOthers: () => Promise<void>;
} {
  const { client } = useAuth();
  const loaded = useLoaded(sessions.list);
  return useMemo(
    () => ({
      ...loaded,
      async end(id) {
        await sessions.end(client, id);
        await loaded.reload();
      },
      async endOthers() {
        await sessions.endOthers(client);
        await loaded.reload();
      },
    }),
    [client, loaded],
  );
}
