"""Shared by all benchmarks: interleaved rounds, medians, and tables that the docs include."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks"

Work = Callable[[], int]


def interleaved(work: Mapping[str, Work], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Run each piece of work once a round; return seconds per operation of each round.

    :param work: name → a function that does some operations and returns how many; ``prepare``, if it is
        the first, runs before the others in each round and is not measured.
    """
    names = list(work)
    first = names[:1] if names[0] == "prepare" else []
    names = names[len(first) :]
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        gc.collect()
        for name in first + shuffled(names, number):
            start = time.perf_counter()
            count = work[name]()
            seconds = (time.perf_counter() - start) / count
            if number >= 0 and name not in first:
                taken[name].append(seconds)
    return taken


def in_turns(rate: Callable[[str], float], names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Return the result of *rate* for each name in each round, after one round to warm up.

    :param rate: name → operations per second, measured at each call.
    """
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, rounds):
        for name in shuffled(names, number):
            found = rate(name)
            if number >= 0:
                rates[name].append(found)
    return rates


def shuffled(names: Sequence[str], number: int) -> list[str]:
    """Return the order of a round. It changes, because an entry that runs after itself finds warm caches.

    In as many rounds as there are names, each name is once at each position; then the order changes too.
    """
    block, turn = divmod(number, len(names))
    order = list(names)
    random.Random(block).shuffle(order)
    return order[turn:] + order[:turn]


def ratio(taken: Mapping[str, Sequence[float]], above: str, below: str) -> float:
    """Return the median over the rounds of *above* / *below*."""
    return statistics.median(a / b for a, b in zip(taken[above], taken[below], strict=True))


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Return a Markdown table."""
    lines = [f"### {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join([*lines, "", *([note, ""] if note else [])])


def publish(name: str, text: str) -> None:
    """Print *text*, and write it to the file that the docs include."""
    print(text, flush=True)
    DOCS.mkdir(parents=True, exist_ok=True)
    (DOCS / f"{name}.md").write_text(text)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
