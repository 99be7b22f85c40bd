import { isSignetError, NetworkError, ValidationError } from "flask-signet";

/** Why something failed, for people. */
export function reason(error: unknown): string {
  if (error instanceof NetworkError || error instanceof TypeError) {
    return "The server cannot be reached. What you typed is kept.";
  }
  if (error instanceof ValidationError) return Object.values(error.fields)[0] ?? error.message;
  if (isSignetError(error) || error instanceof Refused) return error.message;
  return "Something went wrong in this page.";
}

/** What the server answered to a request of the page's own. */
export class Refused extends Error {}
