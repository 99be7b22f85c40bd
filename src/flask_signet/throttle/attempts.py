"""The throttle: ``with throttle.attempt("login", name=…, network=…) as attempt:`` around what is limited.

Consecutive failures make a guesser wait, but never lock the owner out for good. Costly actions have a rate limit. The
module ``policies`` says what is counted and how, ``rules`` decides, and a
:class:`~flask_signet.throttle.ports.Counters` stores the counts. This module leads an attempt through them, and says
which counters it has.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final

from flask_signet.clock import Clock
from flask_signet.exceptions import InvalidRequest, RateLimited, SignetError, WeakPassword
from flask_signet.store.root_key_labels import Label
from flask_signet.throttle.memory import MemoryCounters
from flask_signet.throttle.policies import POLICIES, Action, Policy
from flask_signet.throttle.ports import NOBODY, Counters, Decision, Key
from flask_signet.throttle.rules import By, Places, Try
from flask_signet.web.reported import ReportedAddress

log = logging.getLogger(__name__)

#: The label with which the secret of the counters is derived from the root key.
LABEL: Final[Label] = "throttle"

_DIGEST_BYTES = 16


class Throttle:
    """Count attempts, and refuse those that come too early.

    :param counters: where; ``None`` counts nothing and refuses nothing.
    :param secret: returns the secret under which names, networks and users are kept: 32 bytes, the same for all who
        share the counters.
    """

    def __init__(self, counters: Counters | None, secret: Callable[[], bytes]) -> None:
        self._counters = counters
        self._secret = secret

    @classmethod
    def in_memory(cls, clock: Clock) -> Throttle:
        """Return a throttle whose counts belong to one process."""
        secret = clock.token_bytes(32)
        return cls(MemoryCounters(clock), lambda: secret)

    @classmethod
    def off(cls) -> Throttle:
        """Return a throttle that counts nothing."""
        return cls(None, lambda: b"")

    @contextmanager
    def attempt(self, action: Action, *, name: str, network: str | None) -> Generator[Attempt, None, None]:
        """Count one attempt of *action*, which the block makes.

        An attempt that ends with :class:`InvalidRequest` or :class:`WeakPassword` does not count: an invalid form costs
        nothing and reveals nothing. An attempt that is counted by user does not count if an error left it undecided.
        Other attempts that are answered with 503 do count, because a flood of requests causes them.

        :param name: the folded user name that is tried, or the id of the signed-in user.
        :param network: the network address of the client; ``None`` or ``""`` (a Unix socket) if there is none.
        :raises RateLimited: the attempt comes too early; the block is not run.
        :raises Unavailable: the database with the counts does not answer; the block is not run.
        """
        attempt = Attempt(self._counters, self._secret, POLICIES[action], name, network)
        attempt.begin()
        try:
            yield attempt
        except BaseException as error:
            attempt.ended_by(error)
            raise

    def forget(self) -> None:
        """Forget all counts."""
        if self._counters is not None:
            self._counters.forget()


class Attempt:
    """One attempt, from its start to its end."""

    def __init__(
        self, counters: Counters | None, secret: Callable[[], bytes], policy: Policy, name: str, address: str | None
    ) -> None:
        self._counters = counters
        self._policy = policy
        self._keys = None if counters is None else _Keys(secret(), policy, name, address)
        self._try: Try | None = None
        self._failed = False

    def begin(self) -> None:
        """Count the attempt or refuse it. If the user is not known yet, refuse only if every user would have to wait.

        :raises RateLimited: the attempt comes too early.
        """
        if not self._policy.by_user:
            self._count(None)
        elif self._counters is not None and self._keys is not None:
            look = self._keys.before_user()
            if look.counted:
                _refuse(look.wait(self._counters.read(look.keys)))

    def aimed_at(self, user: object) -> None:
        """Count an attempt by user. Call this before the costly part, with the user that the name belongs to.

        Two users may share a folded name: a success of one of them must not clear the failures of the other.

        :param user: the id of the user; ``None``: there is no such user.
        :raises RateLimited: the attempt comes too early; it is not counted.
        """
        self._count(user)

    def failed(self) -> None:
        """Mark the attempt as failed: it stays counted, whichever error the block ends with."""
        self._failed = True

    def succeeded(self) -> None:
        """Clear the failures that a success disproves.

        This is a separate write, outside of the caller's transaction. If it fails, the attempt stays counted, and the
        success still holds.
        """
        attempt, self._try = self._try, None
        if attempt is not None:
            self._quietly(attempt, attempt.succeed)

    def ended_by(self, error: BaseException) -> None:
        """Remove the attempt from the counts if *error* left it undecided."""
        attempt = self._try
        undecided = self._policy.by_user or isinstance(error, (InvalidRequest, WeakPassword))
        if attempt is not None and undecided and not self._failed:
            self._quietly(attempt, attempt.take_back)

    def _count(self, user: object) -> None:
        if self._counters is None or self._keys is None:
            return
        attempt = self._keys.of(user)
        _refuse(self._counters.change(attempt.keys, attempt.admit))
        self._try = attempt

    def _quietly(self, attempt: Try, decide: Decision[None]) -> None:
        assert self._counters is not None
        try:
            self._counters.change(attempt.keys, decide)
        except SignetError as error:
            log.warning("The end of a throttled attempt could not be counted: %s", error)


def _refuse(wait: int) -> None:
    """Refuse the attempt if the client must wait.

    :raises RateLimited: with whole seconds, at least one.
    """
    if wait > 0:
        raise RateLimited(retry_after=-(-wait // 1_000))


# --- Which counters an attempt has -----------------------------------------------------------------------


class _Keys:
    """Computes the keys of the counters of one attempt: MACs, as a copy of the database must not reveal tried names.

    :param secret: 32 bytes, the same in all processes that share the counters.
    """

    def __init__(self, secret: bytes, policy: Policy, name: str, address: str | None) -> None:
        self._secret = secret
        self._policy = policy
        self._network = network_of(address)
        self._has_address = bool(address)
        self._values: dict[By, tuple[str, ...]] = {"name": (name,)}
        if address:  # without an address the pair is the name alone, and any stranger could block its owner
            self._values |= {"pair": (name, self._network), "network": (self._network,)}
        if isinstance(address, ReportedAddress):
            self._values["reporter"] = (f"all by {network_of(address.by)}",)

    def before_user(self) -> Try:
        """Return an attempt whose target user is not known yet: it has only the counters that apply to every user."""
        return self._try({by: self._values[by] for by in ("pair", "network") if by in self._values})

    def of(self, user: object) -> Try:
        """Return the attempt with all its counters.

        :param user: the id of the user with this name; ``None``: there is no such user.
        """
        if user is None:
            return self._try(self._values)
        text, places = str(user), self._policy.places
        place = None
        if places is not None and self._has_address:
            place = self._key("place", text, self._network), places
        return self._try({**self._values, "user": (text,)}, self._key("user", text).digest, place)

    def _try(
        self, values: Mapping[By, tuple[str, ...]], user: bytes = NOBODY, place: tuple[Key, Places] | None = None
    ) -> Try:
        counted = tuple(
            (self._key(counter.by, *values[counter.by]), counter)
            for counter in self._policy.counters
            if counter.by in values
        )
        keys = [key for key, _ in counted]
        if place is not None:
            keys.append(place[0])
        return Try(counted=counted, keys=tuple(keys), user=user, place=place)

    def _key(self, kind: str, *parts: str) -> Key:
        text = "\0".join((self._policy.name, kind, *parts)).encode(errors="surrogatepass")
        digest = hmac.digest(self._secret, text, "sha256")
        return Key(f"{self._policy.name}:{kind}", digest[:_DIGEST_BYTES])


def network_of(address: str | None) -> str:
    """Return the network that one customer usually has: an IPv4 address, or the /64 of an IPv6 address.

    A port is removed: some proxies send ``192.0.2.1:40000`` or ``[2001:db8::1]:40000`` with a changing port.
    """
    if not address:
        return "-"
    if isinstance(address, ReportedAddress):
        return f"{network_of(str(address))} by {network_of(address.by)}"
    address = address[:64]  # longer than any address with port; a proxy header may be longer
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
