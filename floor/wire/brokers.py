"""Where the nodes of one broker listen, when to try which, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

Address = tuple[str, int]
"""Host and port."""
CONNECT_S, ANSWER_S = 5.0, 10.0
"""How long a broker may take to let a client in, and to answer anything after (s).

NATS 2.9 gives up after 4 s where a queue has no leader; it hangs up then, which aiomqtt does not tell before.
"""
_REFUSED = 0x80


def parse_address(text: str) -> Address:
    """Read "host:port", an IPv6 address in brackets; raises ValueError for anything else."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or not parts.port or parts.username is not None or parts.netloc != text:
        raise ValueError(f"{text!r} is no host:port")
    return parts.hostname, parts.port


def write_address(node: Address) -> str:
    """Write "host:port", as `parse_address` reads it."""
    host, port = node
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def next_try(
    nodes: Sequence[Address], failures: int, backoff_s: tuple[float, float]
) -> tuple[Address, float]:
    """Return which node is next after so many failures in a row, and how long to wait before (s).

    The wait doubles each time that all have failed, from the first of `backoff_s` to the second.
    """
    low, high = backoff_s
    return nodes[failures % len(nodes)], min(high, low * 2.0 ** min(failures // len(nodes), 16))


def refused(code: object) -> bool:
    """Return whether a broker's code for a subscription says no (MQTT 3.1.1, section 3.9.3)."""
    return getattr(code, "value", code) == _REFUSED
