"""Define what is counted for each action, and the limits, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from flask_signet.throttle.rules import Counter, Places, Rate, Waits

#: The names of throttled actions.
Action = Literal["login", "register", "password", "account"]

#: All clients that one neighbouring proxy reports share this multiple of the limit of one network.
REPORTED_TIMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The counters of one action.

    :param by_user: whether the attempt is counted only when its target user is known, which the caller looks up during
        the attempt. Otherwise it is counted at once.
    :param places: how long a network is known after a success of the user; ``None``: networks are not remembered.
    """

    name: Action
    counters: tuple[Counter, ...]
    by_user: bool = False
    places: Places | None = None


PAIR = Waits(free=5, longest=300, memory=3_600)
# 20 + 11 attempts until the longest wait, then 24 a day: far below NIST's limit of 100 consecutive failures
# (SP 800-63B-4 section 3.2.2).
NAME = Waits(free=20, longest=3_600, memory=86_400)
# Many people may share one address.
NETWORK = Waits(free=60, longest=60, memory=900)
# All unverified clients that one neighbouring proxy reports: ten times the limit of one network.
REPORTED = Rate(burst=REPORTED_TIMES * NETWORK.free, every=NETWORK.longest / REPORTED_TIMES)
# Counts successes and failures. Far more than a person needs, and too few for one account to use all hashing slots.
LOGINS = Rate(burst=60, every=1.0)

_LOGIN = Policy(
    name="login",
    by_user=True,
    places=Places(memory=90 * 86_400),
    counters=(
        Counter(by="pair", rule=PAIR, after_success="clear"),
        Counter(by="name", rule=NAME, after_success="clear", known_pass=True),
        # Not cleared: a login to the client's own account must not give its network free attempts on other accounts.
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
        # A class of thirty behind one address can register at once. A request answered "taken" counts as an attempt.
        "register": _rates("register", by_network=Rate(burst=30, every=20.0), by_name=Rate(burst=10, every=60.0)),
        # The following actions are counted by user id: their routes need a token.
        "password": _rates("password", by_network=Rate(burst=60, every=10.0), by_name=Rate(burst=10, every=60.0)),
        "account": _rates("account", by_network=Rate(burst=60, every=10.0), by_name=Rate(burst=20, every=60.0)),
    }
)
