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
    """Make *folder* with mode 0700 and a ``.gitignore`` of ``*``; tighten one that is there.

    Many processes may do this at once.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tighten(folder, 0o700)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_private(ignore, b"*\n")


def write_private(path: Path, content: bytes, *, keep_mode: bool = False) -> None:
    """Write *content* to *path* with mode 0600: readers see the old file, the new one, never half of it.

    It belongs to whom the old file belonged to, where we may give it away.

    :param keep_mode: a file that is there keeps its group and its mode: the operator named it, and chose them.
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
    """Give the open file to the owner of *path*: root may write what a service must go on reading."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    try:
        before = path.stat()
    except FileNotFoundError:
        return
    os.fchown(handle, before.st_uid, before.st_gid)


def _keep_mode(handle: int, path: Path) -> None:
    """Give the open file the group and the mode of *path*; without its group, only the mode of its owner."""
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
    """Make an empty *path* with mode 0600 if there is none (a library that opens it keeps the mode)."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def check_owner(path: Path) -> None:
    """Refuse a file or a folder that we made, or a link to one, if it belongs to another user now.

    Root is trusted. A process of root takes the files of a service from the folder of that service.

    :raises StorageError: it belongs to another user; the message has the line that changes that.
    :raises OSError: it cannot be looked at.
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
    """Return whether the owner is this user, root, or the user of a service whose folder a process of root works in."""
    if sys.platform == "win32":
        return True
    me = os.geteuid()
    return owner in (me, 0) or (me == 0 and (stat.S_ISDIR(status.st_mode) or owner == path.parent.stat().st_uid))


@dataclass(frozen=True, slots=True)
class Concern:
    """What is wrong with the mode or the owner of a file that the settings name.

    :param code: names it for programs.
    :param certain: every user of the machine can replace the content: the file must not be used.
    :param message: ends in ``Run:`` and the line that changes it.
    """

    code: str
    certain: bool
    message: str


def concerns_of_named(path: Path) -> Iterator[Concern]:
    """Find what is wrong with a file that the settings name; change nothing, for its mode and owner are the operator's.

    A group that can read it is right: that is how one file serves root and a service.

    :raises OSError: it cannot be looked at.
    """
    if sys.platform == "win32":
        return
    status = path.stat()
    for folder in dict.fromkeys((path.parent, path.resolve().parent)):  # a link leads from one into another
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
            f"Every user of this machine can read {path}. In a container, set its group and the mode 0440 where it is "
            f"mounted. Run: {_line_against_others(path, status)}",
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
                f"{os.geteuid()}. Do you not trust that user? Run: sudo chown -h 0 {path}",
            )


def concerns_of_folder(folder: Path) -> Iterator[Concern]:
    """Find that every user can replace a file in *folder*, or that a group can.

    :raises OSError: it cannot be looked at.
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
    """Log each concern once, and refuse the file where it is certain.

    :param said: the messages that were logged; those of now are added.
    :raises StorageError: with the line that changes it.
    """
    for concern in concerns:
        if concern.certain:
            raise StorageError(concern.message)
        if concern.message not in said:
            said.add(concern.message)
            log.warning("%s", concern.message)


def _line_against_others(path: Path, status: os.stat_result) -> str:
    """Return the command that keeps others out and leaves the file readable to the server."""
    if sys.platform == "win32":
        return ""
    me = os.geteuid()
    by_group = status.st_mode & 0o040 and status.st_gid in (os.getegid(), *os.getgroups())
    if me != 0 and (me == status.st_uid or by_group):
        return f"sudo chmod o= {path}"
    # Only as one of the others does this process read it. Root may be here for a service that is one of them.
    group = "GROUP-OF-THE-SERVER" if me == 0 else os.getegid()
    return f"sudo chgrp {group} {path} && sudo chmod g=r,o= {path}"


def tighten(path: Path, mode: int = 0o600) -> None:
    """Take *path*, which we made, away from group and others; warn where that has no effect (some mounts).

    Never for a file that the settings name: a group or a service may read it by its mode, and would be locked out.

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
