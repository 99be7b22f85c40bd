import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A session on the server. */
interface Session {
  readonly id: string;
  readonly user: number;
  generation: number;
  alive: boolean;
  /** Generation → when it was exchanged, milliseconds. */
  readonly exchanged: Map<number, number>;
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

const SANDBOX = "sandbox allow-scripts";

type Trick = (request: Seen, response: ServerResponse) => boolean | Promise<boolean>;

const USERS: Record<string, { id: number; password: string }> = {
  alesanchezr: { id: 1, password: "12341234" },
  other: { id: 2, password: "43214321" },
};

/**
 * Start a server on loopback with the part of Flask-Signet that a client sees: sessions, rotation with a grace time,
 * reuse detection, cookie mode. Tests can change its responses; the real server is tested elsewhere.
 */
export async function startServer({ refreshTokens = true, graceMs = 30_000, expiresIn = 900 } = {}) {
  const sessions = new Map<string, Session>();
  const good = new Map<string, { session: Session; user: number }>();
  const seen: Seen[] = [];
  const tricks: { path: string; trick: Trick }[] = [];
  let count = 0;

  const accessToken = (session: Session): string => {
    const payload = Buffer.from(JSON.stringify({ sub: String(session.user), sub_type: "int", n: ++count }));
    const token = `h.${payload.toString("base64url")}.s`;
    good.set(token, { session, user: session.user });
    return token;
  };
  const json = (
    response: ServerResponse,
    status: number,
    body: unknown,
    headers: Record<string, string> = {},
  ): void => {
    response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers });
    response.end(JSON.stringify(body));
  };
  const refuse = (response: ServerResponse, code: string): void =>
    json(response, 401, { error: code, msg: code }, { "WWW-Authenticate": 'Bearer error="invalid_token"' });
  const answer = (response: ServerResponse, session: Session, cookie: boolean): void => {
    const token = accessToken(session);
    const refresh = `sgr_${session.id}_${session.generation}`;
    const body = { token, access_token: token, token_type: "Bearer", user_id: session.user };
    if (!refreshTokens) return json(response, 200, { token, user_id: session.user });
    if (cookie) {
      json(
        response,
        200,
        { ...body, expires_in: server.expiresIn },
        { "Set-Cookie": `signet_refresh=${refresh}; HttpOnly; Path=/` },
      );
    } else json(response, 200, { ...body, expires_in: server.expiresIn, refresh_token: refresh });
  };
  const renamed = new Map<number, string>();
  const shownAccount = (user: number): object => ({
    id: user,
    username: renamed.get(user) ?? Object.keys(USERS).find((name) => USERS[name]?.id === user),
    email: null,
    email_verified: false,
    roles: [],
    created_at: "2026-01-01T00:00:00Z",
  });
  const presented = (request: Seen): { text: string; cookie: boolean } => {
    const cookie = /signet_refresh=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    const body = request.body ? (JSON.parse(request.body) as { refresh_token?: string }).refresh_token : undefined;
    return { text: body ?? cookie ?? "", cookie: body === undefined };
  };
  const bearer = (request: Seen) => good.get((request.headers.authorization ?? "").slice(7));

  const routes: Record<string, (request: Seen, response: ServerResponse) => void> = {
    "POST /token"(request, response) {
      const form = JSON.parse(request.body) as { username: string; password: string; transport?: string };
      const user = USERS[form.username];
      if (user?.password !== form.password) {
        return json(response, 401, { error: "invalid_credentials", msg: "Bad username or password" });
      }
      const session = { id: `s${++count}`, user: user.id, generation: 1, alive: true, exchanged: new Map() };
      sessions.set(session.id, session);
      const cookie = form.transport === "cookie";
      if (cookie && request.headers["x-signet"] !== "1")
        return json(response, 403, { error: "csrf_failed", msg: "X-Signet" });
      answer(response, session, cookie);
    },
    "POST /token/refresh"(request, response) {
      const { text, cookie } = presented(request);
      if (!refreshTokens) return json(response, 404, { error: "not_found", msg: "Not found" });
      if (!text) return refuse(response, "missing_token");
      if (cookie && request.headers["x-signet"] !== "1")
        return json(response, 403, { error: "csrf_failed", msg: "X-Signet" });
      const [, id = "", generation = ""] = text.split("_");
      const session = sessions.get(id);
      if (!session?.alive) return refuse(response, "token_revoked");
      const age = Date.now() - (session.exchanged.get(Number(generation)) ?? 0);
      if (Number(generation) === session.generation) session.exchanged.set(session.generation++, Date.now());
      else if (age > graceMs) {
        session.alive = false;
        return refuse(response, "token_revoked");
      }
      answer(response, session, cookie);
    },
    "DELETE /token"(request, response) {
      const id = bearer(request)?.session.id ?? presented(request).text.split("_")[1] ?? "";
      const session = sessions.get(id);
      for (const one of sessions.values()) {
        if (one === session || (request.path.includes("everywhere=1") && one.user === session?.user)) one.alive = false;
      }
      response.writeHead(204, { "Set-Cookie": "signet_refresh=; Max-Age=0; Path=/" }).end();
    },
    "POST /account/password"(request, response) {
      const who = bearer(request);
      const form = JSON.parse(request.body) as { current_password: string; transport?: string };
      if (!who?.session.alive) return refuse(response, "token_revoked");
      if (form.current_password !== "12341234") {
        return json(
          response,
          401,
          { error: "invalid_credentials", msg: "Bad username or password" },
          { "WWW-Authenticate": "Bearer" },
        );
      }
      answer(response, who.session, form.transport === "cookie");
    },
    "POST /account"(request, response) {
      const form = JSON.parse(request.body) as { username: string; password: string };
      if (form.username in USERS)
        return json(response, 409, { error: "conflict", msg: "Taken", fields: { username: "taken" } });
      if (form.password.length < 8) {
        return json(response, 400, { error: "weak_password", msg: "Too short", fields: { password: "too short" } });
      }
      json(response, 201, {
        id: 3,
        username: form.username,
        email: null,
        email_verified: false,
        roles: [],
        created_at: "",
      });
    },
    "GET /account"(request, response) {
      const who = bearer(request);
      if (!who?.session.alive) return refuse(response, "token_revoked");
      json(response, 200, shownAccount(who.user));
    },
    "PATCH /account"(request, response) {
      const who = bearer(request);
      if (!who?.session.alive) return refuse(response, "token_revoked");
      const { username } = JSON.parse(request.body) as { username: string };
      if (username in USERS)
        return json(response, 409, { error: "conflict", msg: "Taken", fields: { username: "taken" } });
      renamed.set(who.user, username);
      json(response, 200, shownAccount(who.user));
    },
    "GET /account/sessions"(request, response) {
      const who = bearer(request);
      if (!who?.session.alive) return refuse(response, "token_revoked");
      json(
        response,
        200,
        [...sessions.values()]
          .filter((one) => one.alive && one.user === who.user)
          .map((one) => ({ id: one.id, current: one === who.session })),
      );
    },
    "DELETE /account/sessions"(request, response) {
      const who = bearer(request);
      for (const one of sessions.values()) if (one.user === who?.user && one !== who.session) one.alive = false;
      response.writeHead(204).end();
    },
  };
  /** `DELETE /account/sessions/<id>` */
  const endSession = (request: Seen, response: ServerResponse): void => {
    const who = bearer(request);
    if (!who?.session.alive) return refuse(response, "token_revoked");
    const session = sessions.get(decodeURIComponent(request.path.split("/")[3] ?? ""));
    if (!session?.alive || session.user !== who.user)
      return json(response, 404, { error: "not_found", msg: "No such session" });
    session.alive = false;
    response.writeHead(204).end();
  };

  const http = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const entry = {
      method: request.method ?? "",
      path: request.url ?? "",
      body: Buffer.concat(chunks).toString(),
      headers: request.headers,
    };
    const path = entry.path.split("?")[0] ?? "";
    const page = server.pages.get(path);
    const type = { "Content-Type": "text/html" };
    if (page) {
      return void response
        .writeHead(200, server.sandbox ? { ...type, "Content-Security-Policy": SANDBOX } : type)
        .end(page);
    }
    if (server.sandbox) {
      response.setHeader("Access-Control-Allow-Origin", "*");
      response.setHeader("Access-Control-Allow-Headers", "Authorization, Content-Type");
      response.setHeader("Access-Control-Allow-Methods", "DELETE");
      if (entry.method === "OPTIONS") return void response.writeHead(204).end();
    }
    seen.push(entry);
    const index = tricks.findIndex((one) => one.path === path);
    if (index >= 0 && (await tricks.splice(index, 1)[0]?.trick(entry, response))) return;
    const route = routes[`${entry.method} ${path}`];
    if (route) return route(entry, response);
    if (entry.method === "DELETE" && path.startsWith("/account/sessions/")) return endSession(entry, response);
    if (path === "/public") return json(response, 200, { authorization: entry.headers.authorization ?? null });
    const who = bearer(entry);
    if (!entry.headers.authorization)
      return json(response, 401, { error: "missing_token", msg: "" }, { "WWW-Authenticate": "Bearer" });
    if (!who?.session.alive) return refuse(response, "token_expired");
    json(response, 200, { id: who.user, path: entry.path, body: entry.body });
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const { port } = http.address() as AddressInfo;

  const server = {
    url: `http://127.0.0.1:${port}/`,
    seen,
    sessions,
    /** Path → HTML that is served there. */
    pages: new Map<string, string>(),
    expiresIn,
    /** Serve the pages sandboxed, without an origin: the browser then forbids storage and locks. */
    sandbox: false,
    /** Return the number of requests to *path* (without query) with *method*. */
    count: (method: string, path: string): number =>
      seen.filter((one) => one.method === method && one.path.split("?")[0] === path).length,
    refreshes: (): number => server.count("POST", "/token/refresh"),
    /** Reject all access tokens issued so far. */
    expire: (): void => good.clear(),
    /** Let *trick* answer the next request to *path*. It returns true if it has answered. */
    once: (path: string, trick: Trick): void => void tricks.push({ path, trick }),
    /** Answer the next request to *path* with *status*. */
    fail: (
      path: string,
      status: number,
      headers: Record<string, string> = {},
      body: unknown = { error: "unavailable", msg: "" },
    ): void => void tricks.push({ path, trick: (_request, response) => (json(response, status, body, headers), true) }),
    close: (): Promise<void> =>
      new Promise((done) => {
        http.closeAllConnections();
        http.close(() => done());
      }),
  };
  return server;
}

export type Server = Awaited<ReturnType<typeof startServer>>;
