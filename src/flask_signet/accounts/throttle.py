"""Make whoever guesses passwords wait, and never lock an owner out for good.

Counted are failures in a row, in the memory of each worker process: by name and network together, by name, and by
network, the name folded so that all spellings are one. A success clears the failures of that very user: two users may
share a folded name, and the one must not clear the count of the other. A network from which a name has logged in
before is not held up by what others do to that name. With W worker processes a guesser has up to W times the tries.

Tries that succeed have a limit as well, by user: each of them costs a hash.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

from flask_signet.accounts.limits import Buckets, Rate, make_room
from flask_signet.accounts.networks import network_of, reporter_of
from flask_signet.clock import Clock
from flask_signet.exceptions import RateLimited
from flask_signet.per_process import PerProcess

MAX_ENTRIES = 50_000  # of each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long to wait after how many failures.

    :param free: failures that cost nothing.
    :param longest: the wait doubles from 1 s up to this many seconds.
    :param memory: seconds without a try after which all is forgotten.
    """

    free: int
    longest: int
    memory: int

    def wait(self, failures: int) -> int:
        """Return the seconds to wait after so many failures in a row."""
        if failures < self.free:
            return 0
        return min(self.longest, 1 << min(failures - self.free, 30))


PAIR = Policy(free=5, longest=300, memory=3_600)
# 20 + 11 until the wait is at its longest, then 24 a day: far below NIST's 100 in a row (SP 800-63B-4 section 3.2.2).
NAME = Policy(free=20, longest=3_600, memory=86_400)
# Many people may stand behind one address.
NETWORK = Policy(free=60, longest=60, memory=900)
# All that one neighbour reports of clients nobody vouches for: ten times what one network has.
REPORTED = Rate(burst=10 * NETWORK.free, every=NETWORK.longest / 10)
# Right or wrong: far more than a person needs, and few enough that one account cannot take all hashing slots.
LOGINS = Rate(burst=60, every=1.0)


_NOBODY = b""  # whom a try is aimed at that names no user
_MOST_USERS = 32  # of one folded name that are told apart


@dataclass(slots=True)
class _Count:
    """Failures under one key, and whom they were aimed at: their number and the time of the last, by user."""

    by_user: dict[bytes, tuple[int, float]]

    @property
    def failures(self) -> int:
        return sum(failures for failures, _ in self.by_user.values())

    @property
    def last(self) -> float:
        return max((last for _, last in self.by_user.values()), default=0.0)


class _Counts:
    """A bounded table of counts under one policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._counts: OrderedDict[bytes, _Count] = OrderedDict()

    def wait(self, key: bytes, now: float) -> float:
        count = self._counts.get(key)
        if count is None or now - count.last > self._policy.memory:
            return 0.0
        return max(0.0, count.last + self._policy.wait(count.failures) - now)

    def add(self, key: bytes, now: float, user: bytes = _NOBODY) -> None:
        count = self._counts.pop(key, None)
        if count is None or now - count.last > self._policy.memory:
            count = _Count({})
        if user not in count.by_user and len(count.by_user) >= _MOST_USERS:
            user = _NOBODY
        count.by_user[user] = (count.by_user.get(user, (0, 0.0))[0] + 1, now)
        self._counts[key] = count
        make_room(self._counts, MAX_ENTRIES, lambda count, _: self._holds_up(count, now))

    def renew(self, key: bytes) -> None:
        if key in self._counts:
            self._counts.move_to_end(key)

    def _holds_up(self, count: _Count, now: float) -> bool:
        return count.failures >= self._policy.free and now - count.last <= self._policy.memory

    def take_back(self, key: bytes, user: bytes = _NOBODY) -> None:
        count = self._counts.get(key)
        if count is not None and user in count.by_user:
            failures, last = count.by_user[user]
            count.by_user[user] = (max(0, failures - 1), last)

    def clear(self, key: bytes, user: bytes) -> None:
        """Forget the failures aimed at *user*; those aimed at others, or at a name that is nobody's, stay."""
        count = self._counts.get(key)
        if count is not None:
            count.by_user.pop(user, None)
            if not count.by_user:
                del self._counts[key]


class Throttle:
    """Counts tries. A try counts as failed until it has succeeded, so a hundred at once are a hundred."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = PerProcess(threading.Lock)
        self._pairs = _Counts(PAIR)
        self._names = _Counts(NAME)
        self._networks = _Counts(NETWORK)
        self._logins = Buckets(LOGINS)
        self._reporters = Buckets(REPORTED)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def look(self, name: str, address: str | None) -> None:
        """Refuse a try that must wait whoever it is aimed at, before the user is looked for. It is not counted.

        :raises RateLimited: it comes too early.
        """
        pair, _, network = _keys(name, address)
        now = self._clock.monotonic()
        with self._lock():
            wait = max(self._pairs.wait(pair, now), self._networks.wait(network, now))
            if wait > 0:
                self._pairs.renew(pair)
                self._networks.renew(network)
                raise RateLimited(retry_after=max(1, int(wait + 0.999)))

    def admit(self, name: str, address: str | None, user: object = None) -> None:
        """Count a try.

        :param name: the folded user name; see :func:`flask_signet.accounts.names.folded`.
        :param address: the network address of the client; ``None`` or ``""`` (a Unix socket) where there is none.
        :param user: the id of the user that the name leads to; ``None`` for nobody.
        :raises RateLimited: it comes too early; it is not counted.
        """
        pair, by_name, network = _keys(name, address)
        owner, place = _user_keys(user, network)
        reporter = (reporter_of(address) or "").encode(errors="surrogatepass")
        now = self._clock.monotonic()
        with self._lock():
            wait = max(self._pairs.wait(pair, now), self._networks.wait(network, now), self._logins.wait(owner, now))
            if owner == _NOBODY or place not in self._known:
                wait = max(wait, self._names.wait(by_name, now), self._reporters.wait(reporter, now))
            if wait > 0:
                # No longer wait, but others are forgotten first.
                self._pairs.renew(pair)
                self._names.renew(by_name)
                self._networks.renew(network)
                self._logins.renew(owner)
                self._reporters.renew(reporter)
                raise RateLimited(retry_after=max(1, int(wait + 0.999)))
            self._names.add(by_name, now, owner)
            if owner != _NOBODY:
                self._logins.add(owner, now)
            if address:  # without one a pair would be the name alone, and any stranger could hold up its owner
                self._pairs.add(pair, now, owner)
                self._networks.add(network, now)
            if reporter:
                self._reporters.add(reporter, now)

    def succeeded(self, name: str, address: str | None, user: object) -> None:
        """Clear what the right password of *user* proves wrong: the failures aimed at them, and no others."""
        pair, by_name, network = _keys(name, address)
        owner, place = _user_keys(user, network)
        reporter = (reporter_of(address) or "").encode(errors="surrogatepass")
        with self._lock():
            self._pairs.clear(pair, owner)
            self._names.clear(by_name, owner)
            # Not cleared: one's own account must not buy a network free tries on others.
            self._networks.take_back(network)
            self._reporters.take_back(reporter)
            if address:
                self._known[place] = None
                self._known.move_to_end(place)
                if len(self._known) > MAX_ENTRIES:
                    self._known.popitem(last=False)

    def undecided(self, name: str, address: str | None, user: object = None) -> None:
        """Take a try back that could not be decided, since the store or the hashing was not available."""
        pair, by_name, network = _keys(name, address)
        owner, _ = _user_keys(user, network)
        reporter = (reporter_of(address) or "").encode(errors="surrogatepass")
        with self._lock():
            self._pairs.take_back(pair, owner)
            self._names.take_back(by_name, owner)
            self._logins.take_back(owner)
            self._networks.take_back(network)
            self._reporters.take_back(reporter)


def _user_keys(user: object, network: bytes) -> tuple[bytes, bytes]:
    """Return the key of a user, and that of the user on this network."""
    if user is None:
        return _NOBODY, _NOBODY
    owner = hashlib.blake2b(str(user).encode(errors="surrogatepass"), digest_size=16).digest()
    return owner, hashlib.blake2b(owner + network, digest_size=16).digest()


def _keys(name: str, address: str | None) -> tuple[bytes, bytes, bytes]:
    # Digests: a name may be long, and what people type into the wrong field is not kept.
    network = network_of(address)
    by_name = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=16).digest()
    pair = hashlib.blake2b(by_name + network.encode(errors="surrogatepass"), digest_size=16).digest()
    return pair, by_name, network.encode(errors="surrogatepass")
