// The client on the server side: `node node.mjs <url of js/dist/index.js> <url of the server>`. Prints what it saw.
const { createClient } = await import(process.argv[2]);
const baseUrl = process.argv[3];
const make = () => createClient({ baseUrl, storage: "memory", leewayMs: 0 }, { now: () => 0 });

const maria = make();
const tomas = make();
const seen = { before: (await maria.ready()).status };
seen.wrong = await maria.login("maria", "a guess").catch((error) => error.name);
seen.logins = [await maria.login("maria", "a long sentence"), await tomas.login("tomas", "another sentence")];

const lifetime = (seconds) =>
  fetch(new URL("test/lifetime", baseUrl), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ seconds }),
  });
const post = async (client, body) => (await client.fetch("tasks", { method: "POST", body })).json();
seen.answers = [await post(maria, "one"), await post(tomas, "two")];

await lifetime(1);
await maria.token({ force: true });
await lifetime(60);
await new Promise((done) => setTimeout(done, 2100));
const bodies = ["a", "b", "c", "d", "e"];
seen.expired = await Promise.all(bodies.map(async (body) => (await post(maria, body)).body));

await maria.logout();
seen.after = [maria.state.status, tomas.state.status];
console.log(JSON.stringify(seen));
// Nothing is closed: a client must not keep a process alive.
