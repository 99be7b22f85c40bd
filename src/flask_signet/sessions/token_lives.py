"""How long a revocation must be remembered: as long as an access token that it refuses would be accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask_signet.clock import Clock, SteadyTime
from flask_signet.sessions.settings import FOR_EVER, SessionSettings

# The clocks of two machines differ.
_MARGIN_MS = 300_000
# How long to remember an ended session if the lifetime of its access tokens is unknown: a worker of revision 0001
# opened it, or its row was deleted.
UNKNOWN_MS = 30 * 86_400_000
# JWT_DECODE_LEEWAY may be raised after a session ended; up to this value the session's tokens stay refused.
_LEEWAY_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One revocation: of a session, or of all tokens of a user that are older than *epoch*."""

    subject: str
    epoch: int | None = None
    until: int | None = None  # of a session: when its last access token expires, by the settings at its issue


class TokenLives:
    """Computes until when a revocation must be remembered, in milliseconds since 1970 UTC.

    :param settings: returns the current settings.
    """

    def __init__(self, settings: Callable[[], SessionSettings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._time = SteadyTime(clock)

    def until(self, entry: Ended) -> int:
        """Return until when to remember *entry*: by the settings its tokens were issued with, or the current ones."""
        settings, today = self._settings(), self._time.today()
        latest = settings.accepted_until(today)
        if entry.epoch is None:
            latest = max(latest, today + UNKNOWN_MS if entry.until is None else entry.until)
        leeway = max(_LEEWAY_MS, settings.leeway * 1000)
        return min(latest + leeway + _MARGIN_MS, FOR_EVER)

    def today(self) -> int:
        """Return the time that follows the wall clock forward and never back."""
        return self._time.today()

    def earliest(self) -> int:
        """Return the slower of two clocks, so that no clock step makes a revoked token valid again."""
        return min(self._time.now(), int(self._clock.time() * 1000))

    def seconds(self) -> int:
        """Return :meth:`earliest` in seconds."""
        return self.earliest() // 1000
