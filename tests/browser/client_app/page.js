// One client for the page, made as the address says, and functions that tell what happened as plain values.
import { createClient } from "/dist/index.js";

const query = new URLSearchParams(globalThis.location.search);
const auth = createClient(
  { storage: query.get("storage"), leewayMs: 0 },
  // A clock that stands still: then only the server knows that a token is over.
  query.has("stopped") ? { now: () => 0 } : {},
);

const named = ({ name, code, status }) => ({ error: name, code, status });

/** Send *body*; what came back, or which error. */
async function send(body, path = "tasks") {
  try {
    const response = await auth.fetch(path, { method: "POST", body });
    const answer = await response.json();
    return { status: response.status, body: answer.body, user: answer.user };
  } catch (error) {
    return named(error);
  }
}

/** Send all at the same moment: *at*, in milliseconds since 1970. */
function sendAt(at, bodies) {
  globalThis.results = new Promise((done) => {
    setTimeout(() => done(Promise.all(bodies.map((body) => send(body)))), at - Date.now());
  });
}

const login = (username, password) => auth.login(username, password).catch(named);
const token = (options) => auth.token(options).catch(named);

/** Every status that the state had, in order; and whether the page came back whole from the back/forward cache. */
const statuses = [];
let restored = 0;
auth.onChange(({ status }) => statuses.push(status));
globalThis.addEventListener("pageshow", ({ persisted }) => (restored += persisted));

Object.assign(globalThis, { auth, send, sendAt, login, token, statuses, restoredTimes: () => restored });
await auth.ready();
globalThis.isReady = true;
