import { isSignetError, type SignetErrorCode } from "./errors.js";

/** Messages by code. `{time}` is replaced by the time to wait. */
export type Messages = Readonly<Partial<Record<SignetErrorCode | "unknown", string>>>;

/** English messages, by code. */
export const MESSAGES = {
  invalid_credentials: "Wrong user name or password.",
  rate_limited: "Too many tries. Try again in {time}.",
  offline: "You are offline.",
  unreachable: "The server does not answer.",
  cors: "The server does not accept requests from this page.",
  timeout: "The server did not answer in time. Try again.",
  server: "The server has a problem. Try again later.",
  token_expired: "Your session has ended. Sign in to continue.",
  token_revoked: "You were signed out. Sign in to continue.",
  invalid_token: "Your session has ended. Sign in to continue.",
  missing_token: "Sign in to continue.",
  logged_out: "You are signed out.",
  logged_out_elsewhere: "You signed out in another tab. Sign in to continue.",
  fresh_token_required: "Sign in again to do this.",
  mfa_required: "Enter your verification code.",
  email_unverified: "Confirm your e-mail address first.",
  conflict: "This user name is taken.",
  weak_password: "This password is too short or too easy to guess.",
  csrf_failed: "The server refused the request. Reload the page and try again.",
  not_found: "The server found nothing at this address.",
  unknown: "Something went wrong.",
} as const satisfies Messages;

const time = (seconds: number): string =>
  seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;

/**
 * Return a message for users. It is chosen by the error's code and never taken from the response of the server, except
 * for the problem of a form field.
 *
 * @param messages your own messages by code, for example in another language. Missing codes use the English message.
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
 * Return what a developer can do about *error*, or `undefined` if it is not a problem of the set-up. For the console,
 * not for users.
 */
export function hintOf(error: unknown): string | undefined {
  if (!isSignetError(error)) return undefined;
  const { code, status, message, body } = error;
  const foreign = typeof (body as { error?: unknown } | null | undefined)?.error !== "string";
  if (code === "cors") {
    return `${message}: the server answers, but does not allow this page to read the response. Use a proxy so that page and server have the same origin, or set up CORS. ${PAGE}, "blocked by CORS policy".`;
  }
  if (code === "unreachable")
    return `${message}: no server answers at this address. Is Flask running? ${PAGE}, "No answer".`;
  if (foreign && (status === 404 || status === 405)) {
    return `${message}: this server has no such route. Does Vite's proxy forward the path to Flask, and is baseUrl correct? ${PAGE}, "HTTP 404".`;
  }
  if (code === "server" && !status) {
    return `${message}: the response is not JSON. Does Vite's proxy forward this path to Flask? ${PAGE}, "HTTP 404".`;
  }
  if (foreign && code === "server") {
    return `${message}: the response does not come from the API. Is Flask running behind the proxy? ${PAGE}, "HTTP 500 or 502".`;
  }
  return undefined;
}

/** Return the message for users, and write to the console what a developer can do about the error. */
export function explain(error: unknown, messages?: Messages): string {
  console.warn(hintOf(error) ?? error);
  return messageOf(error, messages);
}
