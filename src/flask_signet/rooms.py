"""The optional features of this package: one line each.

``house`` opens them. Their folders are ``features/<name>``, and nothing else names them: a feature is removed by
deleting its line and its folder.
"""

from __future__ import annotations

from typing import Final

from flask_signet.room import AnyRoom

#: In the order in which they open.
ROOMS: Final[tuple[AnyRoom, ...]] = ()
