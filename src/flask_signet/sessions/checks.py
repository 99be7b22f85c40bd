"""The session checks of ``flask signet doctor``: cookie mode and the steady clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flask_signet.clock import Clock
from flask_signet.findings import Finding, ok
from flask_signet.sessions import settings as session_settings
from flask_signet.store.clock_offset import ANCHOR_NAME, read_anchor

_STEP = 10.0  # seconds that a clock may drift between its corrections


def cookie_mode(config: Mapping[str, Any], *, debug: bool) -> Iterator[Finding]:
    """Check that the refresh cookie is sent over https only."""
    settings = session_settings.read(config)
    if settings.cookie_secure is False:
        yield Finding(
            code="refresh_cookie_not_secure",
            level="warning" if debug else "error",
            summary="SIGNET_COOKIE_SECURE = False: the refresh cookie is sent over plain http, where others on the "
            "network can read it.",
            line_to_write='app.config["SIGNET_COOKIE_SECURE"] = True',
            page="it-does-not-work.md#the-cookie-is-not-sent",
        )
    else:
        yield ok(
            "refresh_cookie",
            "The refresh cookie is sent over https only, except on localhost, in debug mode and in tests.",
        )


def steady_clock(folder: Path, clock: Clock) -> Iterator[Finding]:
    """Compare the clock with the offset that the processes of this machine share since the boot."""
    file = folder / ANCHOR_NAME
    if not file.exists():
        return
    anchor = read_anchor(file)
    if anchor is None:
        yield Finding(
            code="clock_file_broken",
            level="warning",
            summary=f"{file} cannot be read, or its content is invalid. The next start of a worker writes it again.",
            line_to_write=f"rm {file}",
            page="sessions.md#clocks",
        )
        return
    boot, offset = anchor
    if boot != clock.boot():
        return  # from an earlier boot: the next process writes a new file
    step = clock.time() - clock.monotonic() - offset
    if abs(step) > _STEP:
        yield Finding(
            code="clock_stepped",
            level="warning",
            summary=f"The clock was set {'forward' if step > 0 else 'back'} by {abs(step):.0f} s since the first "
            "server process of this machine started. Sessions continue; keep the clock correct with NTP.",
            line_to_write="timedatectl set-ntp true",
            page="it-does-not-work.md#wrong-server-clock",
        )
    else:
        yield ok("clock_steady", "The clock was not set since the machine started.")
