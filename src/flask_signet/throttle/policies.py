"""What is counted for each action, and how much of it is allowed: the figures, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from flask_signet.throttle.networks import REPORTED_TIMES
from flask_signet.throttle.rules import Places, Rate, Waits

#: What an attempt is called.
Action = Literal["login", "register", "password", "account"]

#: What tries are counted by. ``pair``: name and network together; ``reporter``: a neighbour that reports addresses of
#: clients and may have invented them.
By = Literal["pair", "name", "network", "user", "reporter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One count of an action.

    :param known_pass: a user who has logged in from this network before is not held up by it.
    :param after_success: what a try that succeeded leaves: ``clear`` forgets the failures aimed at its user,
        ``take_back`` counts the try less, ``keep`` counts it.
    """

    by: By
    rule: Waits | Rate
    known_pass: bool = False
    after_success: Literal["clear", "take_back", "keep"] = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The counts of one action.

    :param by_user: the user is looked for during the attempt, and the try is counted when it is known whom it is
        aimed at. Otherwise it is counted at once.
    :param places: how long a network is known from which a user has succeeded; ``None``: it is not remembered.
    """

    name: Action
    counters: tuple[Counter, ...]
    by_user: bool = False
    places: Places | None = None


PAIR = Waits(free=5, longest=300, memory=3_600)
# 20 + 11 until the wait is at its longest, then 24 a day: far below NIST's 100 in a row (SP 800-63B-4 section 3.2.2).
NAME = Waits(free=20, longest=3_600, memory=86_400)
# Many people may stand behind one address.
NETWORK = Waits(free=60, longest=60, memory=900)
# All that one neighbour reports of clients nobody vouches for: ten times what one network has.
REPORTED = Rate(burst=REPORTED_TIMES * NETWORK.free, every=NETWORK.longest / REPORTED_TIMES)
# Right or wrong: far more than a person needs, and few enough that one account cannot take all places for hashing.
LOGINS = Rate(burst=60, every=1.0)

_LOGIN = Policy(
    name="login",
    by_user=True,
    places=Places(memory=90 * 86_400),
    counters=(
        Counter(by="pair", rule=PAIR, after_success="clear"),
        Counter(by="name", rule=NAME, after_success="clear", known_pass=True),
        # Not cleared: a client's own account must not buy its network free tries on others.
        Counter(by="network", rule=NETWORK, after_success="take_back"),
        Counter(by="reporter", rule=REPORTED, after_success="take_back", known_pass=True),
        Counter(by="user", rule=LOGINS),
    ),
)


def _rates(name: Action, *, by_network: Rate, by_name: Rate) -> Policy:
    return Policy(
        name=name,
        counters=(
            Counter(by="name", rule=by_name),
            Counter(by="network", rule=by_network),
            Counter(by="reporter", rule=by_network.times(REPORTED_TIMES)),
        ),
    )


POLICIES: Final[Mapping[Action, Policy]] = MappingProxyType(
    {
        "login": _LOGIN,
        # A class of thirty behind one address can register at once; the answer "taken" costs a try.
        "register": _rates("register", by_network=Rate(burst=30, every=20.0), by_name=Rate(burst=10, every=60.0)),
        # By user from here on: the routes need a token.
        "password": _rates("password", by_network=Rate(burst=60, every=10.0), by_name=Rate(burst=10, every=60.0)),
        "account": _rates("account", by_network=Rate(burst=60, every=10.0), by_name=Rate(burst=20, every=60.0)),
    }
)
