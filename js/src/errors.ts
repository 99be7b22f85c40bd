import type { ServerErrorCode } from "./codes.js";

/** The server's codes and those that only a client can see. */
export type SignetErrorCode = ServerErrorCode | "offline" | "timeout" | "server";

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
}

/** Root of every error that this package throws; `code` is for programs, `message` for people. */
export class SignetError extends Error {
  override name = "SignetError";
  declare readonly code: SignetErrorCode;
  /** HTTP status; 0 if there was no answer. */
  declare readonly status: number;
  /** Seconds to wait, if the server said so (429 and 503). */
  declare readonly retryAfter: number | undefined;

  constructor(message: string, details: ErrorDetails) {
    super(message);
    Object.assign(this, details);
  }
}

/** The name or the password is wrong (401 of a login). */
export class InvalidCredentialsError extends SignetError {
  override name = "InvalidCredentialsError";
}

/** The session is over: the server refused to go on with it. Ask for the password again. */
export class SessionExpiredError extends SignetError {
  override name = "SessionExpiredError";
}

/** Too many tries (429); `retryAfter` says for how many seconds to wait. */
export class RateLimitError extends SignetError {
  override name = "RateLimitError";
}

/** No usable answer: `code` is `offline` (no connection), `timeout` or `server` (5xx, or not what we understand). */
export class NetworkError extends SignetError {
  override name = "NetworkError";
  declare readonly code: "offline" | "timeout" | "server";
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
  /^(Signet|InvalidCredentials|SessionExpired|RateLimit|Network|Csrf|Validation)Error$/.test(error.name) &&
  "code" in error &&
  "status" in error;

/** Give the error for a request that had no usable answer: *code* if known, else what *cause* tells. */
export const noAnswer = (cause: unknown, code?: "server"): NetworkError => {
  const why = code ?? ((cause as Error).name === "TimeoutError" ? "timeout" : "offline");
  return new NetworkError(`No answer: ${why}`, { code: why, status: 0, cause });
};

/** Give the error for a session that cannot go on. */
export const sessionOver = (cause?: unknown): SessionExpiredError =>
  new SessionExpiredError("Session over", { code: "token_expired", status: 401, cause });

interface ErrorBody {
  error?: SignetErrorCode;
  msg?: string;
  fields?: Record<string, string>;
}

/**
 * Turn a refusal into its error.
 *
 * @param login a 401 means a wrong password, also from a server whose answer has no `error`.
 */
export async function toError(response: Response, login?: boolean): Promise<SignetError> {
  const { status } = response;
  const { error, msg, fields = {} } = ((await response.json().catch(() => null)) ?? {}) as ErrorBody;
  const code = status > 499 ? "server" : status === 401 && login ? "invalid_credentials" : (error ?? "invalid_request");
  const kinds: Record<number, new (message: string, details: ErrorDetails) => SignetError> = {
    400: ValidationError,
    401: code === "invalid_credentials" ? InvalidCredentialsError : SessionExpiredError,
    403: code === "csrf_failed" ? CsrfError : SignetError,
    409: ValidationError,
    422: ValidationError,
    429: RateLimitError,
  };
  const Kind = status > 499 ? NetworkError : (kinds[status] ?? SignetError);
  // A date is not read: it could only be compared with a clock that may be wrong.
  const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  return new Kind(msg ?? `HTTP ${status}`, { code, status, retryAfter, fields });
}
