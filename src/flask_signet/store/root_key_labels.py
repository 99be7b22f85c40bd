"""Everything that is derived from the root key, in one list: no two uses may share a key."""

from __future__ import annotations

from typing import Literal

#: What one key is for. A released label stays: with another one nothing that was made before can be read.
Label = Literal[
    "pending-login",  # MAC of `sgm_` tokens, which name a login that still asks for a proof
    "refresh-token",  # MAC of `sgr_` tokens
    "signing-key",  # sealing of private keys in the database
    "throttle",  # names and addresses in the counters of tries
    "user-mark",  # tells a user from a later one with the same id
]
