"use client";

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { account, type Account, type Session, sessions, update } from "../account/index.js";
import type { SignetError } from "../errors.js";
import type { SignetClient } from "../types.js";
import { useAuth } from "./index.js";

/** What a route answered, as far as it is known. */
export interface Loaded<T> {
  /** `null` until it came, and when nobody is signed in. It stays when `reload` fails. */
  readonly data: T | null;
  readonly error: SignetError | null;
  readonly pending: boolean;
  /** Ask again. It never rejects: see `error`. */
  readonly reload: () => Promise<void>;
}

interface Kept<T> {
  readonly of: unknown;
  readonly data: T | null;
  readonly error: SignetError | null;
  readonly pending: boolean;
}

/** Ask once for each user who signs in, and drop answers that come too late. */
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
    // What was read before stays beside an error: a lost connection empties no page.
    if (mine === turn.current.count) setKept((old) => ({ ...(old as Kept<T>), ...next, pending: false }));
  }, [ask, client, user]);
  useEffect(() => {
    const turns = turn.current;
    void reload();
    return () => void turns.count++;
  }, [reload]);
  return useMemo(() => {
    // In the render after a change of the user what was kept is another user's.
    const now = user && kept?.of === user ? kept : null;
    return { data: now?.data ?? null, error: now?.error ?? null, pending: now?.pending ?? !!user, reload };
  }, [kept, user, reload]);
}

/** The account of the user who is signed in, read once (`GET account`). `update` changes it and what is shown. */
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

/** The user's logins on all devices (`GET account/sessions`); `end` and `endOthers` end some and read them again. */
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
