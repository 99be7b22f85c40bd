import { isSignetError, noAnswer, SessionExpiredError, sessionOver, toError } from "../errors.js";
import type { SignetClient, User, UserId } from "../types.js";

/** An account as the server shows it to its owner. */
export interface Account {
  readonly id: UserId;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly roles: readonly string[];
  readonly created_at: string;
}

/** One login of the user, on this or another device. */
export interface Session {
  readonly id: string;
  readonly device: string | null;
  readonly ip: string | null;
  readonly created: string;
  readonly last_seen: string;
  /** Whether it is the one that asks. */
  readonly current: boolean;
}

async function ask(client: SignetClient, method: string, path: string, body?: object): Promise<unknown> {
  let response;
  try {
    response = await client.fetch(path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  } catch (cause) {
    throw isSignetError(cause) ? cause : noAnswer(cause);
  }
  if (!response.ok) throw await toError(response);
  if (response.status === 204) return undefined;
  return response.json().catch((cause: unknown) => {
    throw noAnswer(cause, "server");
  });
}

/**
 * Open an account (`POST account`); it signs nobody in.
 *
 * @throws ValidationError with `fields` (a taken name too: `code` is `conflict`), RateLimitError, NetworkError
 */
export const register = (
  client: SignetClient,
  form: { readonly username: string; readonly password: string; readonly email?: string },
): Promise<Account> => ask(client, "POST", "account", form) as Promise<Account>;

/** Read the account of whoever is signed in (`GET account`). */
export const account = (client: SignetClient): Promise<Account> => ask(client, "GET", "account") as Promise<Account>;

/**
 * Change the password (`POST account/password`). This session goes on with new tokens, all others end.
 *
 * @throws InvalidCredentialsError if *current* is wrong; ValidationError if *password* is too weak;
 *   SessionExpiredError if nobody is signed in (any more)
 */
export async function changePassword(client: SignetClient, current: string, password: string): Promise<User> {
  const change = () => client.exchange("account/password", { current_password: current, password }, true);
  if (!(await client.token())) throw sessionOver();
  try {
    return await change();
  } catch (error) {
    // As in fetch: the server knows better whether the token is good, and a new one is worth one more try.
    if (!(error instanceof SessionExpiredError) || !(await client.token({ force: true }))) throw error;
    return change();
  }
}

/** The logins of the user on all devices. */
export const sessions: {
  /** All that are open (`GET account/sessions`). */
  list(client: SignetClient): Promise<readonly Session[]>;
  /** End one (`DELETE account/sessions/<id>`). */
  end(client: SignetClient, id: string): Promise<void>;
  /** End all but this one (`DELETE account/sessions`). */
  endOthers(client: SignetClient): Promise<void>;
} = {
  list: (client) => ask(client, "GET", "account/sessions") as Promise<readonly Session[]>,
  end: (client, id) => ask(client, "DELETE", `account/sessions/${encodeURIComponent(id)}`) as Promise<void>,
  endOthers: (client) => ask(client, "DELETE", "account/sessions") as Promise<void>,
};
