// Writes src/codes.ts from the server's exception classes. With --check it only compares.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const exceptions = fileURLToPath(new URL("../../src/flask_signet/exceptions.py", import.meta.url));
const target = new URL("../src/codes.ts", import.meta.url);

// The module is loaded by its path. It needs only the standard library, so no virtual environment is required.
const WALK = `
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("exceptions", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
def walk(cls):
    yield cls.code
    for child in cls.__subclasses__():
        yield from walk(child)
print(json.dumps(sorted(set(walk(module.SignetError)))))
`;

const codes = JSON.parse(
  execFileSync(process.env.PYTHON ?? "python3", ["-B", "-c", WALK, exceptions], { encoding: "utf8" }),
);
const text = `// Generated from flask_signet.exceptions by \`npm run codes\`; a test fails when it is stale.

/** Every \`error\` that the server answers with; stable once released. */
export type ServerErrorCode =
${codes.map((code) => `  | ${JSON.stringify(code)}`).join("\n")};
`;

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== text) {
    console.error("src/codes.ts is stale: run `npm run codes`");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
