"""Download size of the client, compared with other clients: bundled, minified and compressed in one run."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks import measure

SCRIPT = Path(__file__).with_suffix(".mjs")
BUILT = SCRIPT.parent.parent / "js" / "dist" / "index.js"
NOTE = (
    "Bytes, smallest first: the imports of an application, bundled by esbuild {esbuild} for browsers "
    "(`--minify --target=es2022`, production, without React and Next), gzip at level 9. The packages are the newest "
    "releases that npm installed with Node {node}. The rows of flask-signet are `createClient`; the same with "
    "`flask-signet/react`; and the same with `flask-signet/account` and all error classes. The clients have different "
    "features: next-auth and better-auth keep tokens in cookies of their own servers, oidc-client-ts uses OpenID "
    "Connect, Axios is a general HTTP client. flask-signet has no passkeys and no second factor yet."
)


def main() -> None:
    """Print the table."""
    node = shutil.which("node")
    if node is None or not BUILT.exists():
        print("Not measured: Node and the built client are required. Run: make js/dist/.ready")
        return
    done = subprocess.run([node, str(SCRIPT)], stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    ours = measured["rows"][0]["gzip"]
    rows = [
        (row["name"], row["version"], row["minified"], row["gzip"], row["brotli"], f"× {row['gzip'] / ours:.1f}")
        for row in sorted(measured["rows"], key=lambda row: row["gzip"])
    ]
    head = ("client", "version", "minified", "gzip", "brotli", "gzip / flask-signet")
    note = NOTE.format(esbuild=measured["esbuild"], node=measured["node"].removeprefix("v"))
    measure.publish("client_sizes", measure.table("Size of the client", head, rows, note))


if __name__ == "__main__":
    main()
