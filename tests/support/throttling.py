"""Attempts as the throttle's tests make them."""

from __future__ import annotations

from flask_signet.throttle import POLICIES, Action, Throttle
from flask_signet.throttle.rules import By, Rate


class Undecided(Exception):
    """What a try ends with that could not be decided."""


def wrong(throttle: Throttle, name: str, address: str | None, user: object = None) -> None:
    """Try a wrong password; raise where the try is not taken."""
    with throttle.attempt("login", name=name, network=address) as attempt:
        attempt.aimed_at(user)
        attempt.failed()


def right(throttle: Throttle, name: str, address: str | None, user: object) -> None:
    """Log in."""
    with throttle.attempt("login", name=name, network=address) as attempt:
        attempt.aimed_at(user)
        attempt.succeeded()


def undecided(throttle: Throttle, name: str, address: str | None, user: object = None) -> None:
    """Try while the store or the hashing is not available."""
    try:
        with throttle.attempt("login", name=name, network=address) as attempt:
            attempt.aimed_at(user)
            raise Undecided
    except Undecided:
        pass


def rate(action: Action, by: By) -> Rate:
    """Return the rate that an action has by name, network or reporter."""
    (found,) = (counter.rule for counter in POLICIES[action].counters if counter.by == by)
    assert isinstance(found, Rate)
    return found
