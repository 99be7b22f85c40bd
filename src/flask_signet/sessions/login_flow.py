"""The one way to a session: proofs, what is still asked, and only then the session.

Every way in ends here: the password of ``POST /token``, ``signet.login()``, and whatever comes later. While a step is
pending there is no session and no token that opens anything; there is a row and the token that names it
(:mod:`.pending_logins`, :mod:`.login_token`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from flask_signet.exceptions import InvalidRequest, MfaRequired, RevokedTokenError
from flask_signet.sessions.granted import Granted
from flask_signet.sessions.login_step import Attempt, Challenge, LoginStep, Proof
from flask_signet.sessions.login_token import LoginTokens
from flask_signet.sessions.mac_keys import RootKeys
from flask_signet.sessions.pending_logins import SECONDS, Pending, PendingLogins
from flask_signet.sessions.service import Sessions


class LoginFlow:
    """Opens sessions for attempts that lack nothing.

    :param steps: what may be asked after the first proof, in this order; without any, nothing is kept or read. They
        may still be added until the first login.
    """

    def __init__(self, sessions: Sessions, root_keys: RootKeys, steps: Sequence[LoginStep] = ()) -> None:
        self._sessions = sessions
        self._store = sessions.ground.store
        self._clock = sessions.ground.clock
        self._steps = steps
        self._tokens = LoginTokens(root_keys, self._clock)
        self._waiting = PendingLogins(sessions.ground, sessions.admission, sessions.marks)

    def proof(self, method: str) -> Proof:
        """Return the proof that *method* was shown now."""
        return Proof(method=method, at=int(self._clock.time()))

    def proceed(self, attempt: Attempt, connection: Connection | None = None) -> Granted:
        """Open a session, if nothing is lacking any more.

        :param connection: join this transaction; the caller commits it, also after :class:`MfaRequired`, whose token
            names a row of this transaction.
        :raises MfaRequired: a step is pending; there is no session.
        :raises InvalidCredentials: the user was signed out since the attempt began, is disabled, or gone.
        :raises Unavailable: the store does not answer.
        """
        if self._steps:
            required = self._store.retrying(lambda own: self._ask(attempt, own), connection)
            if required is not None:
                raise required
        return self._sessions.open(
            attempt.user_id,
            device=attempt.device,
            address=attempt.address,
            since=attempt.since,
            replaces=attempt.replaces,
            connection=connection,
        )

    def waiting(self, token: str) -> Pending:
        """Return the login that a token names.

        :raises MalformedToken, InvalidSignature: not a token of this application; no SQL was run.
        :raises TokenExpired: the login has taken too long.
        :raises RevokedTokenError: it was used, or tried too often.
        """
        return self._waiting.read(self._tokens.parse(token))

    def solve(self, pending: Pending, answer: Mapping[str, Any], attempt: Attempt) -> Granted:
        """Give the answer to what is pending, and go on with the login.

        :param answer: ``method`` and what belongs to it.
        :param attempt: that of *pending*, with what the present request says of device, address and browser.
        :raises InvalidRequest: the method is not one of those that are asked for; this counts as no try.
        :raises InvalidCredentials: the answer is wrong.
        :raises RevokedTokenError: no try is left, another answer was quicker, or the user was signed out since.
        :raises MfaRequired: another step is pending.
        """
        step = self._asking(attempt, answer.get("method"))
        self._waiting.count_try(pending.id)
        proof = step.solve(attempt, answer)
        used = self._waiting.use(pending)
        return self.proceed(replace(attempt, proofs=(*attempt.proofs, proof), since=used.since))

    def clean_up(self, connection: Connection) -> None:
        """Delete logins that were never finished."""
        if self._steps:
            self._waiting.clean_up(connection)

    def _ask(self, attempt: Attempt, connection: Connection) -> MfaRequired | None:
        _, challenge = self._first_pending(attempt, connection)
        if challenge is None:
            return None
        token = self._tokens.make(self._waiting.add(connection, attempt))
        return MfaRequired(mfa_token=token, methods=challenge.methods, expires_in=SECONDS)

    def _asking(self, attempt: Attempt, method: object) -> LoginStep:
        """Return the step that is pending, if *method* is one of those that it asks for."""
        with self._store.read() as connection:
            step, challenge = self._first_pending(attempt, connection)
        if step is None or challenge is None:
            # What was asked for is not asked for any more, so there is nothing that an answer could prove.
            raise RevokedTokenError("The login is over. Begin again")
        if method not in challenge.methods:
            reason = f"must be one of {', '.join(map(repr, challenge.methods))}"
            raise InvalidRequest(f"method {reason}", fields={"method": reason})
        return step

    def _first_pending(
        self, attempt: Attempt, connection: Connection
    ) -> tuple[LoginStep, Challenge] | tuple[None, None]:
        for step in self._steps:
            challenge = step.pending(attempt, connection)
            if challenge is not None:
                return step, challenge
        return None, None
