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
  expectTypeOf(createClient()).toEqualTypeOf<SignetClient>();
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

  // The user's type: narrower than what we know, never more than what the server tells.
  const numbered = createClient<User<number>>();
  expectTypeOf(numbered.user).toEqualTypeOf<User<number> | null>();
  expectTypeOf(numbered.login).returns.resolves.toEqualTypeOf<User<number>>();
  expectTypeOf(numbered.ready).returns.resolves.toEqualTypeOf<AuthState<User<number>>>();
  expectTypeOf(numbered).toExtend<SignetClient>();
  expectTypeOf(useAuth<User<string>>).returns.toExtend<AuthState<User<string>>>();
  expectTypeOf(createClient<User>).returns.toEqualTypeOf<SignetClient>();
  // @ts-expect-error an id is a text or a number
  type NoId = User<Date>;
  // @ts-expect-error only the id is told: ask a route of yours for the rest
  const named = createClient<{ id: number; name: string }>();

  const error: unknown = new ValidationError("x", { code: "conflict", status: 409, fields: { username: "taken" } });
  if (isSignetError(error)) expectTypeOf(error.code).toEqualTypeOf<SignetErrorCode>();

  expect([typeof change, options.storage, named.user]).toEqual(["function", "indexeddb", null]);
  expectTypeOf<NoId>().not.toBeAny();
});
