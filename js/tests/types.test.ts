// Checked by `npm run typecheck`: each expected error must be one.
import { expect, expectTypeOf, test } from "vitest";
import { type Account, changePassword, register, type Session, sessions } from "#signet/account/index.js";
import {
  type AuthState,
  type ClientOptions,
  createClient,
  isSignetError,
  type ServerErrorCode,
  type SignetClient,
  type SignetErrorCode,
  type User,
  ValidationError,
} from "#signet/index.js";
import { useAuth } from "#signet/react/index.js";

test("the public types say what may be done", () => {
  expectTypeOf(createClient).returns.toEqualTypeOf<SignetClient>();
  expectTypeOf<SignetClient["fetch"]>().toEqualTypeOf<
    (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>
  >();
  expectTypeOf<SignetClient["token"]>().returns.resolves.toEqualTypeOf<string | null>();
  expectTypeOf<SignetClient["login"]>().returns.resolves.toEqualTypeOf<User>();
  expectTypeOf(useAuth).returns.toExtend<AuthState>();
  expectTypeOf(register).returns.resolves.toEqualTypeOf<Account>();
  expectTypeOf(changePassword).returns.resolves.toEqualTypeOf<User>();
  expectTypeOf(sessions.list).returns.resolves.toEqualTypeOf<readonly Session[]>();
  expectTypeOf<"token_expired">().toExtend<ServerErrorCode>();
  expectTypeOf<"offline">().toExtend<SignetErrorCode>();
  expectTypeOf<"no_such_code">().not.toExtend<SignetErrorCode>();

  const state = createClient().state;
  if (state.status === "signed-in") expectTypeOf(state.user).toEqualTypeOf<User>();
  else expectTypeOf(state.user).toEqualTypeOf<null>();
  // @ts-expect-error a state is not changed from outside
  const change = (): void => void (state.status = "signed-out");

  // @ts-expect-error no such storage
  const options: ClientOptions = { storage: "indexeddb" };

  const error: unknown = new ValidationError("x", { code: "conflict", status: 409, fields: { username: "taken" } });
  if (isSignetError(error)) expectTypeOf(error.code).toEqualTypeOf<SignetErrorCode>();

  expect([typeof change, options.storage]).toEqual(["function", "indexeddb"]);
});
