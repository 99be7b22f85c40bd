"""Where a ring of keys comes from: the port that a file or a database fills."""

from __future__ import annotations

from typing import Protocol

from flask_signet.tokens.ring import Ring


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
