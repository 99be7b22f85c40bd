/** Writes a request of the journal as a shell command. Its secrets are variables. */
import type { RequestEntry } from "./journal";
import { placeholders } from "./wire";

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const UNWANTED = new Set(["accept", "user-agent", "content-length"]);

export function asCurl(entry: RequestEntry, origin: string, showToken: boolean): string {
  const variables: string[] = [];
  const lines: string[] = [
    `curl -i ${entry.method === "GET" ? "" : `-X ${entry.method} `}${quote(origin + entry.path)}`,
  ];
  if (entry.token) {
    variables.push(showToken ? `TOKEN=${quote(entry.token)}` : "TOKEN='…'  # your token: press Show token");
    lines.push(`-H "Authorization: Bearer $TOKEN"`);
  }
  for (const [name, value] of entry.headers) if (!UNWANTED.has(name)) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  const byCookie = entry.path.startsWith("/token") && entry.headers.some(([name]) => name === "x-signet");
  if (byCookie) lines.push(`-H ${quote(`Origin: ${origin}`)}`);
  if (byCookie && entry.path !== "/token" && !entry.body?.includes(placeholders.REFRESH)) {
    variables.push("REFRESH='…'  # an HttpOnly cookie: copy it from the developer tools, scripts cannot read it");
    lines.push(`-b "signet_refresh=$REFRESH"`);
  }
  if (entry.body !== null) {
    let body = quote(entry.body);
    for (const name of ["PASSWORD", "REFRESH"] as const) {
      if (!body.includes(placeholders[name])) continue;
      variables.push(`${name}='…'`);
      body = body.replaceAll(placeholders[name], `'"$${name}"'`);
    }
    lines.push(`-d ${body}`);
  }
  return [...variables, lines.join(" \\\n  ")].join("\n");
}
