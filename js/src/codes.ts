// Written by scripts/typescript_types.py, which `make format` calls; `make lint` compares.

/** Every `error` that the server answers with; stable once released. */
export type ServerErrorCode =
  | "conflict"
  | "csrf_failed"
  | "error"
  | "fresh_token_required"
  | "invalid_credentials"
  | "invalid_key"
  | "invalid_request"
  | "invalid_token"
  | "method_not_allowed"
  | "mfa_required"
  | "missing_token"
  | "not_found"
  | "rate_limited"
  | "settings"
  | "token_expired"
  | "token_revoked"
  | "too_large"
  | "unavailable"
  | "unsupported_media_type"
  | "weak_password";
