"""The parts of a login: proofs, the steps that may ask for more proofs, and the challenge of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId

Transport = Literal["body", "cookie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One proof of a user's identity.

    :param method: a value of RFC 8176, such as ``"pwd"`` or ``"otp"``.
    :param at: when the user gave the proof, in whole seconds since 1970 UTC.
    """

    method: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A login attempt: the user, the proofs given so far, and the client.

    :param since: number of the newest revocation before the first proof was checked; a user who was signed out
        everywhere after it is refused.
    :param replaces: the refresh token that this browser holds; its session ends when the new one is opened.
    :param transport: how the refresh token is sent.
    """

    user_id: UserId
    proofs: tuple[Proof, ...] = ()
    device: str | None = None
    address: str | None = None
    since: int | None = None
    replaces: str | None = field(default=None, repr=False)
    transport: Transport = "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """The methods that a step accepts; the user answers with one of them."""

    methods: tuple[str, ...]


class LoginStep(Protocol):
    """A step that may ask the user for another proof after the first one, such as a second factor."""

    def pending(self, attempt: Attempt, connection: Connection, /) -> Challenge | None:
        """Return the challenge that *attempt* must still answer, or ``None``; does not change any state."""
        ...

    def solve(self, attempt: Attempt, answer: Mapping[str, Any], /) -> Proof:
        """Verify *answer* for the user of *attempt* and return the proof.

        :param answer: the body of the request: ``method``, one of the challenge's, and the fields of that method.
        :raises SignetError: *answer* is not valid; :class:`~flask_signet.exceptions.InvalidCredentials` for a wrong
            code.
        """
        ...
