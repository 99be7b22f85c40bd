"""Define the interfaces that this package needs: the source of the keys, and the revoked tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flask_signet.tokens.ring import Ring


class Revocations(Protocol):
    """Finds out whether a verified token was revoked.

    Every request calls it, so it must rarely do I/O.
    """

    def is_revoked(self, claims: Mapping[str, Any], identity_claim: str) -> bool:
        """Return whether the session (``sid``) of *claims* ended, or all sessions of the user (identity, ``epoch``).

        :param identity_claim: the claim that contains the identity.
        :raises Unavailable: the store does not answer, and the last known state is too old.
        """
        ...


class KeySource(Protocol):
    """Keeps a key ring up to date."""

    def current(self) -> Ring:
        """Return the ring. It is the same object until a key changes. Every request calls it, so it must be fast.

        :raises InvalidKeyError: no usable ring has been read yet.
        :raises Unavailable: the store of the ring does not answer, and no ring has been read yet.
        """
        ...

    def refresh(self) -> Ring:
        """Read the ring again at once, because a token has a ``kid`` that the ring does not contain."""
        ...
