"""Files that only we may read: private folders, atomic writes, and one lock between processes."""

from __future__ import annotations

import logging
import os
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from flask_signet.exceptions import StorageError

log = logging.getLogger(__name__)


def private_folder(folder: Path) -> None:
    """Make *folder* with mode 0700 and a ``.gitignore`` of ``*``; tighten one that is there.

    Many processes may do this at once.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tighten(folder, 0o700)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_private(ignore, b"*\n")


def write_private(path: Path, content: bytes) -> None:
    """Write *content* to *path* with mode 0600: readers see the old file, the new one, never half of it.

    It belongs to whom the old file belonged to, where we may give it away.
    """
    # mkstemp opens with O_EXCL and 0600.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _keep_owner(handle, path)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(path.parent)


def _keep_owner(handle: int, path: Path) -> None:
    """Give the open file to the owner of *path*: root may write what a service must go on reading."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    try:
        before = path.stat()
    except FileNotFoundError:
        return
    os.fchown(handle, before.st_uid, before.st_gid)


def create_private(path: Path) -> None:
    """Make an empty *path* with mode 0600 if there is none (a library that opens it keeps the mode)."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def check_owner(path: Path) -> None:
    """Refuse a file, a folder or a link to one that belongs to another user: that user can replace what is in it.

    Root is trusted. A process of root takes the files of a service from the folder of that service.

    :raises StorageError: it belongs to another user; the message has the line that changes that.
    :raises OSError: it cannot be looked at.
    """
    if sys.platform == "win32":
        return
    me = os.geteuid()
    for status in (path.lstat(), path.stat()):
        owner = status.st_uid
        if owner in (me, 0) or (me == 0 and (stat.S_ISDIR(status.st_mode) or owner == path.parent.stat().st_uid)):
            continue
        raise StorageError(
            f"{path} belongs to another user (uid {owner}), who can read and replace it; this process runs as uid "
            f"{me}. If its content is right, run: sudo chown -h {me} {path}"
        )


def check_folder(folder: Path) -> None:
    """Refuse a folder in which every user can replace a file; warn of one in which a group can.

    :raises StorageError: with the line that changes that.
    :raises OSError: it cannot be looked at.
    """
    if sys.platform == "win32":
        return
    mode = folder.stat().st_mode
    if mode & stat.S_ISVTX or not mode & 0o022:
        return
    if mode & 0o002:
        raise StorageError(
            f"Every user of this machine can replace the files in {folder}. Run: sudo chmod go-w {folder}"
        )
    log.warning("A group of users can replace the files in %s. Run: sudo chmod g-w %s", folder, folder)


def tighten(path: Path, mode: int = 0o600) -> None:
    """Take *path* away from group and others; warn where that has no effect (some mounts, Windows).

    :raises StorageError: it belongs to another user.
    """
    check_owner(path)
    if sys.platform == "win32" or not stat.S_IMODE(path.stat().st_mode) & 0o077:
        return
    try:
        path.chmod(mode)
    except OSError:
        pass
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        log.warning("%s can be read by other users of this machine, and chmod %o has no effect on it.", path, mode)
    else:
        log.warning("%s could be read by other users of this machine; its mode is now %o.", path, mode)


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Hold the lock file *path* against every other process and thread; it ends with its holder."""
    create_private(path)
    handle = os.open(path, os.O_RDWR)
    try:
        _lock(handle)
        try:
            yield
        finally:
            # A child that was forked meanwhile has this open file too: closing ours alone would leave it locked.
            _unlock(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make a rename in *folder* survive a power cut, where folders can be synced."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
            except OSError:  # it gives up after ten tries, one a second
                continue
            return

    def _unlock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
