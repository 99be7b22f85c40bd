"""The throttle: ``with throttle.attempt("login", name=…, network=…) as attempt:`` around what is limited.

Consecutive failures make a guesser wait, but never lock the owner out for good. Costly actions have a rate limit. The
module ``policies`` says what is counted and how; a :class:`~flask_signet.throttle.ports.Counters` stores the counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

from flask_signet.clock import Clock
from flask_signet.exceptions import InvalidRequest, RateLimited, SignetError, WeakPassword
from flask_signet.throttle.decisions import Try
from flask_signet.throttle.keys import Keys
from flask_signet.throttle.memory import MemoryCounters
from flask_signet.throttle.policies import POLICIES, Action, Policy
from flask_signet.throttle.ports import Counters, Decision

log = logging.getLogger(__name__)


class Throttle:
    """Count attempts, and refuse those that come too early.

    :param counters: where; ``None`` counts nothing and refuses nothing.
    :param secret: returns the secret under which names, networks and users are kept: 32 bytes, the same for all who
        share the counters.
    """

    def __init__(self, counters: Counters | None, secret: Callable[[], bytes]) -> None:
        self._counters = counters
        self._keys = Keys(secret)

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
        attempt = Attempt(self._counters, self._keys, POLICIES[action], name, network)
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

    def __init__(self, counters: Counters | None, keys: Keys, policy: Policy, name: str, address: str | None) -> None:
        self._counters = counters
        self._keys = keys
        self._policy = policy
        self._name = name
        self._address = address
        self._try: Try | None = None
        self._failed = False

    def begin(self) -> None:
        """Count the attempt or refuse it. If the user is not known yet, refuse only if every user would have to wait.

        :raises RateLimited: the attempt comes too early.
        """
        if self._counters is None:
            return
        if not self._policy.by_user:
            self._count(None)
            return
        look = self._keys.look(self._policy, self._name, self._address)
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
        if self._counters is None:
            return
        attempt = self._keys.of(self._policy, self._name, self._address, user)
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
