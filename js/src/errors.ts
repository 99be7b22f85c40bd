/** Root of every error that this package throws. */
export class SignetError extends Error {
  override name = "SignetError";
}

/** Tells whether *error* is one of ours, also when two copies of the package are loaded. */
export const isSignetError = (error: unknown): error is SignetError =>
  error instanceof Error && "isSignet" in error;
