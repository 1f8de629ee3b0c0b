"""Which addresses the server may be sent to by what people typed: public ones, checked where they lead.

A name is resolved once, every address that it has is checked, and the connection goes to what was checked:
what a name leads to later changes nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from floor.errors import Refused

LENGTH_MAX = 500
_V4_INSIDE = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""Translated to IPv4 on the way: what is inside cannot be told from outside, so none of it is public."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be reached beside public addresses: this machine (`loopback`), private networks."""

    loopback: bool = False
    private: bool = False


def check(address: str, reach: Reach) -> None:
    """Raise Refused for an address that may not be reached, as far as it says so itself."""
    parts = _parts(address)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and reach.loopback and host in _LOCAL):
        raise Refused("address_scheme", "Write an address that begins with https://.")
    if parts.username or parts.password:
        raise Refused("address_malformed", "Write the address without a user and password.")
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return  # a name: checked where it leads, at each delivery
    if not may_reach(number, reach):
        raise Refused("address_private", "This address is not a public one.")


def _parts(address: str) -> SplitResult:
    printable = address.isascii() and address.isprintable() and " " not in address
    try:
        parts = urlsplit(address)
        valid = printable and bool(parts.hostname) and parts.port != 0 and len(address) <= LENGTH_MAX
    except ValueError:
        valid = False
    if not valid:
        raise Refused("address_malformed", "This is not an address such as https://example.org/hook.")
    return parts


def may_reach(number: ipaddress.IPv4Address | ipaddress.IPv6Address, reach: Reach) -> bool:
    """Whether a number is public, or of a kind that is allowed."""
    if isinstance(number, ipaddress.IPv6Address):
        inside = number.ipv4_mapped or number.sixtofour
        if inside is not None:
            return may_reach(inside, reach)
        if number.teredo or any(number in network for network in _V4_INSIDE):
            return False
        if number.is_site_local:
            return reach.private
    if number.is_loopback:
        return reach.loopback
    if number.is_link_local or number.is_multicast or number.is_unspecified or number.is_reserved:
        return False
    return number.is_global or (reach.private and number.is_private)
