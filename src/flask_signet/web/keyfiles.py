"""A key ring in a file: looked at again within a second of a change, never half read."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask_signet.clock import Clock
from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.files import concerns_of_named, judge, locked, write_private
from flask_signet.tokens import ring as rings
from flask_signet.tokens import strict_json
from flask_signet.tokens.ring import Ring

log = logging.getLogger("flask_signet")

_LOOK_EVERY = 0.5  # seconds; a change is seen within a second


class KeyFile:
    """The ring of one file. A file that turns bad while we run leaves the last good ring in force.

    :param path: a JWK set.
    :param clock: tells when to look again.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._ring: Ring | None = None
        self._seen: tuple[int, ...] | None = None
        self._refused: tuple[int, ...] | str | None = None  # the bad file that was complained of, or why there was none
        self._looked = 0.0
        self._said: set[str] = set()

    def current(self) -> Ring:
        """Return the ring, from memory unless the file may have changed."""
        if self._ring is None or self._clock.monotonic() - self._looked >= _LOOK_EVERY:
            return self.refresh()
        return self._ring

    def refresh(self) -> Ring:
        """Look at the file now; read it only if it is another one.

        :raises InvalidKeyError: unreadable, and there is no former ring to go on with.
        """
        self._looked = self._clock.monotonic()
        seen: tuple[int, ...] | None = None
        try:
            stat = os.stat(self.path)
            judge(concerns_of_named(self.path), self._said)
            # The time of the last chmod too: it may make a file readable that was not.
            seen = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size)
            if self._ring is not None and seen in (self._seen, self._refused):
                return self._ring
            ring = rings.from_text(_content(self.path))
        except (OSError, SettingsError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            if self._ring is None:
                # Whoever wrote a relative path learns where it leads: into the instance folder.
                raise InvalidKeyError(f"the key ring {self.path} cannot be used: {reason}") from None
            refused = seen or str(reason)
            if refused != self._refused:
                # Once for each bad file: whoever invents key ids makes us look as often as he likes.
                self._refused = refused
                log.error(
                    "The key ring %s cannot be used (%s); going on with the keys as they were.", self.path, reason
                )
            return self._ring
        self._ring, self._seen, self._refused = ring, seen, None
        return ring


def _content(path: Path) -> bytes:
    """Return the bytes of a file; of one that is too long for a ring, as many as show that it is."""
    with path.open("rb") as file:
        return file.read(rings.MAX_BYTES + 1)


def read_jwks(path: Path) -> dict[str, Any]:
    """Return the JWK set of a file, which is a ring.

    :raises SettingsError: there is none, it is not whole, or no guard would take it.
    """
    try:
        jwks = rings.parse(_content(path))
    except OSError as error:
        raise InvalidKeyError(f"the key ring {path} cannot be read: {error.strerror}") from None
    rings.from_jwks(jwks)
    return jwks


def change(path: Path, step: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Replace the ring of *path* by what *step* makes of it, whole or not at all, one process at a time.

    :raises SettingsError: *step* refuses, or its result is no ring.
    """
    path = path.resolve()  # the file that a link names is replaced, not the link
    _refuse_folder(path)
    with locked(path.with_name(path.name + ".lock")):
        changed = step(read_jwks(path))
        rings.from_jwks(changed)
        write_private(path, strict_json.dumps(changed) + b"\n", keep_mode=True)
    return changed


def create(path: Path, jwks: dict[str, Any]) -> None:
    """Write a new ring.

    :raises SettingsError: there is a file already, whose keys would be lost; or no folder; or it is one.
    """
    if not path.parent.is_dir():
        raise SettingsError(f"there is no folder {path.parent}; make it: mkdir -p {path.parent}")
    _refuse_folder(path)
    with locked(path.with_name(path.name + ".lock")):
        if path.exists():
            raise SettingsError(f"{path} is there already; `flask signet keys rotate` changes its keys one by one")
        write_private(path, strict_json.dumps(jwks) + b"\n")


def _refuse_folder(path: Path) -> None:
    """Refuse a folder, before a lock is put beside it (the root has no beside)."""
    if path.is_dir():
        raise SettingsError(f"{path} is a folder; name a file in it, such as {path / 'keys.json'}")
