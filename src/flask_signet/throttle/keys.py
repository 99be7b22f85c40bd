"""Compute the keys of the counters of an attempt. They are MACs: a copy of the database must not reveal tried names."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from flask_signet.store.root_key_labels import Label
from flask_signet.throttle.decisions import Try
from flask_signet.throttle.networks import network_of, reporter_of
from flask_signet.throttle.policies import By, Counter, Policy
from flask_signet.throttle.ports import NOBODY, Key

#: The label with which the key is derived from the root key.
LABEL: Final[Label] = "throttle"

_DIGEST_BYTES = 16


class Keys:
    """Compute the keys of counters.

    :param secret: returns 32 bytes, the same in all processes that share the counters.
    """

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = secret

    def look(self, policy: Policy, name: str, address: str | None) -> Try:
        """Return an attempt whose target user is not known yet.

        It has only the counters that apply to every user.
        """
        return self._try(policy, name, address, None, lambda counter: counter.by in ("pair", "network"))

    def of(self, policy: Policy, name: str, address: str | None, user: object = None) -> Try:
        """Return an attempt with all its counters.

        :param name: the folded user name that is tried, or the id of the signed-in user.
        :param address: the network address of the client; ``None`` or ``""`` (a Unix socket) if there is none.
        :param user: the id of the user with this name; ``None``: there is no such user.
        """
        return self._try(policy, name, address, user, lambda _: True)

    def _try(
        self, policy: Policy, name: str, address: str | None, user: object, wanted: Callable[[Counter], bool]
    ) -> Try:
        secret = self._secret()

        def key(kind: str, *parts: str) -> Key:
            text = "\0".join((policy.name, kind, *parts)).encode(errors="surrogatepass")
            return Key(f"{policy.name}:{kind}", hmac.digest(secret, text, "sha256")[:_DIGEST_BYTES])

        network = network_of(address)
        values: dict[By, tuple[str, ...]] = {"name": (name,)}
        if address:  # without an address the pair is the name alone, and any stranger could block its owner
            values |= {"pair": (name, network), "network": (network,)}
        reporter = reporter_of(address)
        if reporter is not None:
            values["reporter"] = (reporter,)
        if user is not None:
            values["user"] = (str(user),)
        place = None
        if user is not None and address and policy.places is not None:
            place = key("place", str(user), network), policy.places
        return Try(
            counted=tuple(
                (key(counter.by, *values[counter.by]), counter)
                for counter in policy.counters
                if counter.by in values and wanted(counter)
            ),
            user=NOBODY if user is None else key("user", str(user)).digest,
            place=place,
        )
