// Signs and verifies with the npm package `jose`. Reads a list of tasks as JSON from standard input:
//   {"do": "sign", "jwk": private JWK, "alg", "kid", "claims"}   -> {"token"}
//   {"do": "verify", "jwk": public JWK, "alg", "token", "now"}   -> {"claims", "header"} or {"error": code}
import { importJWK, jwtVerify, SignJWT } from "jose";

async function perform(task) {
  const key = await importJWK(task.jwk, task.alg);
  if (task.do === "sign") {
    const header = { alg: task.alg, typ: "JWT", kid: task.kid };
    return { token: await new SignJWT(task.claims).setProtectedHeader(header).sign(key) };
  }
  try {
    const options = { algorithms: [task.alg], currentDate: new Date(task.now * 1000), clockTolerance: 10 };
    const { payload, protectedHeader } = await jwtVerify(task.token, key, options);
    return { claims: payload, header: protectedHeader };
  } catch (error) {
    return { error: error.code ?? String(error) };
  }
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const answers = [];
for (const task of JSON.parse(Buffer.concat(chunks).toString("utf8"))) answers.push(await perform(task));
process.stdout.write(JSON.stringify(answers));
