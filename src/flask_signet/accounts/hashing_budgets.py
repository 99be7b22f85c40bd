"""How many passwords are hashed at once, by what they are hashed for: no kind of work takes the places of another."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Literal

from flask_signet.exceptions import Unavailable
from flask_signet.per_process import PerProcess

#: What a password is hashed for: a login, a new account, or a change of the password.
Work = Literal["login", "register", "password"]


class HashingBudgets:
    """The places for hashing of one process, by kind of work.

    A request never waits for a place: a thread that waits for a hash is one that others need.

    :param places: how many of each kind there are.
    """

    def __init__(self, places: Mapping[Work, int]) -> None:
        self._places = {
            work: PerProcess(partial(threading.BoundedSemaphore, number)) for work, number in places.items()
        }

    @contextmanager
    def place(self, work: Work) -> Generator[None, None, None]:
        """Take a place while the block hashes.

        :raises Unavailable: all places of this kind are taken; the block is not run.
        """
        places = self._places[work]()
        if not places.acquire(blocking=False):
            raise Unavailable("Too many passwords are being hashed at once", retry_after=1)
        try:
            yield
        finally:
            places.release()


def places(passwords_at_once: int | None) -> dict[Work, int]:
    """Return the places of each kind.

    :param passwords_at_once: those of logins; ``None``: twice the cores of the machine, four at least. Each other kind
        has half as many.
    """
    logins = passwords_at_once or max(4, 2 * (os.cpu_count() or 1))
    others = max(1, logins // 2)
    return {"login": logins, "register": others, "password": others}
