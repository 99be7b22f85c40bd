"""Find secrets that are publicly known, for example from tutorials.

The file ``known_secrets.bin`` contains the first 8 bytes of the SHA-256 of each such secret, sorted. The script
``scripts/known_secrets.py`` creates it. It is opened only when a key is checked.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from pathlib import Path

_WIDTH = 8  # bytes of one digest: one false alarm in 10^16 random keys
_SHORTEST = 32  # shorter secrets are already refused because of their length


def contains(secret: bytes) -> bool:
    """Return whether *secret* is publicly known, also without surrounding quotes and blanks."""
    bare = secret.strip(b" \t\r\n\"'")
    forms = {form for form in (secret, bare) if len(form) >= _SHORTEST}
    if not forms:
        return False
    table = Path(__file__).with_name("known_secrets.bin").read_bytes()
    digests = range(len(table) // _WIDTH)
    for form in forms:
        wanted = hashlib.sha256(form).digest()[:_WIDTH]
        place = bisect_left(digests, wanted, key=lambda n: table[n * _WIDTH : n * _WIDTH + _WIDTH])
        if table[place * _WIDTH : place * _WIDTH + _WIDTH] == wanted:
            return True
    return False
