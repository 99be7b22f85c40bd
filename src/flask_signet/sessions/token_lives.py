"""How long access tokens are accepted, and therefore how long a revocation must be remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask_signet.clock import Clock, SteadyTime
from flask_signet.sessions.settings import SessionSettings

# The clocks of two machines differ.
_MARGIN_MS = 300_000
_FOR_EVER = 2**53
# How long to remember an ended session if the lifetime of its access tokens is unknown: a worker of revision 0001
# opened it, or its row was deleted.
_UNKNOWN_MS = 30 * 86_400_000
# JWT_DECODE_LEEWAY may be raised after a session ended; up to this value the session's tokens stay refused.
_LEEWAY_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One revocation: of a session, or of all tokens of a user that are older than *epoch*."""

    subject: str
    epoch: int | None = None
    until: int | None = None  # of a session: when its last access token expires, by the settings at its issue


class TokenLives:
    """Computes until when access tokens are accepted, in milliseconds since 1970 UTC.

    :param settings: returns the current settings.
    """

    def __init__(self, settings: Callable[[], SessionSettings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._time = SteadyTime(clock)

    def issued_until(self, settings: SessionSettings | None = None) -> int:
        """Return until when an access token issued now is accepted.

        :param settings: the current settings, if the caller has already read them.
        """
        lifetime = (settings or self._settings()).access_lifetime
        return _FOR_EVER if lifetime is None else self._present() + lifetime * 1000

    def unknown_until(self) -> int:
        """Return until when to remember a session whose access tokens have an unknown lifetime."""
        return self._present() + _UNKNOWN_MS

    def until(self, entry: Ended) -> int:
        """Return until when to remember *entry*: by the settings its tokens were issued with, or the current ones."""
        settings = self._settings()
        latest = self.issued_until(settings)
        if entry.epoch is None:
            latest = max(latest, self.unknown_until() if entry.until is None else entry.until)
        leeway = max(_LEEWAY_MS, settings.leeway * 1000)
        return min(latest + leeway + _MARGIN_MS, _FOR_EVER)

    def today(self) -> int:
        """Return the time that follows the wall clock forward and never back."""
        return self._time.today()

    def earliest(self) -> int:
        """Return the slower of two clocks, so that no clock step makes a revoked token valid again."""
        return min(self._time.now(), int(self._clock.time() * 1000))

    def seconds(self) -> int:
        """Return :meth:`earliest` in seconds."""
        return self.earliest() // 1000

    def _present(self) -> int:
        return max(self._time.now(), self._time.today())
