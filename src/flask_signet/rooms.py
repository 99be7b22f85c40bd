"""The optional abilities of this package: one line each.

``house`` goes through them once. Their folders are ``features/<name>``, and nothing else names them: without its line
and its folder an ability is gone, and everything else works as before.
"""

from __future__ import annotations

from typing import Final

from flask_signet.room import AnyRoom

#: In the order in which they open.
ROOMS: Final[tuple[AnyRoom, ...]] = ()
