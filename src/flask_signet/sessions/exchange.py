"""Exchange a refresh token in the common case, through the driver alone, and compute what an exchange writes.

This module emits no events and ends no sessions. Cases that do are handled in a full transaction
(:mod:`flask_signet.sessions.refreshing`), with the values that are computed here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_signet.accounts.user_ids import UserId, join
from flask_signet.sessions import statements
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.rotation import Decision, decide, pack, push
from flask_signet.sessions.rows import Row, row_of
from flask_signet.sessions.session_tokens import Presented
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.token_lives import UNKNOWN_MS
from flask_signet.store.failures import TransactionLost

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
    """Exchanges the current token of a session for the next, or returns it again."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    # --- The common case, on a driver connection ---------------------------------------------------------

    def quick(self, token: Presented, arrived: float, settings: SessionSettings) -> Outcome | None:
        """Return the outcome, or ``None`` if the case needs a full transaction.

        :raises Unavailable: the store does not answer.
        """
        store = self._ground.store
        try:
            with store.driver() as driver:
                if driver is None:
                    return None
                if store.dialect == "sqlite":
                    return self._in_sqlite(driver, token, arrived, settings)
                return self._in_postgresql(driver, token, arrived, settings)
        except TransactionLost:
            return None

    def _in_sqlite(self, driver: Any, token: Presented, arrived: float, settings: SessionSettings) -> Outcome | None:
        sid = str(token.session_id)
        driver.execute("BEGIN IMMEDIATE")
        found = driver.execute(statements.SQLITE_LOCK, (sid,)).fetchone()
        outcome = None
        if found is not None:
            row = row_of(found, found[11], self._ground.time.moment(arrived))
            decision = decide(row.snapshot, token.generation, row.moment, grace_ms=settings.grace * 1000)
            if decision is Decision.ROTATE:
                values, outcome = self.next(sid, row, settings)
                driver.execute(statements.SQLITE_ADVANCE, values)
            elif decision is Decision.SAME:
                outcome = same(row)
                later = longer(sid, row, settings)
                if later is not None:
                    driver.execute(statements.SQLITE_LENGTHEN, later)
        driver.execute("COMMIT")
        return outcome

    def _in_postgresql(
        self, driver: Any, token: Presented, arrived: float, settings: SessionSettings
    ) -> Outcome | None:
        """Exchange the token in one statement, which is its own transaction: one round trip."""
        root_key, time = self._ground.tokens.current_number, self._ground.time
        here = time.today()
        values = (
            root_key,
            settings.idle * 1000,
            here + UNKNOWN_MS,
            settings.accepted_until(here),
            str(token.session_id),
            token.generation,
            time.waited(arrived) + settings.grace * 1000,
        )
        row = driver.execute(statements.POSTGRESQL_ROTATE, values).fetchone()
        if row is None:
            return None
        return Outcome(
            decision=Decision.ROTATE,
            user_id=join(row[0], row[1]),
            epoch=row[2],
            generation=token.generation + 1,
            root_key=root_key,
            mark=row[3],
        )

    # --- What an exchange writes -------------------------------------------------------------------------

    def next(self, sid: str, row: Row, settings: SessionSettings) -> tuple[tuple[Any, ...], Outcome]:
        """Return the values of the compare-and-set that exchanges a generation, and its outcome."""
        before, moment = row.snapshot, row.moment
        used_at = max(moment.today, before.used_at)
        root_key = self._ground.tokens.current_number
        values = (
            before.generation + 1,
            root_key,
            pack(push(before.exchanged, moment.now)),
            used_at,
            min(used_at + settings.idle * 1000, before.ends_at),
            _access_until(row, settings),
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


def longer(sid: str, row: Row, settings: SessionSettings) -> tuple[int, str] | None:
    """Return the values that raise ``access_until``, or ``None`` if a token issued now expires no later than it.

    A difference of up to a minute is ignored.
    """
    if row.access_until is not None and settings.accepted_until(row.moment.here) <= row.access_until + _SOME_MS:
        return None
    return _access_until(row, settings), sid


def _access_until(row: Row, settings: SessionSettings) -> int:
    """Return when the last access token of the session expires if one more is issued now."""
    here = row.moment.here
    return max(here + UNKNOWN_MS if row.access_until is None else row.access_until, settings.accepted_until(here))


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
