"""What others provide to the tokens: the ring of keys, and which tokens are revoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flask_signet.tokens.ring import Ring


class Revocations(Protocol):
    """Says of verified claims whether they were revoked. Asked at every request: no I/O but now and then."""

    def is_revoked(self, claims: Mapping[str, Any], identity_claim: str) -> bool:
        """Return whether the session (``sid``) or the user (identity, ``epoch``) of *claims* was signed out.

        :param identity_claim: the claim that names the user.
        :raises Unavailable: nobody can say, and the last answer is too old.
        """
        ...


class KeySource(Protocol):
    """Keeps a ring up to date."""

    def current(self) -> Ring:
        """Return the ring; the same object as long as nothing changed. Cheap: asked at every request.

        :raises InvalidKeyError: there has never been a usable ring.
        :raises Unavailable: the store of the ring does not answer, and there has never been one.
        """
        ...

    def refresh(self) -> Ring:
        """Look again at once: a token names a key that the ring does not hold."""
        ...
