import type { ServerErrorCode } from "./codes.js";

/** Why there was no usable answer. */
export type NetworkErrorCode = "offline" | "unreachable" | "cors" | "timeout" | "server";

/**
 * How a session ends. The first four come from the server: its time is over, it was ended (from another device, by a
 * new password, because a stolen token was used …), the token is not valid (any more), or none came. The last two are
 * seen by the client: the user signed out here, or in another tab.
 */
export type SessionEndCode =
  "token_expired" | "token_revoked" | "invalid_token" | "missing_token" | "logged_out" | "logged_out_elsewhere";

/** The server's codes and those that only a client can see. */
export type SignetErrorCode = ServerErrorCode | NetworkErrorCode | SessionEndCode | LoginStepCode;

/** What the server may ask for after the right password. */
export type LoginStepCode = "mfa_required" | "mfa_setup_required" | "email_unverified";

/** What an error carries besides its text. */
export interface ErrorDetails {
  readonly code: SignetErrorCode;
  /** HTTP status; 0 if there was no answer. */
  readonly status: number;
  readonly cause?: unknown;
  /** Seconds after which the server wants to be asked again. */
  readonly retryAfter?: number | undefined;
  /** Name of a form field → what is wrong with it. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
  /** The JSON that the server answered with. */
  readonly body?: unknown;
}

/** Root of every error that this package throws; `code` is for programs, `message` for people. */
export class SignetError extends Error {
  override name = "SignetError";
  declare readonly code: SignetErrorCode;
  /** HTTP status; 0 if there was no answer. */
  declare readonly status: number;
  /** Seconds to wait, if the server said so (429 and 503). */
  declare readonly retryAfter: number | undefined;
  /** The JSON that the server answered with, if it was JSON. */
  declare readonly body: unknown;

  constructor(message: string, details: ErrorDetails) {
    super(message);
    Object.assign(this, details);
  }
}

/** The name or the password is wrong (401 of a login). */
export class InvalidCredentialsError extends SignetError {
  override name = "InvalidCredentialsError";
}

/** The password is right, and a second factor is needed (401): `body` has the token for the next step. */
export class MfaRequiredError extends SignetError {
  override name = "MfaRequiredError";
  declare readonly body: {
    readonly mfa_token: string;
    /** The factors that the user has, such as `totp`. */
    readonly methods: readonly string[];
    /** Seconds for which `mfa_token` is good. */
    readonly expires_in?: number;
  };
}

/** The session is over; `code` says how it ended. Ask for the password again. */
export class SessionExpiredError extends SignetError {
  override name = "SessionExpiredError";
}

/** Too many tries (429); `retryAfter` says for how many seconds to wait. */
export class RateLimitError extends SignetError {
  override name = "RateLimitError";
}

/**
 * No usable answer. `code` is `offline` (no connection), `unreachable` (no server at this address), `cors` (there is
 * one, and it does not allow this page to read its answers), `timeout`, or `server` (5xx, or not what we understand).
 */
export class NetworkError extends SignetError {
  override name = "NetworkError";
  declare readonly code: NetworkErrorCode;
}

/** The server does not trust the page that asks (403): the origin or the header `X-Signet` is missing. */
export class CsrfError extends SignetError {
  override name = "CsrfError";
}

/** A form was refused (400, 409, 422); `fields` says what is wrong with which field. */
export class ValidationError extends SignetError {
  override name = "ValidationError";
  declare readonly fields: Readonly<Record<string, string>>;
}

/** Tell whether *error* is one of ours; unlike `instanceof`, also when two copies of the package are loaded. */
export const isSignetError = (error: unknown): error is SignetError =>
  error instanceof Error &&
  /^(Signet|InvalidCredentials|MfaRequired|SessionExpired|RateLimit|Network|Csrf|Validation)Error$/.test(error.name) &&
  "code" in error &&
  "status" in error;

/** Return the error for a request that had no usable answer. */
export const noAnswer = (code: NetworkErrorCode, cause?: unknown, href = ""): NetworkError =>
  new NetworkError(`${code} ${href}`, { code, status: 0, cause });

/** Return the error for a session that cannot go on. */
export const sessionOver = (code: SessionEndCode, cause?: unknown): SessionExpiredError =>
  new SessionExpiredError(code, { code, status: 401, cause });

interface ErrorBody {
  error?: string;
  msg?: string;
  fields?: Record<string, string>;
}

/**
 * Turn a refusal into its error.
 *
 * @param login a 401 without a code means a wrong password.
 */
export const toError = async (response: Response, login?: boolean): Promise<SignetError> => {
  const { status } = response;
  const body = Object(await response.json().catch(() => {})) as ErrorBody;
  const text = body.error ?? "";
  const code =
    status > 499
      ? "server"
      : // Other servers put a text there.
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
    // A date is not read: it could only be compared with a clock that may be wrong.
    retryAfter: Number(response.headers?.get("Retry-After")) || undefined,
    fields: body.fields ?? {},
    body,
  });
};
