/** Takes a compact JWS apart, here in the page: nothing is sent anywhere, and nothing is verified. */

export interface Parts {
  /** The three texts between the dots. */
  text: [string, string, string];
  header: Record<string, unknown>;
  payload: Record<string, unknown>;
}

function json(part: string): Record<string, unknown> {
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Record<string, unknown>;
}

export function takeApart(token: string): Parts | null {
  const [header, payload, signature, ...rest] = token.split(".");
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return null;
  try {
    return { text: [header, payload, signature], header: json(header), payload: json(payload) };
  } catch {
    return null;
  }
}

/** The token with one character in the middle of its signature changed. */
export function corrupt(token: string): string {
  const dot = token.lastIndexOf(".");
  const at = dot + 1 + Math.floor((token.length - dot) / 2);
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

const EXPLAINED: Record<string, string> = {
  alg: "How the signature is made. The server goes by its own key and not by this line.",
  typ: "What kind of object this is: a JSON Web Token.",
  kid: "Which of the server's keys signed it, so that keys can change without signing anybody out.",
  sub: "The subject: whose token this is. In a JWT it is always text.",
  sub_type: "The account number was a whole number, so the server gives it back as one.",
  iat: "Issued at: when the token was made.",
  nbf: "Not before: the token counts from this moment on.",
  exp: "Expires: from this moment on every server refuses it.",
  jti: "The number of this one token; no other has it.",
  type: "“access” opens routes; only that kind is accepted by them.",
  fresh: "Whether a password was typed for this token, or an earlier session was carried on.",
  sid: "The session that it belongs to. When you end the session, its tokens end too.",
  epoch: "A counter of your account. “End all sessions” raises it, and older tokens no longer count.",
  sub_mark:
    "A mark of your account as it was at the login: after a change of the password, older tokens no longer count.",
  iss: "The issuer: who made the token.",
  aud: "The audience: for whom it was made.",
  csrf: "Guards against forged requests when the token travels in a cookie.",
  roles: "What this user may do.",
  scope: "What this token may do.",
};

export const explain = (name: string): string => EXPLAINED[name] ?? "A claim that this application added.";

export const isTime = (name: string, value: unknown): value is number =>
  (name === "exp" || name === "iat" || name === "nbf") && typeof value === "number";
