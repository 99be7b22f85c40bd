import { NetworkError, ValidationError } from "flask-signet";
import { messageOf } from "flask-signet/messages";

/** Return an error message for users. */
export function reason(error: unknown): string {
  if (error instanceof NetworkError || error instanceof TypeError) {
    return "The server cannot be reached. Your input is kept.";
  }
  if (error instanceof ValidationError) return Object.values(error.fields)[0] ?? messageOf(error);
  if (error instanceof Refused) return error.message;
  // The login form shows the seconds itself.
  return messageOf(error, { rate_limited: "Too many tries.", unknown: "An error occurred in this page." });
}

/** A request of the page that the server refused. */
export class Refused extends Error {}
