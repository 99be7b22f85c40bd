"""Map the address of a client to the network that attempts are counted for."""

from __future__ import annotations

import ipaddress

from flask_signet.web.reported import ReportedAddress

#: All clients that one neighbouring proxy reports share this multiple of the limit of one network.
REPORTED_TIMES = 10


def reporter_of(address: str | None) -> str | None:
    """Return a name for the proxy that reported *address*, or ``None`` if the address is verified."""
    return f"all by {network_of(address.by)}" if isinstance(address, ReportedAddress) else None


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
