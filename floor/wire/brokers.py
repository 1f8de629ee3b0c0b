"""Where the nodes of one broker listen, and when to try which."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

Address = tuple[str, int]
"""Host and port."""


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
