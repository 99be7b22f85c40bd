"""Check the mode and owner of files and folders that only the application may read. Nothing is changed."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from flask_signet.files import concerns_of_named
from flask_signet.findings import Finding, from_message

_PAGE = "deploy.md#the-folder-instancesignet"


def named_file(path: Path) -> Iterator[Finding]:
    """Yield the problems with the mode or owner of a file that a setting names, in the words of the server's log."""
    try:
        for concern in concerns_of_named(path):
            yield from_message(
                concern.code, "error" if concern.certain else "warning", concern.message, "keys.md#file-permissions"
            )
    except OSError:
        return  # missing or unreadable: the check that reads it reports this


def private_file(path: Path, name: str, *, like: Path | None = None) -> Iterator[Finding]:
    """Yield the problems with the mode or owner of *path*, which we created; none if it does not exist.

    :param name: its name in the message, such as ``"The root key"``.
    :param like: must belong to the same user.
    """
    if sys.platform == "win32":
        return
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        yield Finding(
            code="file_out_of_reach",
            level="error",
            summary=f"{name} {path} cannot be checked: {error.strerror}. You are {_user(os.geteuid())}.",
            line_to_write=f"sudo chown -R $(whoami) {path.parent}    # as the server's user",
            page=_PAGE,
        )
        return
    folder = stat.S_ISDIR(status.st_mode)
    if stat.S_IMODE(status.st_mode) & 0o077:
        yield Finding(
            code="file_readable_by_others",
            level="error",
            summary=f"{name} {path} can be read by other users of this machine: its mode is "
            f"{stat.S_IMODE(status.st_mode):o}.",
            line_to_write=f"chmod {'700' if folder else '600'} {path}",
            page=_PAGE,
        )
    if like is not None and like.exists() and like.stat().st_uid != status.st_uid:
        yield Finding(
            code="file_of_another_owner",
            level="error",
            summary=f"{name} {path} belongs to {_user(status.st_uid)}, its folder to {_user(like.stat().st_uid)}: the "
            "server cannot use both.",
            line_to_write=f"sudo chown {_user(like.stat().st_uid)} {path}",
            page=_PAGE,
        )
    elif not os.access(path, os.R_OK | os.W_OK | (os.X_OK if folder else 0)):
        yield Finding(
            code="file_of_another_user",
            level="error",
            summary=f"{name} {path} belongs to {_user(status.st_uid)}, and you, {_user(os.geteuid())}, cannot use it. "
            "If the server runs as you, it cannot either.",
            line_to_write=f"sudo -u {_user(status.st_uid)} flask signet doctor    # look as that user",
            page=_PAGE,
        )


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
