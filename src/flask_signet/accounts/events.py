"""The events of accounts. They have reactions inside the transaction; nothing outside is told of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from flask_signet.accounts.user_ids import UserId
from flask_signet.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEnded(Event):
    """A built-in account was disabled or deleted, or a user has a new password: the sessions of the user end."""

    code: ClassVar[str] = "account_ended"

    user_id: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeleted(Event):
    """A user was deleted, by the account service (after :class:`AccountEnded`) or by the application."""

    code: ClassVar[str] = "user_deleted"

    user_id: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRenewed(Event):
    """The evidence in the row of a user changes from *before* to *after*: it stays the same user.

    Emitted before the row changes, in a transaction of its own. If the evidence is known only afterwards, it is emitted
    then.
    """

    code: ClassVar[str] = "evidence_renewed"

    user_id: UserId
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
