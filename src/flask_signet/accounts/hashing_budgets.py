"""Limits on how many passwords are hashed at once. Each kind of work has its own slots."""

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
    """Limits concurrent hashing in one process, for each kind of work.

    A request never waits for a slot: a waiting thread would be missing for other requests.

    :param places: how many slots each kind has.
    """

    def __init__(self, places: Mapping[Work, int]) -> None:
        self._places = {
            work: PerProcess(partial(threading.BoundedSemaphore, number)) for work, number in places.items()
        }

    @contextmanager
    def place(self, work: Work) -> Generator[None, None, None]:
        """Hold a slot while the block hashes.

        :raises Unavailable: all slots of this kind are in use; the block is not run.
        """
        places = self._places[work]()
        if not places.acquire(blocking=False):
            raise Unavailable("Too many passwords are being hashed at once", retry_after=1)
        try:
            yield
        finally:
            places.release()


def places(passwords_at_once: int | None) -> dict[Work, int]:
    """Return the number of slots for each kind.

    :param passwords_at_once: the slots of logins; ``None``: twice the cores of the machine, at least four. Each other
        kind has half as many.
    """
    logins = passwords_at_once or max(4, 2 * (os.cpu_count() or 1))
    others = max(1, logins // 2)
    return {"login": logins, "register": others, "password": others}
