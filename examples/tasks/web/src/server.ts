/** Describes the measurements of the server in words. */
import type { RequestEntry } from "./journal";

/** Tables that a server process reads once for all requests, not for a single one. */
const FEED = /^SELECT signet_(feed|epochs)/;
const KEYS = /^SELECT signet_key/;
const READS = new Set(["SELECT"]);
const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** Return what the server did for *entry*, the most important line first. */
export function whatTheServerDid({ report, status, error, path }: RequestEntry): string[] {
  if (status === null) return ["Waiting for the response"];
  if (status === 0) return [error === "aborted" ? "Cancelled by the page" : "No response: the server was not reached"];
  if (!report) return [];
  const said: string[] = [];
  if (path === "/token/refresh" && error === "missing_token") return ["No refresh cookie: you are not signed in yet"];
  const all = Object.entries(report.sql).filter(([text]) => !text.startsWith("PRAGMA"));
  const feed = all.filter(([text]) => FEED.test(text));
  const keys = all.filter(([text]) => KEYS.test(text));
  const statements = all.filter((each) => !feed.includes(each) && !keys.includes(each));
  const ours = statements.filter(([text]) => text.includes(" signet_"));
  const theirs = statements.filter(([text]) => !text.includes(" signet_"));

  if (report.token) {
    said.push(
      statements.length === 0
        ? "Signature checked, no database read"
        : ours.length === 0
          ? "Signature checked without the database"
          : "Signature checked",
    );
  } else if (error) {
    said.push(`Refused: ${error}${statements.length === 0 ? ", no database read" : ""}`);
  } else if (statements.length === 0) {
    said.push("No token needed, no database read");
  }
  if (ours.length > 0) said.push(`Accounts and sessions: ${inWords(ours)}`);
  if (theirs.length > 0) said.push(`Tasks: ${inWords(theirs)}`);
  if (keys.length > 0) said.push("Looked for new signing keys (from time to time)");
  if (feed.length > 0) said.push("Read the list of ended sessions (at most once a second)");
  else if (report.sql["PRAGMA data_version"])
    said.push("Checked for ended sessions (at most once a second): no row read");
  return said;
}

function inWords(statements: [string, number][]): string {
  const sum = (want: boolean): number =>
    statements
      .filter(([text]) => READS.has(text.split(" ")[0] ?? "") === want)
      .reduce((total, [, times]) => total + times, 0);
  const reads = sum(true);
  const writes = sum(false);
  return [reads && count(reads, "read"), writes && count(writes, "write")].filter(Boolean).join(", ");
}
