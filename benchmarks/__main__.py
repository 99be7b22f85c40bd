"""Run all benchmarks, or the named ones: ``python -m benchmarks guard verify``."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks

_NOT_A_MEASUREMENT = {"__main__", "measure"}


def main(wanted: list[str]) -> None:
    """Call ``main()`` of each benchmark, in the order of their names."""
    known = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in _NOT_A_MEASUREMENT]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        sys.exit(f"unknown benchmark: {', '.join(unknown)}; choose from: {', '.join(known)}")
    for name in wanted or known:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
