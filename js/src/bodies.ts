// Written by scripts/typescript_types.py, which `make format` calls; `make lint` compares.
import type { ServerErrorCode } from "./codes.js";

/** An account, as the server shows it to its owner. */
export interface AccountAnswer {
  readonly id: number | string;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly roles: readonly string[];
  /** null where the application does not keep it. */
  readonly created_at: string | null;
}

/** The fields to change; an absent field is not changed. */
export interface AccountChange {
  readonly username?: string;
  /** null removes it. */
  readonly email?: string | null;
}

/** The body of an error answer. */
export interface ErrorAnswer {
  /** The code for programs; it never changes. */
  readonly error: ServerErrorCode;
  /** The message for people. */
  readonly msg: string;
  /** For each invalid field of the body, the reason. */
  readonly fields?: Readonly<Record<string, string>>;
  /** With mfa_required: the token of the pending login. */
  readonly mfa_token?: string;
  /** With mfa_required: the methods that can complete the login. */
  readonly methods?: readonly string[];
  /** With mfa_required: lifetime of mfa_token in seconds. */
  readonly expires_in?: number;
}

/** The store answers. */
export interface HealthAnswer {
  readonly status: "ok";
}

/** A JWK set (RFC 7517 section 5). */
export interface JWKSetAnswer {
  /** The public keys; empty if tokens use HMAC. */
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** A user name and a password. */
export interface LoginBody {
  /** If users log in by their e-mail address, the field may be named `email`. */
  readonly username: string;
  readonly password: string;
  /** How the refresh token is sent: in the response body, or as an HttpOnly cookie (JSON only). */
  readonly transport?: "body" | "cookie";
}

/** The second proof of a login. The other fields depend on the method. */
export interface MfaBody {
  readonly mfa_token: string;
  /** One of the `methods` of the error. */
  readonly method: string;
  /** The code, if the method has one. */
  readonly code?: string;
  /** As in POST /token; a login that began with a cookie keeps it. */
  readonly transport?: "body" | "cookie";
}

/** The current password and the new one. */
export interface PasswordChange {
  readonly current_password: string;
  readonly password: string;
  /** How the new refresh token comes: in the body of the answer, or as an HttpOnly cookie. */
  readonly transport?: "body" | "cookie";
}

/** The refresh token, if it is not sent as a cookie. */
export interface RefreshBody {
  readonly refresh_token?: string;
}

/** A new account. Other fields are ignored: a client gives itself no roles. */
export interface Registration {
  readonly username: string;
  readonly password: string;
  readonly email?: string;
}

/** A session of the user, on this or another device. */
export interface SessionAnswer {
  readonly id: string;
  /** The User-Agent that logged in. */
  readonly device: string | null;
  readonly ip: string | null;
  readonly created: string;
  readonly last_seen: string;
  /** Whether this is the session of the request. */
  readonly current: boolean;
}

/** The tokens of a session. */
export interface TokenAnswer {
  /** The access token. */
  readonly token: string;
  /** The same token under OAuth's name. */
  readonly access_token: string;
  readonly token_type: "Bearer";
  /** Lifetime of the access token in seconds; null if it never expires. */
  readonly expires_in: number | null;
  readonly user_id: number | string;
  /** Absent if it is sent as a cookie. */
  readonly refresh_token?: string;
}
