/** The log, newest first: requests with the measurements of the server, and events of the client. */
import { makeStore } from "./store";

/** The header `X-Demo-Log` of a response: what the server did for the request. */
export interface Report {
  /** Milliseconds inside the application. */
  ms: number;
  /** Whether a guard accepted the token of this request. */
  token: boolean;
  /** SQL statements that ran, `"SELECT tasks"` → how often. */
  sql: Record<string, number>;
}

export interface RequestEntry {
  kind: "request";
  id: number;
  at: Date;
  method: string;
  /** Path and query, on the origin of this page. */
  path: string;
  /** Without `Authorization`; see `token`. */
  headers: [string, string][];
  /** Passwords and refresh tokens already replaced by a placeholder. */
  body: string | null;
  token: string | null;
  /** `null` until the response arrives; 0 if there was none. */
  status: number | null;
  error: string | null;
  report: Report | null;
  /** Whether the same request was refused with 401 just before. */
  again: boolean;
}

export interface EventEntry {
  kind: "event";
  id: number;
  at: Date;
  tone: "good" | "plain" | "bad";
  title: string;
  detail: string;
}

export type Entry = RequestEntry | EventEntry;

const LIMIT = 120;
let last = 0;
export const journal = makeStore<readonly Entry[]>([]);

export function note(tone: EventEntry["tone"], title: string, detail = ""): void {
  last += 1;
  const entry: EventEntry = { kind: "event", id: last, at: new Date(), tone, title, detail };
  journal.set([entry, ...journal.get()].slice(0, LIMIT));
}

export function begin(request: Omit<RequestEntry, "kind" | "id" | "at" | "status" | "error" | "report">): number {
  last += 1;
  const entry: RequestEntry = {
    ...request,
    kind: "request",
    id: last,
    at: new Date(),
    status: null,
    error: null,
    report: null,
  };
  journal.set([entry, ...journal.get()].slice(0, LIMIT));
  return last;
}

export function finish(id: number, outcome: Pick<RequestEntry, "status" | "error" | "report">): void {
  journal.set(
    journal.get().map((entry) => (entry.id === id && entry.kind === "request" ? { ...entry, ...outcome } : entry)),
  );
}

export const forgetAll = (): void => journal.set([]);
