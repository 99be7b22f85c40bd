"""Requests a second through granian: bare route, guarded by us, guarded by Flask-JWT-Extended.

The load comes from ``wrk`` (a package of the system), on loopback.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

from flask import Flask

from benchmarks import measure
from benchmarks.guard import bare_app, guarded_app
from flask_signet.clock import SYSTEM

ROUNDS = 7
SECONDS = 2
ROUTES = ("bare", "bare-again", "ours", "theirs")
THREADS = {"one": ("--blocking-threads", "1"), "default": ()}
SECRET = "a secret of this measurement alone, for one process"


def app() -> Flask:
    """Return one application with the three routes, so that all run in the same process."""
    import flask_jwt_extended

    import flask_signet

    whole = Flask("end-to-end")
    for name, part in (
        ("bare", bare_app()),
        ("bare-again", bare_app()),
        ("ours", guarded_app(flask_signet, {"JWT_SECRET_KEY": SECRET})),
        ("theirs", guarded_app(flask_jwt_extended, {"JWT_SECRET_KEY": SECRET})),
    ):
        mounted[f"/{name}"] = part.wsgi_app
    whole.wsgi_app = _dispatch  # type: ignore[method-assign]
    return whole


mounted: dict[str, object] = {}


def _dispatch(environ: dict[str, str], start_response: object) -> object:
    prefix, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
    environ["PATH_INFO"] = "/" + rest
    return mounted["/" + prefix](environ, start_response)  # type: ignore[operator]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _token() -> str:
    import flask_signet

    with guarded_app(flask_signet, {"JWT_SECRET_KEY": SECRET}).app_context():
        return flask_signet.create_access_token("5")


def _rate(port: int, route: str, token: str) -> float:
    url = f"http://127.0.0.1:{port}/{route}/protected"
    command = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-H", f"Authorization: Bearer {token}", url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise RuntimeError(f"{route}: {out}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert found is not None, out
    return float(found[1])


def _wait(url: str, token: str) -> None:
    for _ in range(100):
        try:
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("granian did not begin to answer")


def rates(options: Sequence[str]) -> dict[str, list[float]]:
    """Return the requests a second of each route in each round, from one server with these *options*."""
    port, token = free_port(), _token()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1", *options]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "error"]
    with subprocess.Popen([*command, "benchmarks.end_to_end:app"]) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/ours/protected", token)
            return measure.in_turns(lambda route: _rate(port, route, token), ROUTES, ROUNDS)
        finally:
            server.terminate()


def main() -> None:
    """Print the table."""
    if shutil.which("wrk") is None:
        print("wrk is missing; `make bench` installs it where it may. Nothing was measured.", file=sys.stderr)
        return
    rows: list[list[object]] = []
    for threads, options in THREADS.items():
        found = rates(options)
        rows += [
            [threads, "bare route", round(measure.median(found["bare"])), 1.0, "–"],
            [threads, "bare route again", *_row(found, "bare-again"), "noise"],
            [threads, "guarded, Flask-Signet", *_row(found, "ours"), "≥ 0.93"],
            [threads, "guarded, Flask-JWT-Extended", *_row(found, "theirs"), "–"],
            [threads, "ours / theirs", "–", measure.ratio(found, "ours", "theirs"), "≥ 2.5"],
        ]
    note = (
        f"granian, one worker, wrk with 16 connections, {ROUNDS} rounds of {SECONDS} s each, HS256, one token "
        f"(measured {time.strftime('%Y-%m-%d', time.gmtime(SYSTEM.now()))}). With one thread for Python nobody waits "
        "for the interpreter's lock, and the bare route is at its fastest; with granian's default, many threads do."
    )
    head = ["threads", "route", "requests/s", "ratio", "goal"]
    measure.publish("end_to_end", measure.table("End to end", head, rows, note))


def _row(found: dict[str, list[float]], route: str) -> tuple[int, float]:
    return round(measure.median(found[route])), measure.ratio(found, route, "bare")


if __name__ == "__main__":
    main()
