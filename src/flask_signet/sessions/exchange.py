"""Compute what an exchange of a refresh token writes into the session's row, and the values of the next tokens."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_signet.accounts.user_ids import UserId, join
from flask_signet.sessions.refresh_token import RefreshTokens
from flask_signet.sessions.rotation import Decision, pack, push
from flask_signet.sessions.rows import Row
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.token_lives import TokenLives

_SOME_MS = 60_000  # smaller than the margin for different clocks in `token_lives`


class Outcome(NamedTuple):
    """The result of a rotation: the decision, and the values for new tokens if it grants any."""

    decision: Decision
    user_id: UserId | None = None
    epoch: int = 0
    generation: int = 0
    root_key: int = 0
    mark: str | None = None


class Exchange:
    """Computes the values of the next generation."""

    def __init__(self, tokens: RefreshTokens, lives: TokenLives) -> None:
        self._tokens = tokens
        self._lives = lives

    def next(self, sid: str, row: Row, settings: SessionSettings) -> tuple[tuple[Any, ...], Outcome]:
        """Return the values of the compare-and-set that exchanges a generation, and its outcome."""
        before, moment = row.snapshot, row.moment
        used_at = max(moment.today, before.used_at)
        root_key = self._tokens.current_number
        values = (
            before.generation + 1,
            root_key,
            pack(push(before.exchanged, moment.now)),
            used_at,
            min(used_at + settings.idle * 1000, before.ends_at),
            self._access_until(row, settings),
            sid,
            before.generation,
        )
        return values, Outcome(
            decision=Decision.ROTATE,
            user_id=join(row.user_kind, row.user_id),
            epoch=row.epoch,
            generation=before.generation + 1,
            root_key=root_key,
            mark=row.mark,
        )

    def longer(self, sid: str, row: Row, settings: SessionSettings) -> tuple[int, str] | None:
        """Return the values that raise ``access_until``, or ``None`` if a token issued now expires no later than it.

        A difference of up to a minute is ignored.
        """
        if row.access_until is not None and self._lives.issued_until(settings) <= row.access_until + _SOME_MS:
            return None
        return self._access_until(row, settings), sid

    def _access_until(self, row: Row, settings: SessionSettings) -> int:
        """Return when the last access token of the session expires if one more is issued now."""
        before = self._lives.unknown_until() if row.access_until is None else row.access_until
        return max(before, self._lives.issued_until(settings))


def same(row: Row) -> Outcome:
    """Return the outcome that grants the current token of a session again."""
    return Outcome(
        decision=Decision.SAME,
        user_id=join(row.user_kind, row.user_id),
        epoch=row.epoch,
        generation=row.snapshot.generation,
        root_key=row.root_key,
        mark=row.mark,
    )
