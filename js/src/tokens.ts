import { noAnswer } from "./errors.js";
import type { UserId } from "./types.js";

/** What one login or refresh gave. Never changed, only replaced. */
export interface Tokens {
  readonly token: string;
  readonly refresh?: string | undefined;
  /** Local time of receipt + lifetime, milliseconds; unknown if the server did not say. */
  readonly until?: number | undefined;
  /** The lifetime alone, seconds. */
  readonly life?: number | undefined;
  readonly user: UserId;
}

/** The answer of `POST token`, as far as it can be trusted: not at all. Other servers name the token otherwise. */
export interface Answer {
  token?: unknown;
  access_token?: unknown;
  refresh_token?: string;
  expires_in?: number;
  user_id?: UserId;
  user?: { id?: UserId } | null;
}

/** Read who a bare token is about; it is display only, so checking the signature is left to the server. */
function subject(token: string): UserId {
  try {
    const part = (token.split(".")[1] as string).replace(/-/g, "+").replace(/_/g, "/");
    // Bytes of UTF-8, read without a TextDecoder.
    const { sub, sub_type } = JSON.parse(decodeURIComponent(escape(atob(part)))) as {
      sub?: UserId & { id?: UserId };
      sub_type?: string;
    };
    return sub_type === "int" ? Number(sub) : (sub?.id ?? sub ?? "");
  } catch {
    return "";
  }
}

/**
 * Read the answer of `POST token`.
 *
 * @param old what it replaces: a server may keep the refresh token and leave it out (RFC 6749 section 6).
 */
export function received(answer: Answer | null | undefined, at: number, old?: Tokens | false): Tokens {
  const all: Answer = answer ?? {};
  const given = all.token ?? all.access_token;
  const life = all.expires_in;
  // The page of a captive portal, say.
  if (typeof given !== "string") throw noAnswer("server", answer);
  return {
    token: given,
    refresh: all.refresh_token ?? (old as Tokens | undefined)?.refresh,
    until: life && at + life * 1000,
    life,
    user: all.user_id ?? all.user?.id ?? (old as Tokens | undefined)?.user ?? subject(given),
  };
}

/** Write for a storage: without a refresh token just the token, as code written for one token expects. */
export const toText = (tokens: Tokens | undefined): string | null =>
  tokens?.refresh ? JSON.stringify(tokens) : (tokens?.token ?? null);

/** Read from a storage what `toText` or the user's own code put there. */
export function fromText(text: string | null | undefined): Tokens | undefined {
  if (!text) return;
  try {
    const tokens = JSON.parse(text) as Tokens | null;
    return tokens?.token ? tokens : undefined;
  } catch {
    return { token: text, user: subject(text) };
  }
}
