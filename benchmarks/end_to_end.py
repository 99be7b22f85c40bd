"""Requests per second through granian: bare route, protected by Flask-Signet, protected by Flask-JWT-Extended.

``wrk`` (a system package) makes the load, on loopback. Server and load have one core each: if both share all
cores, their threads wait for each other, and the result depends on the scheduler. The second half of the table
shows that case.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flask import Flask

from benchmarks import measure
from benchmarks.guard import bare_app, guarded_app
from flask_signet.clock import SYSTEM

SECONDS = 1  # wrk counts in whole seconds; many short rounds give a steadier median than few long ones
# Rounds differ by about 5 %. Rows with a goal are repeated until the median is stable.
ROUNDS = {"one each": 32, "shared": 8}
ROUTES = ("bare", "bare-again", "ours", "theirs")
THREADS = {"default": (), "one": ("--blocking-threads", "1")}
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
    """Return a free TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _token() -> str:
    import flask_signet

    with guarded_app(flask_signet, {"JWT_SECRET_KEY": SECRET}).app_context():
        return flask_signet.create_access_token("5")


@contextmanager
def _on(cores: set[int]) -> Iterator[None]:
    """Run this process and the processes that it starts only on these cores."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _rate(port: int, route: str, token: str, cores: set[int]) -> float:
    url = f"http://127.0.0.1:{port}/{route}/protected"
    command = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-H", f"Authorization: Bearer {token}", url]
    with _on(cores):
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


def rates(options: Sequence[str], server_cores: set[int], load_cores: set[int], rounds: int) -> dict[str, list[float]]:
    """Return the requests a second of each route in each round, from one server with these *options*."""
    port, token = free_port(), _token()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1", *options]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "error"]
    with _on(server_cores):
        server = subprocess.Popen([*command, "benchmarks.end_to_end:app"])
    with server:
        try:
            _wait(f"http://127.0.0.1:{port}/ours/protected", token)
            return measure.in_turns(lambda route: _rate(port, route, token, load_cores), ROUTES, rounds)
        finally:
            server.terminate()


def arrangements() -> dict[str, tuple[set[int], set[int]]]:
    """Return what to measure: its name → the cores of the server, the cores of the load."""
    if not hasattr(os, "sched_getaffinity"):
        return {"shared": (set(), set())}
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        return {"shared": (cores, cores)}
    first, second = sorted(cores)[:2]
    return {"one each": ({first}, {second}), "shared": (cores, cores)}


def main() -> None:
    """Print the table."""
    if shutil.which("wrk") is None:
        print("Not measured: wrk is missing. `make bench` installs it as root on Debian.", file=sys.stderr)
        return
    rows: list[list[object]] = []
    for cores, (server_cores, load_cores) in arrangements().items():
        for threads, options in THREADS.items():
            found = rates(options, server_cores, load_cores, ROUNDS[cores])
            guarded, factor = ("≥ 0.93", "≥ 2.5") if cores == "one each" else ("–", "–")
            rows += [
                [cores, threads, "bare route", round(measure.median(found["bare"])), 1.0, "–"],
                [cores, threads, "bare route again", *_row(found, "bare-again"), "noise"],
                [cores, threads, "guarded, Flask-Signet", *_row(found, "ours"), guarded],
                [cores, threads, "guarded, Flask-JWT-Extended", *_row(found, "theirs"), "–"],
                [cores, threads, "ours / theirs", "–", measure.ratio(found, "ours", "theirs"), factor],
            ]
    day = time.strftime("%Y-%m-%d", time.gmtime(SYSTEM.now()))
    note = (
        f"granian, one worker, wrk with 16 connections, HS256, one token; {ROUNDS['one each']} interleaved rounds of "
        f"{SECONDS} s, {ROUNDS['shared']} with shared cores (measured {day}). With one core each for server and load, "
        "the figures show the whole work of the server for a request. With shared cores, server and load also wait for "
        "each other, so each added microsecond costs more. With granian's default of many threads, the threads wait "
        "for the interpreter lock, which slows the bare route most."
    )
    head = ["cores", "threads", "route", "requests/s", "ratio", "goal"]
    measure.publish("end_to_end", measure.table("End to end", head, rows, note))


def _row(found: dict[str, list[float]], route: str) -> tuple[int, float]:
    return round(measure.median(found[route])), measure.ratio(found, route, "bare")


if __name__ == "__main__":
    main()
