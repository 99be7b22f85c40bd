"""The MAC keys of opaque tokens: derived from the root keys, one label for each kind of token."""

from __future__ import annotations

import logging
from typing import Protocol

from flask_signet.clock import Clock
from flask_signet.exceptions import SettingsError
from flask_signet.store.root_key_labels import Label

log = logging.getLogger(__name__)

# A client that sends forged key numbers must not cause a read of the key file for each one.
_RELOAD_SECONDS = 1.0


class RootKeys(Protocol):
    """The part of the root key ring that opaque tokens use."""

    @property
    def current_number(self) -> int:
        """Number of the key that makes new tokens, 1 to 65535."""
        ...

    def derive(self, label: Label, number: int | None = None) -> bytes:
        """Return 32 bytes for one purpose (RFC 5869).

        :raises LookupError: the ring has no key of this number.
        """
        ...

    def reload(self) -> None:
        """Read the ring again from its storage."""
        ...


class MacKeys:
    """The MAC keys of one kind of token, by the number of the root key.

    :param label: names the kind of token; other labels give unrelated keys.
    :param clock: limits how often an unknown number causes another read of the ring.
    """

    def __init__(self, root_keys: RootKeys, label: Label, clock: Clock) -> None:
        self._root_keys = root_keys
        self._label: Label = label
        self._clock = clock
        self._reloaded_at: float | None = None

    @property
    def current_number(self) -> int:
        """Number of the root key that new tokens are made with."""
        return self._root_keys.current_number

    def key(self, number: int) -> bytes:
        """Return the key of a number.

        :raises LookupError: the ring has no key of this number.
        """
        try:
            return self._root_keys.derive(self._label, number)
        except LookupError:
            now = self._clock.monotonic()
            if self._reloaded_at is not None and now - self._reloaded_at < _RELOAD_SECONDS:
                raise
            # Another worker may already use a new root key.
            self._reloaded_at = now
        try:
            self._root_keys.reload()
        except SettingsError as error:
            log.error("The root keys could not be read again: %s", error)
        return self._root_keys.derive(self._label, number)
