"""What a visitor downloads for the client, beside those of others: bundled, minified, compressed in one run."""

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
    "Bytes, smallest first. Each is what an application imports of it, bundled by esbuild {esbuild} for browsers "
    "(`--minify --target=es2022`, production; React and Next not counted), gzip at level 9; with the newest releases "
    "that npm gave to Node {node}. Ours is `createClient`, then with `flask-signet/react`, then with "
    "`flask-signet/account` and every error class by name. They do not all do the same: next-auth and better-auth "
    "leave the tokens to cookies of their own servers, oidc-client-ts speaks OpenID Connect, Axios is a whole HTTP "
    "client. Ours has no passkeys and no second factor yet."
)


def main() -> None:
    """Print the table."""
    node = shutil.which("node")
    if node is None or not BUILT.exists():
        print("not measured: it needs Node and the built client (make js/dist/.ready)")
        return
    done = subprocess.run([node, str(SCRIPT)], stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    ours = measured["rows"][0]["gzip"]
    rows = [
        (row["name"], row["version"], row["minified"], row["gzip"], row["brotli"], f"× {row['gzip'] / ours:.1f}")
        for row in sorted(measured["rows"], key=lambda row: row["gzip"])
    ]
    head = ("client", "version", "minified", "gzip", "brotli", "of ours")
    note = NOTE.format(esbuild=measured["esbuild"], node=measured["node"].removeprefix("v"))
    measure.publish("client_sizes", measure.table("What the client weighs", head, rows, note))


if __name__ == "__main__":
    main()
