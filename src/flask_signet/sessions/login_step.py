"""What a login consists of: proofs, the steps that may ask for more of them, and what a step asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId

Transport = Literal["body", "cookie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One thing by which a user has proved who they are.

    :param method: a value of RFC 8176, such as ``"pwd"`` or ``"otp"``.
    :param at: when, in whole seconds since 1970 UTC.
    """

    method: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A login: who it is, by what they have proved it, and from where it comes.

    :param since: number of the newest revocation before the first proof was checked; a user who was signed out
        everywhere after it is refused.
    :param replaces: the refresh token that this browser holds; its session ends when the new one is opened.
    :param transport: how the refresh token is to be given.
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
    """What a step asks for: one of these methods."""

    methods: tuple[str, ...]


class LoginStep(Protocol):
    """Something that may be asked of a user after the first proof, such as a second factor."""

    def pending(self, attempt: Attempt, connection: Connection, /) -> Challenge | None:
        """Return what *attempt* still lacks for this step, or ``None``; it changes nothing."""
        ...

    def solve(self, attempt: Attempt, answer: Mapping[str, Any], /) -> Proof:
        """Return the proof that *answer* is for the user of *attempt*.

        :param answer: the body of the request: ``method``, one of the challenge's, and what belongs to it.
        :raises SignetError: it is none; :class:`~flask_signet.exceptions.InvalidCredentials` for a wrong code.
        """
        ...
