import type { ErrorAnswer } from "./bodies.js";
import type { ServerErrorCode } from "./codes.js";

/** Why there was no usable response. */
export type NetworkErrorCode = "offline" | "unreachable" | "cors" | "timeout" | "server";

/**
 * How a session ended. The first four codes come from the server: the session expired; it was revoked (from another
 * device, by a password change, because a stolen token was used …); the token is invalid; the token is missing. The
 * last two come from the client: the user signed out here, or in another tab.
 */
export type SessionEndCode =
  "token_expired" | "token_revoked" | "invalid_token" | "missing_token" | "logged_out" | "logged_out_elsewhere";

/** All error codes: those of the server, and those that only the client can set. */
export type SignetErrorCode = ServerErrorCode | NetworkErrorCode | SessionEndCode | LoginStepCode;

/** What the server may require after the correct password. */
export type LoginStepCode = "mfa_required" | "mfa_setup_required" | "email_unverified";

/** The fields of an error besides its message. */
export interface ErrorDetails {
  readonly code: SignetErrorCode;
  /** HTTP status; 0 if there was no response. */
  readonly status: number;
  readonly cause?: unknown;
  /** Seconds to wait before the next request, if the server said so. */
  readonly retryAfter?: number | undefined;
  /** Name of a form field → what is wrong with it. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
  /** The JSON body of the response. */
  readonly body?: unknown;
}

/** Base class of every error of this package. Check `code` in programs; `message` is for developers. */
export class SignetError extends Error {
  override name = "SignetError";
  declare readonly code: SignetErrorCode;
  /** HTTP status; 0 if there was no response. */
  declare readonly status: number;
  /** Seconds to wait, if the server said so (429 and 503). */
  declare readonly retryAfter: number | undefined;
  /** The JSON body of the response, if it was JSON. */
  declare readonly body: unknown;

  constructor(message: string, details: ErrorDetails) {
    super(message);
    Object.assign(this, details);
  }
}

/** The user name or the password is wrong (401 from a login). */
export class InvalidCredentialsError extends SignetError {
  override name = "InvalidCredentialsError";
}

/** The password is correct, and a second factor is required (401). `body` has the token for the next step. */
export class MfaRequiredError extends SignetError {
  override name = "MfaRequiredError";
  declare readonly body: {
    readonly mfa_token: string;
    /** The factors of the user, such as `totp`. */
    readonly methods: readonly string[];
    /** Lifetime of `mfa_token` in seconds. */
    readonly expires_in?: number;
  };
}

/** The session has ended; `code` says how. Ask the user to sign in again. */
export class SessionExpiredError extends SignetError {
  override name = "SessionExpiredError";
}

/** Too many attempts (429); `retryAfter` says how many seconds to wait. */
export class RateLimitError extends SignetError {
  override name = "RateLimitError";
}

/**
 * No usable response. `code` is `offline` (no connection), `unreachable` (no server at this address), `cors` (the
 * server does not allow this page to read its responses), `timeout`, or `server` (5xx, or an invalid response).
 */
export class NetworkError extends SignetError {
  override name = "NetworkError";
  declare readonly code: NetworkErrorCode;
}

/** The server does not trust the page (403): the `Origin` header is missing or not allowed, or `X-Signet` is missing. */
export class CsrfError extends SignetError {
  override name = "CsrfError";
}

/** The server rejected a form (400, 409, 422); `fields` has the problem of each invalid field. */
export class ValidationError extends SignetError {
  override name = "ValidationError";
  declare readonly fields: Readonly<Record<string, string>>;
}

/** Return whether *error* is an error of this package. Unlike `instanceof`, this works with two copies of the package. */
export const isSignetError = (error: unknown): error is SignetError =>
  error instanceof Error &&
  /^(Signet|InvalidCredentials|MfaRequired|SessionExpired|RateLimit|Network|Csrf|Validation)Error$/.test(error.name) &&
  "code" in error &&
  "status" in error;

/** Return the error for a request without a usable response. */
export const noAnswer = (code: NetworkErrorCode, cause?: unknown, href = ""): NetworkError =>
  new NetworkError(`${code} ${href}`, { code, status: 0, cause });

/** Return the error for a session that has ended. */
export const sessionOver = (code: SessionEndCode, cause?: unknown): SessionExpiredError =>
  new SessionExpiredError(code, { code, status: 401, cause });

/**
 * Return the error for a response that is not a success.
 *
 * @param login whether this was a login: then a 401 without a code means a wrong password.
 */
export const toError = async (response: Response, login?: boolean): Promise<SignetError> => {
  const { status } = response;
  const body = Object(await response.json().catch(() => {})) as Partial<ErrorAnswer>;
  const text: string = body.error ?? "";
  const code =
    status > 499
      ? "server"
      : // Other servers write a sentence into `error`.
        /^[a-z_]+$/.test(text)
        ? (text as SignetErrorCode)
        : status !== 401
          ? "invalid_request"
          : login
            ? "invalid_credentials"
            : "invalid_token";
  const kinds: Record<number | string, typeof SignetError> = {
    400: ValidationError,
    401: login ? SignetError : SessionExpiredError,
    409: ValidationError,
    422: ValidationError,
    429: RateLimitError,
    invalid_credentials: InvalidCredentialsError,
    mfa_required: MfaRequiredError,
    csrf_failed: CsrfError,
    server: NetworkError,
  };
  const Kind = kinds[code] ?? kinds[status] ?? SignetError;
  return new Kind(body.msg ?? (text || `HTTP ${status} ${response.url}`), {
    code,
    status,
    // Only seconds are read: a date would have to be compared with a local clock, which may be wrong.
    retryAfter: Number(response.headers?.get("Retry-After")) || undefined,
    fields: body.fields ?? {},
    body,
  });
};
