"""The address of a client as an unknown proxy reported it."""

from __future__ import annotations


class ReportedAddress(str):
    """An address that nobody vouches for.

    :param by: who connected, and sent it in a header.
    """

    __slots__ = ("by",)
    by: str

    def __new__(cls, address: str, by: str) -> ReportedAddress:
        """Return *address* as *by* reported it."""
        made = super().__new__(cls, address)
        made.by = by
        return made
