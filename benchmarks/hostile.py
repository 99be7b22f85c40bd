"""Cost of hostile input: the slowest input for each parser that runs before a signature or password is checked."""

from __future__ import annotations

import gc
import time

from benchmarks import measure
from tests.attacks.entry_points import EntryPoint, entry_points
from tests.attacks.shapes import Shape, shapes

CANDIDATES = 6  # shapes that are measured again
ROUNDS = 9
GOAL = 5  # milliseconds


def _milliseconds(entry: EntryPoint, text: str) -> float:
    begin = time.thread_time()
    entry.judge(text)
    return (time.thread_time() - begin) * 1e3


def _worst(entry: EntryPoint) -> tuple[float, Shape]:
    """Return the slowest shape at the limit: all are tried, the slowest are measured again, and their medians count."""
    gc.collect()
    gc.disable()
    tried = [(_milliseconds(entry, shape.make(entry.limit)), shape) for shape in shapes(entry.grammar, pairs=2)]
    again: dict[Shape, float] = {}
    for _, shape in sorted(tried, key=lambda found: found[0], reverse=True)[:CANDIDATES]:
        text = shape.make(entry.limit)
        again[shape] = measure.median(_milliseconds(entry, text) for _ in range(ROUNDS))
    gc.enable()
    worst = max(again, key=lambda shape: again[shape])
    return again[worst], worst


def main() -> None:
    """Print the table."""
    rows: list[list[object]] = []
    for entry in entry_points():
        taken, shape = _worst(entry)
        name = shape.name if len(shape.name) <= 70 else shape.name[:69] + "…"
        cell = "`` " + name.replace("|", "\\|").encode("ascii", "backslashreplace").decode() + " ``"
        rows.append([entry.name, entry.limit, taken, "–" if entry.operator else f"< {GOAL}", cell])
    note = (
        f"Thread time of the slowest shape (unclosed, nested, escaped, repeated, long, mixed), medians of {ROUNDS}. "
        "The length is the limit of the parser, or the largest input of a server if the parser rejects earlier. Rows "
        "without a goal are files and settings of the operator, and a command."
    )
    head = ["input", "length", "ms", "goal", "slowest shape"]
    measure.publish("hostile", measure.table("Hostile input", head, rows, note))


if __name__ == "__main__":
    main()
