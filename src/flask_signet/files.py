"""Private files and folders, atomic writes, and a lock between processes."""

from __future__ import annotations

import logging
import os
import stat
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask_signet.exceptions import StorageError

log = logging.getLogger(__name__)


def private_folder(folder: Path) -> None:
    """Create *folder* with mode 0700 and a ``.gitignore`` of ``*``; restrict the mode of an existing one.

    Several processes may do this at the same time.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tighten(folder, 0o700)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_private(ignore, b"*\n")


def write_private(path: Path, content: bytes, *, keep_mode: bool = False) -> None:
    """Write *content* to *path* with mode 0600, atomically: readers see the old file or the new one, never a part.

    The new file gets the owner of the old one, if this process may set it.

    :param keep_mode: keep the group and mode of an existing file, because the operator chose them.
    """
    # mkstemp opens with O_EXCL and 0600.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _keep_owner(handle, path)
            if keep_mode:
                _keep_mode(handle, path)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(path.parent)


def _keep_owner(handle: int, path: Path) -> None:
    """Give the open file the owner of *path*, so that a service can still read what root wrote."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    try:
        before = path.stat()
    except FileNotFoundError:
        return
    os.fchown(handle, before.st_uid, before.st_gid)


def _keep_mode(handle: int, path: Path) -> None:
    """Give the open file the group and mode of *path*; if the group cannot be set, the group gets no access."""
    if sys.platform == "win32":
        return
    try:
        before = path.stat()
    except FileNotFoundError:
        return
    try:
        os.fchown(handle, -1, before.st_gid)
    except OSError:
        pass
    same = os.fstat(handle).st_gid == before.st_gid
    os.fchmod(handle, stat.S_IMODE(before.st_mode) & (0o666 if same else 0o606))


def create_private(path: Path) -> None:
    """Create an empty *path* with mode 0600 if it does not exist (a library that opens it keeps the mode)."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def check_owner(path: Path) -> None:
    """Refuse a file or folder that we created, or a link to one, if it now belongs to another user.

    Root is trusted. A process of root accepts the files of a service in the folder of that service.

    :raises StorageError: it belongs to another user; the message has the command that changes the owner.
    :raises OSError: its status cannot be read.
    """
    if sys.platform == "win32":
        return
    me = os.geteuid()
    for status in (path.lstat(), path.stat()):
        owner = status.st_uid
        if _is_trusted(owner, status, path):
            continue
        raise StorageError(
            f"{path} belongs to another user (uid {owner}), who can read and replace it; this process runs as uid "
            f"{me}. If its content is right, run: sudo chown -h {me} {path}"
        )


def _is_trusted(owner: int, status: os.stat_result, path: Path) -> bool:
    """Return whether the owner is this user, root or, if this process runs as root, the owner of the folder."""
    if sys.platform == "win32":
        return True
    me = os.geteuid()
    return owner in (me, 0) or (me == 0 and (stat.S_ISDIR(status.st_mode) or owner == path.parent.stat().st_uid))


@dataclass(frozen=True, slots=True)
class Concern:
    """A problem with the mode or owner of a file that a setting names.

    :param code: the name for programs.
    :param certain: every user of the machine can replace the content, so the file must not be used.
    :param message: ends with ``Run:`` and the command that fixes it.
    """

    code: str
    certain: bool
    message: str


def concerns_of_named(path: Path) -> Iterator[Concern]:
    """Yield the problems of a file that a setting names. Its mode and owner are the operator's, so nothing is changed.

    A group may read the file: in this way root and a service can share it.

    :raises OSError: its status cannot be read.
    """
    if sys.platform == "win32":
        return
    status = path.stat()
    for folder in dict.fromkeys((path.parent, path.resolve().parent)):  # they differ if the file is a link
        yield from concerns_of_folder(folder)
    if status.st_mode & 0o002:
        yield Concern(
            "file_writable_by_others",
            True,
            f"Every user of this machine can write to {path}. Run: sudo chmod o-w {path}",
        )
    elif status.st_mode & 0o004:
        yield Concern(
            "file_readable_by_others",
            False,
            f"Every user of this machine can read {path}. In a container, set group and mode 0440 in the mount. "
            f"Run: {_line_against_others(path, status)}",
        )
    if status.st_mode & 0o020:
        yield Concern(
            "file_writable_by_group",
            False,
            f"A group of users (gid {status.st_gid}) can write to {path}. Run: sudo chmod g-w {path}",
        )
    for owner in dict.fromkeys((path.lstat().st_uid, status.st_uid)):
        if not _is_trusted(owner, status, path):
            yield Concern(
                "file_of_another_user",
                False,
                f"{path} belongs to another user (uid {owner}), who can read and replace it; this process runs as uid "
                f"{os.geteuid()}. If you do not trust that user, give the file to root. Run: sudo chown -h 0 {path}",
            )


def concerns_of_folder(folder: Path) -> Iterator[Concern]:
    """Yield a problem if every user, or a group, can replace a file in *folder*.

    :raises OSError: its status cannot be read.
    """
    if sys.platform == "win32":
        return
    mode = folder.stat().st_mode
    if mode & stat.S_ISVTX or not mode & 0o022:
        return
    if mode & 0o002:
        yield Concern(
            "folder_writable_by_others",
            True,
            f"Every user of this machine can replace the files in {folder}. Run: sudo chmod go-w {folder}",
        )
    else:
        yield Concern(
            "folder_writable_by_group",
            False,
            f"A group of users can replace the files in {folder}. Run: sudo chmod g-w {folder}",
        )


def judge(concerns: Iterable[Concern], said: set[str]) -> None:
    """Log each problem once, and refuse a file that must not be used.

    :param said: the messages that were already logged; new ones are added.
    :raises StorageError: with the command that fixes the problem.
    """
    for concern in concerns:
        if concern.certain:
            raise StorageError(concern.message)
        if concern.message not in said:
            said.add(concern.message)
            log.warning("%s", concern.message)


def _line_against_others(path: Path, status: os.stat_result) -> str:
    """Return the command that removes the access of others and keeps the file readable for the server."""
    if sys.platform == "win32":
        return ""
    me = os.geteuid()
    by_group = status.st_mode & 0o040 and status.st_gid in (os.getegid(), *os.getgroups())
    if me != 0 and (me == status.st_uid or by_group):
        return f"sudo chmod o= {path}"
    # This process reads the file only as one of the others. Root may run this for a service that does the same.
    group = "GROUP-OF-THE-SERVER" if me == 0 else os.getegid()
    return f"sudo chgrp {group} {path} && sudo chmod g=r,o= {path}"


def tighten(path: Path, mode: int = 0o600) -> None:
    """Remove the access of group and others to *path*, which we created; warn if that has no effect (some mounts).

    Do not use this for a file that a setting names: a group or a service may need the mode to read it.

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
    """Hold the lock file *path* against all other processes and threads. The lock ends with its holder."""
    create_private(path)
    handle = os.open(path, os.O_RDWR)
    try:
        _lock(handle)
        try:
            yield
        finally:
            # A child process that was forked in the meantime shares this open file: closing ours would not unlock it.
            _unlock(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make a rename in *folder* survive a power failure, where folders can be synced."""
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
            except OSError:  # it fails after ten attempts, one per second
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
