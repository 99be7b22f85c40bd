export { createClient } from "./client.js";
export type { ServerErrorCode } from "./codes.js";
export {
  CsrfError,
  InvalidCredentialsError,
  isSignetError,
  MfaRequiredError,
  NetworkError,
  RateLimitError,
  SessionExpiredError,
  SignetError,
  ValidationError,
} from "./errors.js";
export type { ErrorDetails, LoginStepCode, NetworkErrorCode, SessionEndCode, SignetErrorCode } from "./errors.js";
export type {
  AuthState,
  Channel,
  ClientOptions,
  Deps,
  Lock,
  SignetClient,
  StorageMode,
  TokenStorage,
  User,
  UserId,
} from "./types.js";
