"""Read and write a key ring in a file. A change takes effect within a second and is never read half-written."""

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

_LOOK_EVERY = 0.5  # seconds; so that a change takes effect within a second


class KeyFile:
    """The key ring of one file. If the file becomes invalid at runtime, the last valid ring stays in use.

    :param path: the path of the file, a JWK set.
    :param clock: the clock that decides when to check the file again.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._ring: Ring | None = None
        self._seen: tuple[int, ...] | None = None
        self._refused: tuple[int, ...] | str | None = (
            None  # the invalid file that was logged, or the reason that there was no file
        )
        self._looked = 0.0
        self._said: set[str] = set()

    def current(self) -> Ring:
        """Return the ring; check the file if the last check is too old."""
        if self._ring is None or self._clock.monotonic() - self._looked >= _LOOK_EVERY:
            return self.refresh()
        return self._ring

    def refresh(self) -> Ring:
        """Check the file now; read it only if it has changed.

        :raises InvalidKeyError: the file cannot be used, and no earlier ring is in memory.
        """
        self._looked = self._clock.monotonic()
        seen: tuple[int, ...] | None = None
        try:
            stat = os.stat(self.path)
            judge(concerns_of_named(self.path), self._said)
            # ctime also changes with chmod, which may make a file readable.
            seen = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size)
            if self._ring is not None and seen in (self._seen, self._refused):
                return self._ring
            ring = rings.from_text(_content(self.path))
        except (OSError, SettingsError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            if self._ring is None:
                # The message shows the whole path: a relative path is looked up in the instance folder.
                raise InvalidKeyError(f"the key ring {self.path} cannot be used: {reason}") from None
            refused = seen or str(reason)
            if refused != self._refused:
                # Log once per invalid file: a client can cause any number of checks with invented key ids.
                self._refused = refused
                log.error("The key ring %s cannot be used (%s); the previous keys stay in use.", self.path, reason)
            return self._ring
        self._ring, self._seen, self._refused = ring, seen, None
        return ring


def _content(path: Path) -> bytes:
    """Return the bytes of a file; of a longer file than a ring may be, one byte more than the limit."""
    with path.open("rb") as file:
        return file.read(rings.MAX_BYTES + 1)


def read_jwks(path: Path) -> dict[str, Any]:
    """Return the JWK set of a file that holds a key ring.

    :raises SettingsError: the file cannot be read, is no JWK set, or guards would refuse its keys.
    """
    try:
        jwks = rings.parse(_content(path))
    except OSError as error:
        raise InvalidKeyError(f"the key ring {path} cannot be read: {error.strerror}") from None
    rings.from_jwks(jwks)
    return jwks


def change(path: Path, step: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Replace the key ring in *path* with the result of *step*, atomically and under a lock.

    :raises SettingsError: *step* refuses, or its result is not a valid key ring.
    """
    path = path.resolve()  # replace the target of a symbolic link, not the link
    _refuse_folder(path)
    with locked(path.with_name(path.name + ".lock")):
        changed = step(read_jwks(path))
        rings.from_jwks(changed)
        write_private(path, strict_json.dumps(changed) + b"\n", keep_mode=True)
    return changed


def create(path: Path, jwks: dict[str, Any]) -> None:
    """Write a new key ring.

    :raises SettingsError: the file exists (its keys would be lost), its folder does not exist, or *path* is a folder.
    """
    if not path.parent.is_dir():
        raise SettingsError(f"the folder {path.parent} does not exist. Create it: mkdir -p {path.parent}")
    _refuse_folder(path)
    with locked(path.with_name(path.name + ".lock")):
        if path.exists():
            raise SettingsError(f"{path} exists already; change its keys with `flask signet keys rotate`")
        write_private(path, strict_json.dumps(jwks) + b"\n")


def _refuse_folder(path: Path) -> None:
    """Refuse a folder before a lock file is created next to it (the root folder has no parent)."""
    if path.is_dir():
        raise SettingsError(f"{path} is a folder. Name a file in it, such as {path / 'keys.json'}")
