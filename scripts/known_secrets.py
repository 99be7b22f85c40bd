"""Create ``src/flask_signet/tokens/known_secrets.bin`` from a list of publicly known secrets.

Usage: python scripts/known_secrets.py jwt.secrets.list
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src" / "flask_signet" / "tokens" / "known_secrets.bin"
WIDTH = 8
SHORTEST = 32


def main(source: Path) -> None:
    """Write the sorted digests of all lines that are long enough for a valid key."""
    lines = {line.rstrip(b"\r") for line in source.read_bytes().split(b"\n")}
    digests = {hashlib.sha256(line).digest()[:WIDTH] for line in lines if len(line) >= SHORTEST}
    TARGET.write_bytes(b"".join(sorted(digests)))
    print(f"{len(digests)} digests, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
