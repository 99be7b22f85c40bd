"""Marks: how a session and a token know that the row of their user is still the same user's.

An id alone does not name a user for ever. A database may give the id of a deleted user to the next one (SQLite does,
without ``AUTOINCREMENT``), and then the old tokens would open the new account. So each user has a *mark*: a truncated
HMAC, under a key derived from the root key, over the canonical id and the *evidence* in the row. The evidence is the
hash of the password, or the column that ``SQLAlchemyUsers(..., stamp="...")`` names; for the built-in accounts it
is the moment at which the account was made. Nobody can compute a mark, or learn anything about the hash from it.

``signet_epochs.marks`` holds the marks that stand for one user now, the newest first. There may be several, because the
hash is replaced without a change of the user: a login renews a hash with old parameters. The new mark is stored before
the new hash, so a refresh that runs at the same moment finds a mark for whichever hash it reads. When the row fits none
of them, it is another user, or the password was changed outside of Flask-Signet: everything of the old user ends.

A mark begins with the number of the root key that made it, so it can be compared after the root key was rotated.
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
    """What marks need of the ring of root keys."""

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
    """What the row of a user means, compared with the marks that are stored.

    :param mark: the mark of the row, under the current root key.
    :param marks: what is to be stored.
    :param same: whether it is the user whom the stored marks stand for.
    """

    mark: str
    marks: str
    same: bool


class Marks:
    """Make and compare marks."""

    def __init__(self, root_keys: RootKeys) -> None:
        self._root_keys = root_keys

    def make(self, user: str, evidence: bytes) -> str:
        """Return the mark of a user.

        :param user: the canonical id.
        :param evidence: what the row holds; empty where it holds nothing.
        """
        number = self._root_keys.current_number
        return self._made(user, evidence, number)

    def fits(self, mark: str, user: str, evidence: bytes) -> bool | None:
        """Return whether *mark* is that of this user and row; ``None`` if its root key is no longer known."""
        number, dot, _ = mark.partition(".")
        if not dot or not number.isascii() or not number.isdecimal():
            return False
        try:
            expected = self._made(user, evidence, int(number))
        except (LookupError, ValueError):
            return None
        return hmac.compare_digest(expected.encode(), mark.encode(errors="surrogatepass"))

    def judge(self, stored: str | None, user: str, evidence: bytes) -> Judged:
        """Compare the row of a user with the stored marks.

        A user without a stored mark is taken as found: the first login stores it. So is one whose marks were made
        under a root key that is gone; the refresh tokens of that key are refused as well.
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
        # The length first: no id and evidence can be read as another pair.
        name = user.encode(errors="surrogatepass")
        digest = hmac.digest(key, len(name).to_bytes(4, "big") + name + evidence, "sha256")
        return f"{number}.{base64url.encode(digest[:_BYTES]).decode('ascii')}"


def split(stored: str | None) -> list[str]:
    """Return the marks of a column."""
    return stored.split() if stored else []


def joined(marks: list[str]) -> str:
    """Return the text of a column: each mark once, the newest first, the oldest dropped."""
    return " ".join(list(dict.fromkeys(marks))[:_KEPT])


def holds(stored: str | None, mark: str) -> bool:
    """Return whether *mark* is one of the stored ones, in constant time for each."""
    given = mark.encode(errors="surrogatepass")
    return any([hmac.compare_digest(each.encode(), given) for each in split(stored)])
