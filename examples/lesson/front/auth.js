// The two steps of every front end that logs in with a token.

const KEY = "lesson-token";

/** Step 1: ask for a token with name and password, and keep it. */
export async function login(username, password) {
  const response = await fetch("/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.msg); // "Bad username or password"

  // sessionStorage lives as long as the tab. Any script on the page can read it, so let no foreign script in.
  sessionStorage.setItem(KEY, body.token);
}

/** Step 2: send the token along with every request that needs it. */
export async function fetchWithToken(path, options = {}) {
  const headers = new Headers(options.headers);
  headers.set("Authorization", `Bearer ${sessionStorage.getItem(KEY)}`);
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) logout(); // expired, or no longer valid: the user must log in again
  return response;
}

/** Forget the token. It stays valid until it expires; to end it at once, the server needs sessions (`Signet`). */
export function logout() {
  sessionStorage.removeItem(KEY);
}

export function isLoggedIn() {
  return sessionStorage.getItem(KEY) !== null;
}
