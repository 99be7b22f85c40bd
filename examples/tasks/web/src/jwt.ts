/** Decodes a compact JWS in the page. It sends no request and does not verify the signature. */

export interface Parts {
  /** The three encoded parts between the dots. */
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

/** Return the token with one character in the middle of its signature changed. */
export function corrupt(token: string): string {
  const dot = token.lastIndexOf(".");
  const at = dot + 1 + Math.floor((token.length - dot) / 2);
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

const EXPLAINED: Record<string, string> = {
  alg: "Algorithm of the signature. The server uses the algorithm of its own key and does not trust this value.",
  typ: "Type of the object: a JSON Web Token.",
  kid: "Key ID: which key of the server signed the token. Keys can be replaced without signing users out.",
  sub: "Subject: the id of the user. In a JWT it is always a string.",
  sub_type: "The id of the user is a number, so the server converts the subject to a number.",
  iat: "Issued at: when the server created the token.",
  nbf: "Not before: the token is valid from this time.",
  exp: "Expiry: from this time the server rejects the token.",
  jti: "JWT ID: unique for each token.",
  type: "Type of the token. Protected routes accept only “access” tokens.",
  fresh: "true after a login with the password, false after a refresh.",
  sid: "Session ID. When the session ends, the server rejects its tokens.",
  epoch: "A counter of your account. Ending all sessions increases it, and the server rejects older tokens.",
  sub_mark: "State of your account at the login. After a password change, the server rejects older tokens.",
  iss: "Issuer: who created the token.",
  aud: "Audience: who should accept the token.",
  csrf: "Protects against forged requests if the token is sent in a cookie.",
  roles: "Roles of the user.",
  scope: "Permissions of the token.",
};

export const explain = (name: string): string => EXPLAINED[name] ?? "A claim added by this application.";

export const isTime = (name: string, value: unknown): value is number =>
  (name === "exp" || name === "iat" || name === "nbf") && typeof value === "number";
