"""What happens to sessions, as blinker signals. The sender is the Flask application.

Receivers run in the request that caused the event, after its transaction.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

session_opened = _signals.signal("signet-session-opened")
"""A login opened a session: ``user_id``, ``session_id``, ``device``, ``address``."""

session_ended = _signals.signal("signet-session-ended")
"""A session is over: ``user_id``, ``session_id`` (``None``: all of the user), ``reason``."""

refresh_reuse_detected = _signals.signal("signet-refresh-reuse-detected")
"""An old refresh token came again after the grace time, so two hold this session; it has ended:
``user_id``, ``session_id``."""
