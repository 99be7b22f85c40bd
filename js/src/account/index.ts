import type { AccountAnswer, AccountChange, Registration, SessionAnswer } from "../bodies.js";
import { SessionExpiredError, sessionOver } from "../errors.js";
import { json } from "../json.js";
import type { SignetClient, User } from "../types.js";

export type { AccountAnswer as Account, SessionAnswer as Session } from "../bodies.js";

/**
 * Create an account (`POST account`). The user is not signed in by it.
 *
 * @throws ValidationError with `fields` (if the name is taken, `code` is `conflict`), RateLimitError, NetworkError
 */
export const register = (client: SignetClient, form: Registration): Promise<AccountAnswer> =>
  json(client, "account", { body: form });

/** Return the account of the signed-in user (`GET account`). */
export const account = (client: SignetClient): Promise<AccountAnswer> => json(client, "account");

/**
 * Change the user name or the e-mail address (`PATCH account`). The server requires a fresh token: if it is not fresh,
 * log in again first.
 *
 * @throws ValidationError with `fields`; SessionExpiredError with the code `fresh_token_required`
 */
export const update = (client: SignetClient, changes: AccountChange): Promise<AccountAnswer> =>
  json(client, "account", { method: "PATCH", body: changes });

/**
 * Delete the account (`DELETE account`) and sign out. The server requires a fresh token, as for `update`.
 *
 * @throws SessionExpiredError with the code `fresh_token_required`; NetworkError
 */
export async function remove(client: SignetClient): Promise<void> {
  await json(client, "account", { method: "DELETE" });
  await client.logout();
}

/**
 * Change the password (`POST account/password`). This session continues with new tokens; all others end.
 *
 * @throws InvalidCredentialsError if *current* is wrong; ValidationError if *password* is too weak;
 *   SessionExpiredError if no user is signed in
 */
export async function changePassword(client: SignetClient, current: string, password: string): Promise<User> {
  const change = () => client.exchange("account/password", { current_password: current, password }, true);
  if (!(await client.token())) throw sessionOver("logged_out");
  try {
    return await change();
  } catch (error) {
    // As in `fetch`: if the server rejects the token, try once more with a new one.
    if (!(error instanceof SessionExpiredError) || !(await client.token({ force: true }))) throw error;
    return change();
  }
}

/** The sessions of the user on all devices. */
export const sessions: {
  /** Return all open sessions (`GET account/sessions`). */
  list(client: SignetClient): Promise<readonly SessionAnswer[]>;
  /** End one session (`DELETE account/sessions/<id>`). */
  end(client: SignetClient, id: string): Promise<void>;
  /** End all sessions except this one (`DELETE account/sessions`). */
  endOthers(client: SignetClient): Promise<void>;
} = {
  list: (client) => json(client, "account/sessions"),
  end: (client, id) => json(client, `account/sessions/${encodeURIComponent(id)}`, { method: "DELETE" }),
  endOthers: (client) => json(client, "account/sessions", { method: "DELETE" }),
};
