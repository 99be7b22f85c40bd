import { NetworkError, ValidationError } from "flask-signet";
import { messageOf } from "flask-signet/messages";

/** Why something failed, for people. */
export function reason(error: unknown): string {
  if (error instanceof NetworkError || error instanceof TypeError) {
    return "The server cannot be reached. What you typed is kept.";
  }
  if (error instanceof ValidationError) return Object.values(error.fields)[0] ?? messageOf(error);
  if (error instanceof Refused) return error.message;
  // The login form counts the seconds itself.
  return messageOf(error, { rate_limited: "Too many tries.", unknown: "Something went wrong in this page." });
}

/** What the server answered to a request of the page's own. */
export class Refused extends Error {}
