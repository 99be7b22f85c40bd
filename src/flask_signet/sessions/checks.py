"""What ``flask signet doctor`` looks at of sessions: cookie mode and the steady clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flask_signet.clock import Clock
from flask_signet.findings import Finding, ok
from flask_signet.sessions import settings as session_settings
from flask_signet.sessions.steady_time import ANCHOR_NAME, read_anchor

_STEP = 10.0  # seconds that a clock may drift between its corrections


def cookie_mode(config: Mapping[str, Any], *, debug: bool) -> Iterator[Finding]:
    """Judge the refresh cookie."""
    settings = session_settings.read(config)
    if settings.cookie_secure is False:
        yield Finding(
            code="refresh_cookie_not_secure",
            level="warning" if debug else "error",
            summary="SIGNET_COOKIE_SECURE = False: the refresh cookie is sent over plain http, where anybody on the "
            "way can read it.",
            line_to_write='app.config["SIGNET_COOKIE_SECURE"] = True',
            page="it-does-not-work.md#the-cookie-is-not-sent",
        )
    else:
        yield ok("refresh_cookie", "The refresh cookie is for https alone, but on this machine.")


def steady_clock(folder: Path, clock: Clock) -> Iterator[Finding]:
    """Compare the clock with the moment that the processes of this machine agreed on after its start."""
    file = folder / ANCHOR_NAME
    if not file.exists():
        return
    anchor = read_anchor(file)
    if anchor is None:
        yield Finding(
            code="clock_file_broken",
            level="warning",
            summary=f"{file} cannot be read or does not hold what Flask-Signet wrote. The next start writes it anew.",
            line_to_write=f"rm {file}",
            page="sessions.md#clocks",
        )
        return
    boot, offset = anchor
    if boot != clock.boot():
        return  # from before the machine started: the next process writes another one
    step = clock.time() - clock.monotonic() - offset
    if abs(step) > _STEP:
        yield Finding(
            code="clock_stepped",
            level="warning",
            summary=f"The clock was set {'forward' if step > 0 else 'back'} by {abs(step):.0f} s since the first "
            "server process of this machine started. Sessions go on; keep the clock right by NTP.",
            line_to_write="timedatectl set-ntp true",
            page="it-does-not-work.md#wrong-server-clock",
        )
    else:
        yield ok("clock_steady", "The clock made no step since the machine started.")
