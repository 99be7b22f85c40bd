"""The throttle: ``with throttle.attempt("login", name=…, network=…) as attempt:`` around what is limited.

Failures in a row make a guesser wait, and never lock an owner out for good; what costs work has a rate. What is
counted, and how, is in ``policies``; where, is a :class:`~flask_signet.throttle.ports.Counters`.
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
    """Counts attempts.

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

        A try that ends as :class:`InvalidRequest` or :class:`WeakPassword` does not count, since a form with a
        mistake costs and tells nothing. Nor does a try by user that an error left undecided. A try of another kind
        that is answered with 503 counts: a flood is what makes them.

        :param name: whom it is about: a folded user name, or the id of the user who is signed in.
        :param network: the network address of the client; ``None`` or ``""`` (a Unix socket) where there is none.
        :raises RateLimited: it comes too early; the block is not run.
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
    """One attempt, between its begin and its end."""

    def __init__(self, counters: Counters | None, keys: Keys, policy: Policy, name: str, address: str | None) -> None:
        self._counters = counters
        self._keys = keys
        self._policy = policy
        self._name = name
        self._address = address
        self._try: Try | None = None
        self._failed = False

    def begin(self) -> None:
        """Count the try, or refuse it; where the user is not known yet, refuse only what any user must wait for.

        :raises RateLimited: it comes too early.
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
        """Count a try by user. To be called before the costly part, with the user that the name leads to.

        Two users may share a folded name: what is right for the one must not count for the other.

        :param user: its id; ``None``: there is no such user.
        :raises RateLimited: it comes too early; it is not counted.
        """
        self._count(user)

    def failed(self) -> None:
        """Say that the try was decided, and wrong: it stays counted, whatever error the block ends with."""
        self._failed = True

    def succeeded(self) -> None:
        """Clear what a success proves wrong.

        It has a write of its own, in no transaction of the caller. If that fails the try stays counted, and the
        success is one all the same.
        """
        attempt, self._try = self._try, None
        if attempt is not None:
            self._quietly(attempt, attempt.succeed)

    def ended_by(self, error: BaseException) -> None:
        """Take the try back, if *error* left it undecided."""
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
    """Refuse where there is something to wait for.

    :raises RateLimited: with whole seconds, at least one.
    """
    if wait > 0:
        raise RateLimited(retry_after=-(-wait // 1_000))
