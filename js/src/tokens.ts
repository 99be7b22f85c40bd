import type { TokenAnswer } from "./bodies.js";
import { noAnswer } from "./errors.js";
import type { UserId } from "./types.js";

/** The tokens of one login or refresh. Never changed, only replaced. */
export interface Tokens {
  readonly token: string;
  readonly refresh?: string | undefined;
  /** Local time of receipt + lifetime, in milliseconds. Absent if the server did not send the lifetime. */
  readonly until?: number | null | undefined;
  /** The lifetime, in seconds. */
  readonly life?: number | null | undefined;
  readonly user: UserId;
}

/** The unchecked response of `POST token`. Other servers use another name for the token. */
export interface Answer extends Partial<Pick<TokenAnswer, "refresh_token" | "expires_in" | "user_id">> {
  token?: unknown;
  access_token?: unknown;
  user?: { id?: UserId } | null;
}

/** Return the subject of a token, for display only: the server checks the signature. */
function subject(token: string): UserId {
  try {
    const part = (token.split(".")[1] as string).replace(/-/g, "+").replace(/_/g, "/");
    // Decodes UTF-8 without a TextDecoder.
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
 * Read the response of `POST token`.
 *
 * @param old the tokens that are replaced: a server may leave out an unchanged refresh token (RFC 6749 section 6).
 */
export function received(answer: Answer | null | undefined, at: number, old?: Tokens | false): Tokens {
  const all: Answer = answer ?? {};
  const given = all.token ?? all.access_token;
  const life = all.expires_in;
  // For example the page of a captive portal.
  if (typeof given !== "string") throw noAnswer("server", answer);
  return {
    token: given,
    refresh: all.refresh_token ?? (old as Tokens | undefined)?.refresh,
    until: life && at + life * 1000,
    life,
    user: all.user_id ?? all.user?.id ?? (old as Tokens | undefined)?.user ?? subject(given),
  };
}

/** Return the string to store: without a refresh token the token alone, as code for a single token expects. */
export const toText = (tokens: Tokens | undefined): string | null =>
  tokens?.refresh ? JSON.stringify(tokens) : (tokens?.token ?? null);

/** Read the string that `toText` or the application's own code has stored. */
export function fromText(text: string | null | undefined): Tokens | undefined {
  if (!text) return;
  try {
    const tokens = JSON.parse(text) as Tokens | null;
    return tokens?.token ? tokens : undefined;
  } catch {
    return { token: text, user: subject(text) };
  }
}
