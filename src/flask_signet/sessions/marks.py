"""Marks: check that the user's row still belongs to the user for whom a session or token was made.

An id alone does not identify a user for ever. A database may reuse the id of a deleted user (SQLite does, without
``AUTOINCREMENT``), and then the old tokens would open the new account. So each user has a *mark*: a truncated HMAC,
under a key derived from the root key, over the canonical id and the *evidence* in the row. The evidence is the
password hash, or the column that ``SQLAlchemyUsers(..., stamp="...")`` names; for built-in accounts it is the time
at which the account was created. Without the root key, a mark cannot be computed and reveals nothing about the hash.

``signet_epochs.marks`` holds the current marks of one user, the newest first. There may be several, because the hash
may change without a change of the user: a login renews a hash with old parameters. The new mark is stored before the
new hash, so a concurrent refresh finds a mark for either hash. If the row matches none of the marks, it belongs to
another user, or the password was changed outside of Flask-Signet: all sessions and tokens of the old user end.

A mark begins with the number of the root key that made it, so it can still be compared after a root key rotation.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final, Protocol

from flask_signet.store.root_key_labels import Label
from flask_signet.tokens import base64url

LABEL: Final[Label] = "user-mark"
CLAIM = "sub_mark"

_BYTES = 12  # of the HMAC: 96 bits, 16 characters
_KEPT = 8  # marks of one user; each has 18 to 22 characters, and the column holds 255


class RootKeys(Protocol):
    """The part of the root key ring that marks use."""

    @property
    def current_number(self) -> int:
        """Number of the key that makes new marks."""
        ...

    def derive(self, label: Label, number: int | None = None) -> bytes:
        """Return 32 bytes for one purpose (RFC 5869).

        :raises LookupError: the ring has no key of this number.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The result of comparing a user's row with the stored marks.

    :param mark: the mark of the row, under the current root key.
    :param marks: the marks to store.
    :param same: whether the row belongs to the user of the stored marks.
    """

    mark: str
    marks: str
    same: bool


class Marks:
    """Makes and compares marks."""

    def __init__(self, root_keys: RootKeys) -> None:
        self._root_keys = root_keys

    def make(self, user: str, evidence: bytes) -> str:
        """Return the mark of a user.

        :param user: the canonical id.
        :param evidence: the evidence in the row; empty if the row has none.
        """
        number = self._root_keys.current_number
        return self._made(user, evidence, number)

    def fits(self, mark: str, user: str, evidence: bytes) -> bool | None:
        """Return whether *mark* was made from this user and evidence; ``None`` if its root key is no longer known."""
        number, dot, _ = mark.partition(".")
        if not dot or not number.isascii() or not number.isdecimal():
            return False
        try:
            expected = self._made(user, evidence, int(number))
        except (LookupError, ValueError):
            return None
        return hmac.compare_digest(expected.encode(), mark.encode(errors="surrogatepass"))

    def judge(self, stored: str | None, user: str, evidence: bytes) -> Judged:
        """Compare a user's row with the stored marks.

        A user without a stored mark counts as the same user, and the mark is stored. So does a user whose marks were
        all made under a removed root key; refresh tokens under that key are refused anyway.
        """
        mark = self.make(user, evidence)
        marks = split(stored)
        answers = [self.fits(each, user, evidence) for each in marks]
        if not marks or all(answer is None for answer in answers):
            return Judged(mark=mark, marks=mark, same=True)
        if True not in answers:
            return Judged(mark=mark, marks=mark, same=False)
        return Judged(mark=mark, marks=joined([mark, *marks]) if marks[0] != mark else stored or "", same=True)

    def admitted(self, stored: str | None, user: str, before: bytes, after: bytes) -> str | None:
        """Return the marks to store before *before* is replaced by *after*; ``None`` if *before* is another user's."""
        judged = self.judge(stored, user, before)
        return joined([self.make(user, after), *split(judged.marks)]) if judged.same else None

    def _made(self, user: str, evidence: bytes, number: int) -> str:
        key = self._root_keys.derive(LABEL, number)
        # With the length in front, two different pairs of id and evidence never give the same input.
        name = user.encode(errors="surrogatepass")
        digest = hmac.digest(key, len(name).to_bytes(4, "big") + name + evidence, "sha256")
        return f"{number}.{base64url.encode(digest[:_BYTES]).decode('ascii')}"


def split(stored: str | None) -> list[str]:
    """Return the marks in a column value."""
    return stored.split() if stored else []


def joined(marks: list[str]) -> str:
    """Return the column value for *marks*: each mark once, the newest first, at most 8."""
    return " ".join(list(dict.fromkeys(marks))[:_KEPT])


def holds(stored: str | None, mark: str) -> bool:
    """Return whether *mark* is one of the stored marks; each comparison takes constant time."""
    given = mark.encode(errors="surrogatepass")
    return any([hmac.compare_digest(each.encode(), given) for each in split(stored)])
