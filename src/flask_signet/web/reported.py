"""Define the address of a client that an unknown proxy reported."""

from __future__ import annotations


class ReportedAddress(str):
    """A client address from a header that is not trusted.

    :param by: the address of the peer that sent the header.
    """

    __slots__ = ("by",)
    by: str

    def __new__(cls, address: str, by: str) -> ReportedAddress:
        """Return *address* with the address *by* of the peer that reported it."""
        made = super().__new__(cls, address)
        made.by = by
        return made
