"""The root key, the only secret outside the database, and the keys that are derived from it.

The format is the same in ``SIGNET_ROOT_KEY`` and in the file: one key per line (or separated by commas), as 32 bytes in
base64url after its number: ``2 kW…`` or ``2:kW…``. A key without a number has the number 1. The first key is used for
new data; the others still read existing data. To rotate, add a line with the next number on top. ``#`` begins a
comment.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from flask_signet.clock import Clock
from flask_signet.exceptions import SettingsError, StorageError
from flask_signet.files import (
    concerns_of_folder,
    concerns_of_named,
    judge,
    locked,
    private_folder,
    tighten,
    write_private,
)
from flask_signet.store.root_key_labels import Label
from flask_signet.store.settings import LOCK_NAME, StoreSettings

log = logging.getLogger(__name__)

FILE_NAME = "root.key"
BYTES = 32
LARGEST_NUMBER = 0xFFFF
IF_LOST = "If it is lost, run the SQL DELETE FROM signet_keys: this ends all sessions, and accounts are kept."
COMMAND = "flask signet keys generate --root"

_MOST_BYTES = 65_536  # of a file: a thousand keys
_LINE = re.compile(r"(?:([1-9][0-9]{0,4})[:\s]\s*)?([A-Za-z0-9_-]{43})=?")
_SEAL_VERSION = 1
_NONCE_BYTES = 12  # NIST SP 800-38D section 8.2.2: random nonces, far fewer than 2^32 under one key


@dataclass(frozen=True, slots=True)
class RootKeys:
    """Numbered root keys, the current one first."""

    current_number: int
    keys: Mapping[int, bytes]

    def __repr__(self) -> str:
        """Return a description without the keys."""
        return f"RootKeys(current_number={self.current_number}, numbers={sorted(self.keys)})"


class RootKeyRing:
    """Derives keys from the root keys and seals with them.

    :param read: returns the root keys; called by the constructor and by :meth:`reload`.
    """

    def __init__(self, read: Callable[[], RootKeys], *, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._roots = read()
        self._derived: dict[tuple[str, int], bytes] = {}

    @property
    def current_number(self) -> int:
        """Return the number of the key for new data, 1 to 65535."""
        return self._roots.current_number

    @property
    def numbers(self) -> frozenset[int]:
        """Return the numbers of all known keys."""
        return frozenset(self._roots.keys)

    def derive(self, label: Label, number: int | None = None) -> bytes:
        """Return 32 bytes for one purpose.

        :param label: names the purpose; other labels give unrelated keys.
        :param number: number of the root key; the current one if ``None``.
        :raises LookupError: no root key has this number.

        Source: RFC 5869, HKDF with SHA-256, no salt, ``info`` = the label.
        """
        return self._derive(label, number)

    def _derive(self, info: str, number: int | None) -> bytes:
        roots = self._roots
        chosen = roots.current_number if number is None else number
        key = self._derived.get((info, chosen))
        if key is None:
            if chosen not in roots.keys:
                raise LookupError(f"no root key has the number {chosen}")
            key = self._derived[info, chosen] = _hkdf(roots.keys[chosen], info)
        return key

    def seal(self, plaintext: bytes, label: Label) -> bytes:
        """Return *plaintext* encrypted and bound to *label* (AES-256-GCM) under the current root key.

        Form: version (1 byte) ‖ number of the root key (2) ‖ nonce (12) ‖ ciphertext and tag.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        number = self.current_number
        nonce = self._clock.token_bytes(_NONCE_BYTES)
        head = bytes((_SEAL_VERSION,)) + number.to_bytes(2, "big")
        return head + nonce + AESGCM(self._derive(f"seal:{label}", number)).encrypt(nonce, plaintext, head)

    def open(self, sealed: bytes, label: Label) -> bytes:
        """Return what :meth:`seal` was given.

        :raises LookupError: the root key that sealed it is not known.
        :raises ValueError: it was not sealed by that key for this label, or changed since.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head, nonce, body = sealed[:3], sealed[3 : 3 + _NONCE_BYTES], sealed[3 + _NONCE_BYTES :]
        if len(body) < 16 or head[0] != _SEAL_VERSION:
            raise ValueError("it was not encrypted by this version")
        key = self._derive(f"seal:{label}", int.from_bytes(head[1:], "big"))
        try:
            return AESGCM(key).decrypt(nonce, body, head)
        except InvalidTag:
            raise ValueError("it was encrypted with another root key, or changed") from None

    def sealed_with_current(self, sealed: bytes) -> bool:
        """Return whether the current root key sealed this."""
        return int.from_bytes(sealed[1:3], "big") == self.current_number

    def reload(self) -> None:
        """Read the root keys again, since the operator may have added a new one.

        :raises SettingsError: they can no longer be read; the known ones stay in use.
        """
        roots = self._read()
        if roots != self._roots:
            self._derived, self._roots = {}, roots


def parse(text: str, *, source: str) -> RootKeys:
    """Return the root keys in a string.

    :param source: where the string came from, for the error; the string itself is never repeated.
    :raises SettingsError: it does not have the format above.
    """
    keys: dict[int, bytes] = {}
    lines = [line.partition("#")[0].strip() for line in re.split(r"[,\n]", text)]
    for line in filter(None, lines):
        match = _LINE.fullmatch(line)
        if match is None:
            raise SettingsError(f"{source} must be a root key, 32 bytes in base64url. Make one. Run: {COMMAND}")
        number = int(match[1] or 1)
        if number in keys or number > LARGEST_NUMBER:
            raise SettingsError(f"{source}: each root key needs a different number, 1 to {LARGEST_NUMBER}")
        keys[number] = _decode(match[2], source)
    if not keys:
        raise SettingsError(
            f"{source} is empty. Put the root key back. If there never was one, make one. Run: {COMMAND}"
        )
    return RootKeys(current_number=next(iter(keys)), keys=MappingProxyType(keys))


def open_root_keys(
    settings: StoreSettings, *, clock: Clock, server_database: bool, in_use: Callable[[], bool] = lambda: False
) -> RootKeyRing:
    """Return the ring that the settings name, and create its file if it is missing and that is allowed.

    :param server_database: the database is on a server (PostgreSQL). Several machines may share it, and each would
        create its own key, so none is created.
    :param in_use: returns whether the database holds sealed data; called if the file is missing.
    :raises SettingsError: the root key is missing or invalid.
    """
    said: set[str] = set()  # messages about the file that were logged: once for each application
    if settings.root_key is not None:
        text = settings.root_key
        return RootKeyRing(lambda: parse(text, source="SIGNET_ROOT_KEY"), clock=clock)
    if settings.root_key_file is not None:
        file = settings.root_key_file
        return RootKeyRing(lambda: _from_named_file(file, said), clock=clock)
    if settings.in_memory:
        roots = RootKeys(current_number=1, keys=MappingProxyType({1: clock.token_bytes(BYTES)}))
        return RootKeyRing(lambda: roots, clock=clock)
    file = settings.folder / FILE_NAME
    if server_database and not _is_there(file):
        raise SettingsError(
            "SIGNET_ROOT_KEY (or SIGNET_ROOT_KEY_FILE) is missing. With a database server it is never created "
            "automatically, because all machines need the same key. If the database is already in use, set the key "
            f"that was used before. If this application never had a root key, make one. Run: {COMMAND}"
        )
    if server_database:
        log.warning(
            "The root key %s is on this machine only, but all machines that use this database need the same key. On "
            "each machine, set its content as SIGNET_ROOT_KEY, or a path of a copy as SIGNET_ROOT_KEY_FILE.",
            file,
        )
    # In this order: a process that sealed something meanwhile has created the file first.
    elif not _is_there(file) and in_use() and not _is_there(file):
        raise SettingsError(
            f"The root key {file} is missing, but the database has signing keys encrypted with it. Put it back, or set "
            f"SIGNET_ROOT_KEY. {IF_LOST}"
        )
    else:
        _make_once(file, clock)
    return RootKeyRing(lambda: _from_own_file(file, said), clock=clock)


def _make_once(file: Path, clock: Clock) -> None:
    if _is_there(file):
        return
    try:
        private_folder(file.parent)
        with locked(file.parent / LOCK_NAME):
            if _is_there(file):
                return
            write_private(file, f"1 {_encode(clock.token_bytes(BYTES))}\n".encode())
    except OSError as error:
        raise StorageError(
            f"The root key {file} cannot be created: {error.strerror}. Give this user write permission there, or set "
            "SIGNET_ROOT_KEY."
        ) from error
    log.warning("Made the root key %s. Keep a copy: without it, the signing keys cannot be decrypted.", file)


def _is_there(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        # The file may exist: a new key in its place would make all sealed data unreadable.
        raise _unreadable("The root key", file, error) from error
    return True


def _unreadable(name: str, file: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{name} {file} cannot be read: {error.strerror}. Give this user read permission, or put the file back."
    )


def _from_named_file(file: Path, said: set[str]) -> RootKeys:
    """Read the file that ``SIGNET_ROOT_KEY_FILE`` names; its mode and owner are not changed."""
    return _from_file(file, "SIGNET_ROOT_KEY_FILE", lambda: judge(concerns_of_named(file), said))


def _from_own_file(file: Path, said: set[str]) -> RootKeys:
    """Read the root key file that this package created."""

    def check() -> None:
        tighten(file)
        for folder in {file.parent, file.resolve().parent}:  # they differ if the file is a symbolic link
            judge(concerns_of_folder(folder), said)

    return _from_file(file, "The root key", check)


def _from_file(file: Path, name: str, check: Callable[[], None]) -> RootKeys:
    try:
        check()
        with file.open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode("ascii")
    except OSError as error:
        raise _unreadable(name, file, error) from error
    except UnicodeDecodeError:
        text = "?"
    return parse(text, source=f"{name} {file}")


def _hkdf(key: bytes, label: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"flask-signet:" + label.encode()).derive(key)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str, source: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=")
    except binascii.Error:
        data = b""
    if len(data) != BYTES or _encode(data) != text or len(set(data)) < 8:
        raise SettingsError(f"{source} must be a root key, 32 random bytes in base64url. Make one. Run: {COMMAND}")
    return data
