"""What each process must have for itself: a lock that another thread held at a fork stays held in the child."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Gives each process a thing of its own, the same one to all of its threads.

    :param make: makes the thing, which must not wait for anything: two threads may make one at once, and one is kept.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}

    def __call__(self) -> T:
        """Return the thing of this process."""
        pid = os.getpid()
        made = self._made.get(pid)
        return self._made.setdefault(pid, self._make()) if made is None else made
