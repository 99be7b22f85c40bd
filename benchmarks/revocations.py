"""One million ended sessions in a worker: memory of each, cost for the guard, and how long a worker takes to start."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import measure
from flask_signet.clock import SYSTEM
from flask_signet.sessions.feed import Feed
from flask_signet.sessions.settings import SessionSettings
from flask_signet.store import Store, StoreSettings
from flask_signet.tokens.revocations import RevocationMemory

ENTRIES = 1_000_000
LOOK_UPS = 100_000
ROUNDS = 9


def _sid(number: int) -> str:
    return f"{number:08x}-0000-7000-8000-{number * 0x9E3779B1 & 0xFFFFFFFFFFFF:012x}"


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _highest() -> int:
    # Not ru_maxrss: that is inherited from the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def memory_in_this_process() -> None:
    """Print bytes an entry, resident and at the peak, growing from nothing; run in a process of its own."""
    until = SYSTEM.now() + 900
    known = RevocationMemory(SYSTEM.now)
    known.end_sessions([(_sid(0), until)])
    before = _resident()
    known.end_sessions((_sid(number), until) for number in range(ENTRIES))
    print((_resident() - before) / ENTRIES, (_highest() - before) / ENTRIES)


def memory() -> tuple[float, float]:
    """Return bytes an entry: resident, and at the highest moment of growing."""
    code = "from benchmarks.revocations import memory_in_this_process as run; run()"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return float(said[0]), float(said[1])


def look_ups() -> tuple[float, float]:
    """Return seconds of one question that is answered no: empty set, and one million entries."""
    until = SYSTEM.now() + 900
    empty, full = RevocationMemory(SYSTEM.now), RevocationMemory(SYSTEM.now)
    full.end_sessions(((_sid(number), until) for number in range(ENTRIES)), about=ENTRIES)
    claims = [{"sub": "1", "sid": _sid(ENTRIES + number), "epoch": 0} for number in range(LOOK_UPS)]

    def asking(known: RevocationMemory) -> measure.Work:
        def work() -> int:
            ask = known.is_revoked
            for each in claims:
                ask(each)
            return LOOK_UPS

        return work

    taken = measure.interleaved({"empty": asking(empty), "full": asking(full)}, ROUNDS)
    return measure.median(taken["empty"]), measure.median(taken["full"])


def guard() -> float:
    """Return a whole guarded request with one million entries against one with none."""
    import flask_signet
    from benchmarks.guard import caller, environs, guarded_app
    from flask_signet.web.token_layer import layer_of

    app = guarded_app(flask_signet, {"JWT_SECRET_KEY": "a secret of this measurement alone, for one process"})
    with app.app_context():
        token = flask_signet.create_access_token("1", additional_claims={"sid": _sid(ENTRIES + 1), "epoch": 0})
    until = SYSTEM.now() + 900
    empty, full = RevocationMemory(SYSTEM.now), RevocationMemory(SYSTEM.now)
    full.end_sessions(((_sid(number), until) for number in range(ENTRIES)), about=ENTRIES)
    call, layer = caller(app), layer_of(app)
    requests = {name: environs(token, 500) for name in ("empty", "full")}

    def asking(name: str, known: RevocationMemory) -> measure.Work:
        def work() -> int:
            layer.revocations = known
            for environ in requests[name]:
                call(dict(environ))
            return 500

        return work

    taken = measure.interleaved({"empty": asking("empty", empty), "full": asking("full", full)}, 2 * ROUNDS)
    return measure.ratio(taken, "full", "empty")


def start() -> float:
    """Return the seconds of a worker's first reading of one million rows, SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(StoreSettings(folder=Path(folder), root_key="unused"))
        until = (SYSTEM.now() + 900) * 1000
        with store.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO signet_feed (n, kind, subject, epoch, until) VALUES (?, 'session', ?, NULL, ?)",
                [(number, _sid(number), until) for number in range(1, ENTRIES + 1)],
            )
            connection.exec_driver_sql("UPDATE signet_feed_head SET n = ?", (ENTRIES,))
        taken: list[float] = []
        for _ in range(3):
            feed = Feed(store, SessionSettings, SYSTEM)
            begun = time.perf_counter()
            feed.refresh()
            taken.append(time.perf_counter() - begun)
            feed.close()
        store.dispose()
    return measure.median(taken)


def main() -> None:
    """Print the table."""
    resident, peak = memory()
    empty, full = look_ups()
    rows: list[list[object]] = [
        ["bytes an entry, resident", resident, "≤ 32"],
        ["bytes an entry, peak while growing", peak, "≤ 32"],
        ["question to an empty set, µs", empty * 1e6, "–"],
        ["question to the full set, µs", full * 1e6, "≤ 1 more"],
        ["guarded request, full / empty", guard(), "≤ 1.05"],
        ["first reading of a worker, SQLite, s", start(), "≤ 2"],
    ]
    measure.publish("revocations", measure.table("One million ended sessions", ["", "measured", "goal"], rows))
