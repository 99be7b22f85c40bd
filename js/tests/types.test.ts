// Checked by `npm run typecheck`: each `@ts-expect-error` must be an error.
import { expect, expectTypeOf, test } from "vitest";
import {
  type Account,
  account,
  changePassword,
  register,
  remove,
  type Session,
  sessions,
  update,
} from "#signet/account/index.js";
import {
  type AuthState,
  type ClientOptions,
  createClient,
  isSignetError,
  type ServerErrorCode,
  type SignetClient,
  type SignetErrorCode,
  type User,
  type SignetError,
  ValidationError,
} from "#signet/index.js";
import { type HeadersOf, sessionHint } from "#signet/hint.js";
import { json, type JsonInit } from "#signet/json.js";
import { explain, hintOf, type Messages, MESSAGES, messageOf } from "#signet/messages.js";
import { type Loaded, useAccount, useSessions } from "#signet/react/account.js";
import { AuthProvider, RequireAuth, useAuth } from "#signet/react/index.js";
import { requireUser, type RequireUserOptions, safeNext } from "#signet/router.js";
import { type Store, toRef, toStore } from "#signet/stores.js";

test("the public types allow what is documented", () => {
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

  // The type of the user can be narrowed, but never has more than the server sends.
  const numbered = createClient<User<number>>();
  expectTypeOf(numbered.user).toEqualTypeOf<User<number> | null>();
  expectTypeOf(numbered.login).returns.resolves.toEqualTypeOf<User<number>>();
  expectTypeOf(numbered.ready).returns.resolves.toEqualTypeOf<AuthState<User<number>>>();
  expectTypeOf(numbered).toExtend<SignetClient>();
  expectTypeOf(useAuth<User<string>>).returns.toExtend<AuthState<User<string>>>();
  expectTypeOf(createClient<User>).returns.toEqualTypeOf<SignetClient>();
  // @ts-expect-error an id is a string or a number
  type NoId = User<Date>;
  // @ts-expect-error the server sends only the id; your own route returns the rest
  const named = createClient<{ id: number; name: string }>();

  const error: unknown = new ValidationError("x", { code: "conflict", status: 409, fields: { username: "taken" } });
  if (isSignetError(error)) expectTypeOf(error.code).toEqualTypeOf<SignetErrorCode>();

  expect([typeof change, options.storage, named.user]).toEqual(["function", "indexeddb", null]);
  expectTypeOf<NoId>().not.toBeAny();
});

test("the types of the subpaths allow what is documented", () => {
  const auth = createClient<User<number>>();

  // Account pages, with React and without.
  expectTypeOf(account).returns.resolves.toEqualTypeOf<Account>();
  expectTypeOf(update).parameter(1).toEqualTypeOf<{ readonly username?: string; readonly email?: string | null }>();
  expectTypeOf(remove).returns.resolves.toBeVoid();
  expectTypeOf(useAccount).returns.toExtend<Loaded<Account>>();
  expectTypeOf<ReturnType<typeof useAccount>["update"]>().returns.resolves.toEqualTypeOf<Account>();
  expectTypeOf(useSessions).returns.toExtend<Loaded<readonly Session[]>>();
  expectTypeOf<ReturnType<typeof useSessions>["end"]>().parameters.toEqualTypeOf<[id: string]>();
  expectTypeOf<ReturnType<typeof useSessions>["endOthers"]>().returns.resolves.toBeVoid();
  expectTypeOf<Loaded<Account>["data"]>().toEqualTypeOf<Account | null>();
  expectTypeOf<Loaded<Account>["error"]>().toEqualTypeOf<SignetError | null>();
  // @ts-expect-error the server has no such field to change
  const change: Parameters<typeof update>[1] = { roles: ["admin"] };

  // JSON: the result is unknown unless its type is given.
  expectTypeOf<Awaited<ReturnType<typeof json>>>().toEqualTypeOf<unknown>();
  expectTypeOf(json<number[]>).returns.resolves.toEqualTypeOf<number[]>();
  expectTypeOf<JsonInit["body"]>().toEqualTypeOf<unknown>();

  // The hint: "not known" is allowed everywhere.
  expectTypeOf(sessionHint).returns.toEqualTypeOf<boolean | undefined>();
  expectTypeOf<Request["headers"]>().toExtend<HeadersOf>();
  expectTypeOf<ReturnType<typeof useAuth>["hint"]>().toEqualTypeOf<boolean | undefined>();
  expectTypeOf(AuthProvider).parameter(0).toHaveProperty("hint").toEqualTypeOf<boolean | undefined>();

  const trouble: Parameters<typeof RequireAuth>[0]["error"] = (error, retry) => {
    expectTypeOf(error).toEqualTypeOf<SignetError>();
    expectTypeOf(retry).toEqualTypeOf<() => void>();
    return error.code;
  };

  // Routers and stores keep the type of the user.
  expectTypeOf(requireUser<User<number>>).returns.resolves.toEqualTypeOf<User<number>>();
  expectTypeOf<RequireUserOptions>().toEqualTypeOf<{ readonly login?: string }>();
  expectTypeOf(safeNext).parameters.toEqualTypeOf<[url: string | null | undefined, fallback?: string | undefined]>();
  expectTypeOf(safeNext).returns.toEqualTypeOf<string>();
  expectTypeOf(toStore(auth)).toEqualTypeOf<Store<AuthState<User<number>>>>();
  expectTypeOf(toRef(auth, (value) => ({ value }))).toEqualTypeOf<{ value: AuthState<User<number>> }>();

  // Messages: codes only, never a string of the server.
  expectTypeOf(messageOf).parameters.toEqualTypeOf<[error: unknown, messages?: Messages | undefined]>();
  expectTypeOf(explain).toEqualTypeOf(messageOf);
  expectTypeOf(hintOf).returns.toEqualTypeOf<string | undefined>();
  expectTypeOf(MESSAGES).toExtend<Messages>();
  // @ts-expect-error no such code
  const messages: Messages = { no_such_code: "x" };

  expect([change, messages, trouble]).toHaveLength(3);
});
