"""Refresh through the driver alone: the common case.

This module emits no events and ends no sessions. Cases that do are handled in a full transaction
(:mod:`flask_signet.sessions.refreshing`).
"""

from __future__ import annotations

from typing import Any

from flask_signet.accounts.user_ids import join
from flask_signet.clock import SteadyTime
from flask_signet.sessions import statements
from flask_signet.sessions.exchange import Exchange, Outcome, same
from flask_signet.sessions.ground import Ground
from flask_signet.sessions.refresh_token import Presented
from flask_signet.sessions.rotation import Decision, Moment, decide
from flask_signet.sessions.rows import row_of
from flask_signet.sessions.settings import SessionSettings
from flask_signet.store.failures import TransactionLost


class QuickRefresh:
    """Exchanges the current token, or returns it again, on a driver connection."""

    def __init__(self, ground: Ground, *, exchange: Exchange, time: SteadyTime) -> None:
        self._store = ground.store
        self._tokens = ground.tokens
        self._lives = ground.feed.lives
        self._exchange = exchange
        self._time = time

    def rotate(self, token: Presented, arrived: float, settings: SessionSettings) -> Outcome | None:
        """Return the outcome, or ``None`` if the case needs a full transaction.

        :raises Unavailable: the store does not answer.
        """
        try:
            with self._store.driver() as driver:
                if driver is None:
                    return None
                if self._store.dialect == "sqlite":
                    return self._in_sqlite(driver, token, arrived, settings)
                return self._in_postgresql(driver, token, arrived, settings)
        except TransactionLost:
            return None

    def _in_sqlite(self, driver: Any, token: Presented, arrived: float, settings: SessionSettings) -> Outcome | None:
        sid = str(token.session_id)
        driver.execute("BEGIN IMMEDIATE")
        found = driver.execute(statements.lock("sqlite"), (sid,)).fetchone()
        outcome = None
        if found is not None:
            now, today = self._time.now(), self._time.today()
            moment = Moment(arrived=now - self._time.waited(arrived), now=now, today=today)
            row = row_of(found, found[11], moment)
            decision = decide(row.snapshot, token.generation, moment, grace_ms=settings.grace * 1000)
            if decision is Decision.ROTATE:
                values, outcome = self._exchange.next(sid, row, settings)
                driver.execute(statements.advance("sqlite"), values)
            elif decision is Decision.SAME:
                outcome = same(row)
                longer = self._exchange.longer(sid, row, settings)
                if longer is not None:
                    driver.execute(statements.lengthen("sqlite"), longer)
        driver.execute("COMMIT")
        return outcome

    def _in_postgresql(
        self, driver: Any, token: Presented, arrived: float, settings: SessionSettings
    ) -> Outcome | None:
        """Exchange the token in one statement, which is its own transaction: one round trip."""
        root_key = self._tokens.current_number
        values = (
            root_key,
            settings.idle * 1000,
            self._lives.unknown_until(),
            self._lives.issued_until(settings),
            str(token.session_id),
            token.generation,
            self._time.waited(arrived) + settings.grace * 1000,
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
