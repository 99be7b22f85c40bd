"""Labels of the keys that are derived from the root key, in one list: no two uses may share a key."""

from __future__ import annotations

from typing import Literal

#: The purpose of a derived key. A released label never changes: existing data could not be read with another one.
Label = Literal[
    "pending-login",  # MAC of `sgm_` tokens, which name a login that waits for a second factor
    "refresh-token",  # MAC of `sgr_` tokens
    "signing-key",  # sealing of private keys in the database
    "throttle",  # names and addresses in the counters of attempts
    "user-mark",  # tells a user from a later one with the same id
]
