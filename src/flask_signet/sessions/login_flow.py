"""The login flow: check the proofs, run the pending steps, then open the session.

Every login uses it: the password of ``POST /token``, ``signet.login()``, and logins of optional features. While a step
is pending, there is no session and no token that gives access. There is only a row and the token that names it
(:mod:`.pending_logins`, :mod:`.login_token`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from flask_signet.exceptions import InvalidRequest, MfaRequired, RevokedTokenError
from flask_signet.sessions.login_step import Attempt, Challenge, LoginStep, Proof
from flask_signet.sessions.login_token import LoginTokens
from flask_signet.sessions.pending_logins import SECONDS, Pending, PendingLogins
from flask_signet.sessions.service import Sessions
from flask_signet.sessions.session_tokens import Granted, RootKeys


class LoginFlow:
    """Opens sessions for attempts without a pending step.

    :param steps: the steps after the first proof, in this order; without steps, no pending login is stored or read.
        Steps may be added until the first login.
    """

    def __init__(self, sessions: Sessions, root_keys: RootKeys, steps: Sequence[LoginStep] = ()) -> None:
        self._sessions = sessions
        self._store = sessions.ground.store
        self._clock = sessions.ground.clock
        self._steps = steps
        self._tokens = LoginTokens(root_keys, self._clock)
        self._waiting = PendingLogins(sessions.ground, sessions.admission, sessions.marks)

    def proof(self, method: str) -> Proof:
        """Return a proof by *method* with the current time."""
        return Proof(method=method, at=int(self._clock.time()))

    def begin(self, method: str, attempt: Attempt, connection: Connection | None = None) -> Granted:
        """Begin a login with a proof by *method*, which the user gave now; see :meth:`proceed`."""
        if self._steps:  # only steps read the proofs
            attempt = replace(attempt, proofs=(self.proof(method),))
        return self.proceed(attempt, connection)

    def proceed(self, attempt: Attempt, connection: Connection | None = None) -> Granted:
        """Open a session if no step is pending.

        :param connection: join this transaction; the caller commits it, even after :class:`MfaRequired`, whose token
            names a row of this transaction.
        :raises MfaRequired: a step is pending; there is no session.
        :raises InvalidCredentials: the user was signed out since the attempt began, is disabled, or was deleted.
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
        """Return the pending login that a token names.

        :raises MalformedToken, InvalidSignature: not a token of this application; no SQL was run.
        :raises TokenExpired: the login has expired.
        :raises RevokedTokenError: the login was already used, or has no try left.
        """
        return self._waiting.read(self._tokens.parse(token))

    def solve(self, pending: Pending, answer: Mapping[str, Any], attempt: Attempt) -> Granted:
        """Answer the pending step and continue the login.

        :param answer: ``method`` and the fields of that method.
        :param attempt: the attempt of *pending*, with the device, address and cookie of the current request.
        :raises InvalidRequest: the method is not one of the challenge's; this does not count as a try.
        :raises InvalidCredentials: the answer is wrong.
        :raises RevokedTokenError: no try is left, another answer came first, or the user was signed out since.
        :raises MfaRequired: another step is pending.
        """
        step = self._asking(attempt, answer.get("method"))
        self._waiting.count_try(pending.id)
        proof = step.solve(attempt, answer)
        used = self._waiting.use(pending)
        return self.proceed(replace(attempt, proofs=(*attempt.proofs, proof), since=used.since))

    def clean_up(self, connection: Connection) -> None:
        """Delete expired pending logins."""
        if self._steps:
            self._waiting.clean_up(connection)

    def _ask(self, attempt: Attempt, connection: Connection) -> MfaRequired | None:
        _, challenge = self._first_pending(attempt, connection)
        if challenge is None:
            return None
        token = self._tokens.make(self._waiting.add(connection, attempt))
        return MfaRequired(mfa_token=token, methods=challenge.methods, expires_in=SECONDS)

    def _asking(self, attempt: Attempt, method: object) -> LoginStep:
        """Return the pending step if it accepts *method*."""
        with self._store.read() as connection:
            step, challenge = self._first_pending(attempt, connection)
        if step is None or challenge is None:
            # The step is no longer pending, so an answer cannot be checked.
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
