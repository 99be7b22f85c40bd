"""How often one network, and one name, may do what costs work or tells something about other users.

Every try counts, whatever comes of it; the throttle of wrong passwords is another thing. The counts are in the memory
of each worker process: with W processes a client has up to W times the tries.

Source: the generic cell rate algorithm (ITU-T I.371): one number for each key, the time at which the bucket is full
again.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from flask_signet.accounts.networks import REPORTED_TIMES, network_of, reporter_of
from flask_signet.clock import Clock
from flask_signet.exceptions import InvalidRequest, RateLimited, WeakPassword
from flask_signet.per_process import PerProcess

V = TypeVar("V")

MAX_ENTRIES = 50_000  # of each kind
_LOOKS = 16  # how many entries are looked at to find one that can be forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many tries at once, then one in each period.

    :param burst: tries that never wait.
    :param every: seconds after which one more is free.
    """

    burst: int
    every: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The two limits of one action."""

    network: Rate
    name: Rate


Action = Literal["register", "password", "account"]

POLICIES: Final[Mapping[Action, Policy]] = MappingProxyType(
    {
        # A class of thirty behind one address can register at once; the answer "taken" costs a try.
        "register": Policy(network=Rate(burst=30, every=20.0), name=Rate(burst=10, every=60.0)),
        # By user from here on: the routes need a token.
        "password": Policy(network=Rate(burst=60, every=10.0), name=Rate(burst=10, every=60.0)),
        "account": Policy(network=Rate(burst=60, every=10.0), name=Rate(burst=20, every=60.0)),
    }
)


class Buckets:
    """A bounded table of buckets with one rate. It has no lock of its own."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at: OrderedDict[bytes, float] = OrderedDict()

    def wait(self, key: bytes, now: float) -> float:
        """Return the seconds until the next try is free."""
        used = max(now, self._full_at.get(key, now)) - now
        return max(0.0, used - (self._rate.burst - 1) * self._rate.every)

    def add(self, key: bytes, now: float) -> None:
        """Count a try."""
        full_at = max(now, self._full_at.pop(key, now)) + self._rate.every
        self._full_at[key] = full_at
        make_room(self._full_at, MAX_ENTRIES, lambda _, key: self.wait(key, now) > 0)

    def renew(self, key: bytes) -> None:
        """Let others be forgotten first."""
        if key in self._full_at:
            self._full_at.move_to_end(key)

    def take_back(self, key: bytes) -> None:
        """Count a try less."""
        if key in self._full_at:
            self._full_at[key] -= self._rate.every


class Limits:
    """Counts what clients do, by the named policies above.

    :param enabled: ``False`` counts nothing.
    """

    def __init__(self, *, clock: Clock, enabled: bool = True) -> None:
        self._clock = clock
        self._enabled = enabled
        self._lock = PerProcess(threading.Lock)
        self._networks = {action: Buckets(policy.network) for action, policy in POLICIES.items()}
        self._reporters = {action: Buckets(_times(policy.network)) for action, policy in POLICIES.items()}
        self._names = {action: Buckets(policy.name) for action, policy in POLICIES.items()}

    @contextmanager
    def attempt(self, action: Action, *, name: str, address: str | None) -> Generator[None, None, None]:
        """Count one try of *action*, which the block makes.

        A try that ends as :class:`InvalidRequest` or :class:`WeakPassword` does not count, since a form with a
        mistake costs and tells nothing. One that is answered with 503 counts: a flood is what makes them.

        :param name: whom it is about: a folded user name, or the id of the user who is signed in.
        :param address: the network address of the client; ``None`` or ``""`` (a Unix socket) where there is none.
        :raises RateLimited: it comes too early; the block is not run.
        """
        if not self._enabled:
            yield
            return
        counted = [(self._names[action], _digest(name))]
        if address:
            counted.append((self._networks[action], _digest(network_of(address))))
        reporter = reporter_of(address)
        if reporter is not None:
            counted.append((self._reporters[action], _digest(reporter)))
        now = self._clock.monotonic()
        with self._lock():
            wait = max(buckets.wait(key, now) for buckets, key in counted)
            for buckets, key in counted:
                if wait > 0:
                    buckets.renew(key)
                else:
                    buckets.add(key, now)
        if wait > 0:
            raise RateLimited(retry_after=max(1, int(wait + 0.999)))
        try:
            yield
        except (InvalidRequest, WeakPassword):
            with self._lock():
                for buckets, key in counted:
                    buckets.take_back(key)
            raise


def make_room(entries: OrderedDict[bytes, V], most: int, holds_up: Callable[[V, bytes], bool]) -> None:
    """Forget an entry if there are more than *most*: an old one, and if possible none that holds somebody up.

    A flood of new names would otherwise push out the entry of the one name that is being guessed at.
    """
    if len(entries) <= most:
        return
    for _ in range(_LOOKS):
        key, entry = next(iter(entries.items()))
        if not holds_up(entry, key):
            break
        entries.move_to_end(key)
    entries.popitem(last=False)


def _times(rate: Rate) -> Rate:
    return Rate(burst=REPORTED_TIMES * rate.burst, every=rate.every / REPORTED_TIMES)


def _digest(text: str) -> bytes:
    # A name may be long, and what people type into the wrong field is not kept.
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
