// Servers that answer differently from Flask-Signet, such as those with Flask-JWT-Extended.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createClient } from "#signet/index.js";
import { thrown } from "./support/browser.js";
import { startServer } from "./support/server.js";
import { browser, NAME, PASSWORD, server, setUpServerAndBrowser } from "./support/setup.js";

setUpServerAndBrowser();

const jwt = (claims: object): string => `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.s`;

/** Return a client whose server answers `POST token` with *login* and a refresh with *refreshed*, and the sent bodies. */
function answering(login: object, refreshed?: object) {
  const bodies: unknown[] = [];
  let good = true;
  const auth = createClient(
    { baseUrl: "https://api.test/", storage: "memory" },
    {
      fetch: async (input, init) => {
        const path = new URL(String(input)).pathname;
        if (path.startsWith("/token")) {
          bodies.push(JSON.parse(String(init?.body)));
          good = true;
          return Response.json(path === "/token" ? login : refreshed);
        }
        return good ? Response.json({}) : Response.json({ msg: "Token has expired" }, { status: 401 });
      },
    },
  );
  return { auth, bodies, expire: () => void (good = false) };
}

test("a refresh with only an access token keeps the refresh token and the user", async () => {
  const { auth, bodies, expire } = answering(
    { access_token: jwt({ sub: "1" }), refresh_token: "r1", user: { id: 1, email: "x@y.test" } },
    { access_token: jwt({ sub: "1", n: 2 }) },
  );
  await auth.login(NAME, PASSWORD);
  for (let round = 0; round < 2; round++) {
    expire();

    expect((await auth.fetch("x")).status).toBe(200);
    expect(auth.state).toMatchObject({ status: "signed-in", user: { id: 1 } });
  }
  expect(bodies.slice(1)).toEqual([{ refresh_token: "r1" }, { refresh_token: "r1" }]);
});

test.each([
  [{ access_token: jwt({ sub: "7" }) }, "7"],
  [{ token: jwt({ sub: "7", sub_type: "int" }) }, 7],
  [{ token: jwt({ sub: "7" }), user: { id: 7, name: "Zoë" } }, 7],
  [{ token: jwt({ sub: "7" }), user: null }, "7"],
  [{ token: jwt({ sub: "7" }), user_id: 8 }, 8],
  [{ access_token: jwt({ sub: "José Ñandú 李 🔑" }) }, "José Ñandú 李 🔑"],
  [{ access_token: jwt({ sub: { id: 3, role: "é" } }) }, 3],
  [{ access_token: jwt({}) }, ""],
  [{ access_token: "no JWT" }, ""],
] as const)("a login answer %j signs in %j", async (answer, id) => {
  const { auth } = answering(answer);

  expect(await auth.login(NAME, PASSWORD)).toEqual({ id });
  expect((await auth.fetch("x")).status).toBe(200);
});

test.each([[{}], [{ token: 1 }], [{ access_token: null }], [[]], [null], ["text"]])(
  "a login response without a token is an error: %j",
  async (answer) => {
    const { auth } = answering(answer as object);

    expect(await thrown(auth.login(NAME, PASSWORD))).toMatchObject({ name: "NetworkError", code: "server" });
  },
);

test("an exchange without a refresh token in the response keeps the old one", async () => {
  const { auth, bodies, expire } = answering(
    { access_token: jwt({ sub: "1" }), refresh_token: "r1" },
    { token: jwt({ sub: "1", n: 3 }) },
  );
  await auth.login(NAME, PASSWORD);
  await auth.exchange("token/refresh", { password: PASSWORD }, true);
  expire();

  expect((await auth.fetch("x")).status).toBe(200);
  expect(bodies.at(-1)).toEqual({ refresh_token: "r1" });
});

test.each([
  ["Signature verification failed"],
  ["Not enough segments"],
  ["Invalid header string: 'utf-8' codec can't decode"],
  ["Subject must be a string"],
  ["Only non-refresh tokens are allowed"],
  ["Missing claim: jti"],
])("422 with Flask-JWT-Extended's body counts as 401: %s", async (msg) => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.fail("/protected", 422, {}, { msg });

  expect((await tab.fetch("protected")).status).toBe(200);
  expect(server.refreshes()).toBe(1);
});

test("422 of Flask-JWT-Extended without refresh tokens signs out", async () => {
  const lesson = await startServer({ refreshTokens: false });
  const tab = browser.tab({ baseUrl: lesson.url, storage: "memory" });
  await tab.login(NAME, PASSWORD);
  lesson.fail("/protected", 422, {}, { msg: "Signature verification failed" });

  expect((await tab.fetch("protected")).status).toBe(422);
  expect(tab.state).toMatchObject({ status: "signed-out", error: { code: "token_expired" } });

  await lesson.close();
});

test.each([
  [{ errors: { json: { title: ["Missing data"] } }, code: 422 }],
  [{ msg: "The title is too long" }],
  [{ error: "invalid_request", msg: "A header is missing", fields: { title: "too long" } }],
  ["<h1>Unprocessable</h1>"],
])("a form rejected with 422 does not end the session: %j", async (body) => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.fail("/tasks", 422, {}, body);
  const response = await tab.fetch("tasks", { method: "POST", body: "{}" });

  expect(response.status).toBe(422);
  expect(await response.json()).toEqual(body);
  expect(server.refreshes()).toBe(0);
});

test("a 422 to a refresh ends the session like a 401", async () => {
  const tab = browser.tab();
  await tab.login(NAME, PASSWORD);
  server.expire();
  server.fail("/token/refresh", 422, {}, { msg: "Signature verification failed" });

  expect((await tab.fetch("protected")).status).toBe(401);
  expect(tab.state.status).toBe("signed-out");
});

test("the client works with a server as in Flask-JWT-Extended's documentation", async () => {
  let count = 0;
  const good = new Set<string>();
  const give = (kind: string): string => {
    const token = jwt({ sub: "María", type: kind, jti: ++count });
    good.add(token);
    return token;
  };
  const seen: string[] = [];
  const http = createServer((incoming: IncomingMessage, response) => {
    const bearer = (incoming.headers.authorization ?? "").slice(7);
    seen.push(`${incoming.method} ${incoming.url}`);
    const answer = (status: number, body: object) =>
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    if (incoming.url === "/login") return answer(200, { access_token: give("access"), refresh_token: give("refresh") });
    if (!bearer) return answer(401, { msg: "Missing Authorization Header" });
    if (!good.has(bearer)) return answer(401, { msg: "Token has expired" });
    if (incoming.url === "/refresh") return answer(200, { access_token: give("access") });
    return answer(200, { logged_in_as: "María" });
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const api = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  // As in that documentation, the refresh route expects the refresh token as a Bearer token.
  const send: typeof fetch = (url, init) => {
    if (url !== `${api}token/refresh`) return fetch(url, init);
    const { refresh_token } = JSON.parse(String(init?.body)) as { refresh_token: string };
    return fetch(`${api}refresh`, { method: "POST", headers: { Authorization: `Bearer ${refresh_token}` } });
  };
  const auth = createClient({ baseUrl: api, storage: "memory" }, { fetch: send });

  expect(await auth.exchange("login", { username: "test", password: "test" })).toEqual({ id: "María" });
  expect((await auth.fetch("protected")).status).toBe(200);

  for (let round = 0; round < 2; round++) {
    good.delete((await auth.token()) ?? "");

    expect((await auth.fetch("protected")).status).toBe(200);
  }
  good.clear();

  expect((await auth.fetch("protected")).status).toBe(401);
  expect(auth.state).toMatchObject({ status: "signed-out", error: { name: "SessionExpiredError" } });
  expect(seen.filter((one) => one === "POST /refresh")).toHaveLength(3);

  http.closeAllConnections();
  http.close();
});
