import { isSignetError, type SignetErrorCode } from "./errors.js";

/** A message for each code; `{time}` stands for how long to wait. */
export type Messages = Readonly<Partial<Record<SignetErrorCode | "unknown", string>>>;

/** English messages, by code. */
export const MESSAGES = {
  invalid_credentials: "Wrong user name or password.",
  rate_limited: "Too many tries. Try again in {time}.",
  offline: "You are offline.",
  unreachable: "The server does not answer.",
  cors: "The server does not allow this page.",
  timeout: "The server did not answer in time. Try again.",
  server: "The server has a problem. Try again later.",
  token_expired: "Your session has ended. Sign in to go on.",
  token_revoked: "You were signed out. Sign in to go on.",
  invalid_token: "Your session has ended. Sign in to go on.",
  missing_token: "Sign in to go on.",
  logged_out: "You are signed out.",
  logged_out_elsewhere: "Your session ended in another tab. Sign in to go on.",
  fresh_token_required: "Sign in again to do this.",
  mfa_required: "Enter the code of your second factor.",
  email_unverified: "Confirm your e-mail address first.",
  conflict: "This user name is taken.",
  weak_password: "This password is too short or too easy to guess.",
  csrf_failed: "This page may not do that here. Reload it.",
  not_found: "The server does not know this address.",
  unknown: "Something went wrong.",
} as const satisfies Messages;

const time = (seconds: number): string =>
  seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;

/**
 * Return a message for users, chosen by the error's code and never taken from the server's answer, except the reason
 * for a field of a form.
 *
 * @param messages your own by code, for other words or another language; English is used for what it lacks.
 */
export function messageOf(error: unknown, messages: Messages = {}): string {
  const all: Messages = { ...MESSAGES, ...messages };
  const code = isSignetError(error) ? error.code : "unknown";
  const fields = (error as { fields?: Record<string, string> } | null)?.fields ?? {};
  const text = all[code] ?? Object.values(fields)[0] ?? all.unknown ?? "";
  return text.replace("{time}", time((isSignetError(error) && error.retryAfter) || 1));
}

const PAGE = 'See the page "Troubleshooting"';

/**
 * Return what a developer can do about *error*, or `undefined` if it is nothing to set up. For the console, not for
 * users.
 */
export function hintOf(error: unknown): string | undefined {
  if (!isSignetError(error)) return undefined;
  const { code, status, message, body } = error;
  const foreign = typeof (body as { error?: unknown } | null | undefined)?.error !== "string";
  if (code === "cors") {
    return `${message}: the server answers, but does not allow this page. Use a proxy so that both have one origin, or set up CORS. ${PAGE}, "blocked by CORS policy".`;
  }
  if (code === "unreachable")
    return `${message}: no server answers at this address. Is Flask running? ${PAGE}, "No answer".`;
  if (foreign && (status === 404 || status === 405)) {
    return `${message}: this server does not know the route. Does Vite's proxy pass it on to Flask, and is baseUrl right? ${PAGE}, "HTTP 404".`;
  }
  if (code === "server" && !status) {
    return `${message}: the answer is not JSON. Does Vite's proxy pass this path on to Flask? ${PAGE}, "HTTP 404".`;
  }
  if (foreign && code === "server") {
    return `${message}: the answer is not the API's. Is Flask running behind the proxy? ${PAGE}, "HTTP 500 or 502".`;
  }
  return undefined;
}

/** Return the message for users, and write to the console what a developer can do about *error*. */
export function explain(error: unknown, messages?: Messages): string {
  console.warn(hintOf(error) ?? error);
  return messageOf(error, messages);
}
