"""Resolves names for what the server sends: a client connects to the very addresses that were checked."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from booking_api.webhooks.addresses import Reach, may_reach


class CheckedResolver(AbstractResolver):
    """Resolves names for a client, and refuses one that leads to any address that may not be reached."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name; raises OSError."""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        results: list[ResolveResult] = []
        for kind, _, protocol, _, (number, *_) in found:
            if not may_reach(ipaddress.ip_address(str(number).partition("%")[0]), self._reach):
                raise OSError(errno.EACCES, "the name leads to an address that is not public")
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(number),
                    port=port,
                    family=kind,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is held."""
