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

/** The answer of `POST token`, as far as it can be trusted: not at all. */
export interface Answer {
  token?: unknown;
  refresh_token?: string;
  expires_in?: number;
  user_id?: UserId;
}

/** Read who a bare token is about; it is display only, so the signature is the server's business. */
function subject(token: string): UserId {
  try {
    const part = (token.split(".")[1] as string).replaceAll("-", "+").replaceAll("_", "/");
    const { sub, sub_type } = JSON.parse(atob(part)) as { sub?: UserId; sub_type?: string };
    return sub_type === "int" ? Number(sub) : (sub ?? "");
  } catch {
    return "";
  }
}

/** Read the answer of `POST token`; a page of some captive portal is no answer of ours. */
export function received(answer: Answer | null | undefined, at: number): Tokens {
  const { token, refresh_token, expires_in, user_id } = answer ?? {};
  if (typeof token !== "string") throw noAnswer(answer, "server");
  return {
    token,
    refresh: refresh_token,
    until: expires_in && at + expires_in * 1000,
    life: expires_in,
    user: user_id ?? subject(token),
  };
}

/** Write for a storage: without a refresh token just the token, as code written for one token expects. */
export const toText = (tokens: Tokens | undefined): string | null =>
  tokens ? (tokens.refresh ? JSON.stringify(tokens) : tokens.token) : null;

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
